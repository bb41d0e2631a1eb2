"""What a tenant keeps, and executions deleted in batches by it.

Whoever deletes has made the numbers of the hours final (analytics.pruning): what goes from here is
still on the charts.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import connection

from executions.leases import lock_rows
from executions.models import Environment
from executions.retention_models import RetentionRule
from executions.retention_policy import RetentionPolicy, Rule
from tenants.audit import Actor, record
from tenants.models import Tenant

ROWS_OF_A_BATCH = 10_000
BEGINNING = datetime.min.replace(tzinfo=UTC)

# By place in the table, found by the index on environment and time from its old end: rows of a
# stretch of time lie together, so few pages are touched. Each batch begins where the last one
# ended, so that rows that stay (other statuses) are passed once. No row is locked before it is
# deleted, which would write each of them twice: the lock on all of them keeps other writers out.
# What traces told of the runs goes with them; a key between the tables would look for it row by
# row, at three times the price.
DELETE = """
WITH gone AS (
    DELETE FROM executions WHERE tenant_id = %(tenant)s AND ctid = ANY (ARRAY(
        SELECT ctid FROM executions
        WHERE tenant_id = %(tenant)s AND environment_id = %(environment)s
          AND occurred_at >= %(after)s AND occurred_at < %(before)s
          AND normalized_status = ANY (%(statuses)s)
        ORDER BY occurred_at, id LIMIT %(limit)s
    ))
    RETURNING id, occurred_at
), spans AS (
    DELETE FROM executions_runspan
    WHERE tenant_id = %(tenant)s AND execution_id IN (SELECT id FROM gone)
)
SELECT count(*), max(occurred_at) FROM gone
"""
COUNTS = """
SELECT x.n, x.oldest_at
FROM ROWS FROM (
    jsonb_to_recordset(%(parts)s::jsonb)
    AS (environment uuid, before timestamptz, statuses text[])
) WITH ORDINALITY AS p (environment, before, statuses, number)
CROSS JOIN LATERAL (
    SELECT count(*) AS n, min(occurred_at) AS oldest_at FROM executions
    WHERE tenant_id = %(tenant)s AND environment_id = p.environment
      AND occurred_at < p.before AND normalized_status = ANY (p.statuses)
) AS x ORDER BY p.number
"""
OLDEST = """
SELECT occurred_at FROM executions
WHERE tenant_id = %(tenant)s AND environment_id = %(environment)s
  AND occurred_at < %(before)s AND normalized_status = ANY (%(statuses)s)
ORDER BY occurred_at LIMIT 1
"""
# The newest rows that always stay begin here; none where there are not even so many.
KEPT_FROM = """
SELECT occurred_at FROM executions WHERE tenant_id = %(tenant)s
ORDER BY occurred_at DESC, id DESC OFFSET %(others)s LIMIT 1
"""
# With its indexes; an estimate that does not read the rows.
BYTES_OF_A_ROW = """
SELECT pg_total_relation_size('executions') / greatest(reltuples, 1)
FROM pg_class WHERE oid = 'executions'::regclass
"""


@dataclass(frozen=True, slots=True)
class Slice:
    """Executions of one environment with these statuses that began before a moment."""

    tenant_id: UUID
    environment_id: UUID
    before: datetime
    statuses: Sequence[str]

    def parameters(self) -> dict[str, Any]:
        return {
            "tenant": self.tenant_id,
            "environment": self.environment_id,
            "before": self.before,
            "statuses": list(self.statuses),
        }


def policy_of(tenant: Tenant) -> RetentionPolicy:
    """What the tenant keeps; inside the tenant's scope."""
    rules = RetentionRule.objects.for_tenant(tenant).order_by("pk")
    return RetentionPolicy(
        days=tenant.retention_days,
        min_kept=tenant.retention_min_kept,
        rules=tuple(Rule(row.days, row.environment_id, row.status) for row in rules),
    )


def kept_from(tenant_id: UUID, min_kept: int) -> datetime | None:
    """What began from here on stays whatever its age; None where no number is to be kept.

    The start of the newest execution but ``min_kept - 1``; the beginning of time where there are
    not so many.
    """
    if min_kept == 0:
        return None
    with connection.cursor() as cursor:
        cursor.execute(KEPT_FROM, {"tenant": tenant_id, "others": min_kept - 1})
        found = cursor.fetchone()
    return found[0] if found else BEGINNING


def delete_batch(part: Slice, *, after: datetime, limit: int) -> tuple[int, datetime | None]:
    """Delete the oldest rows of a slice from ``after`` on: how many, and the newest one's start.

    Fewer than ``limit`` went where the slice has no more.
    """
    lock_rows(part.environment_id)
    with connection.cursor() as cursor:
        cursor.execute(DELETE, {**part.parameters(), "after": after, "limit": limit})
        rows, newest = cursor.fetchone()
        return rows, newest


def counts(tenant_id: UUID, parts: Sequence[Slice]) -> list[tuple[int, datetime | None]]:
    """How many rows each slice of the tenant has, and the start of its oldest one; in one query."""
    told = [
        {
            "environment": str(part.environment_id),
            "before": part.before.isoformat(),
            "statuses": list(part.statuses),
        }
        for part in parts
    ]
    with connection.cursor() as cursor:
        cursor.execute(COUNTS, {"tenant": tenant_id, "parts": json.dumps(told)})
        return list(cursor.fetchall())


def oldest(part: Slice) -> datetime | None:
    """The start of the oldest row of a slice."""
    with connection.cursor() as cursor:
        cursor.execute(OLDEST, part.parameters())
        found = cursor.fetchone()
    return found[0] if found else None


def bytes_of_a_row() -> float:
    with connection.cursor() as cursor:
        cursor.execute(BYTES_OF_A_ROW)
        return float(cursor.fetchone()[0])


def change_policy(tenant: Tenant, policy: RetentionPolicy, *, actor: Actor) -> None:
    """Keep from now on what the policy says; inside the tenant's scope.

    Raises ValidationError with a sentence for each value that is not allowed.
    """
    before = policy_of(tenant)
    tenant.retention_days, tenant.retention_min_kept = policy.days, policy.min_kept
    tenant.full_clean(validate_unique=False)
    rules = [_checked_rule(tenant, rule) for rule in policy.rules]
    if len({(rule.environment_id, rule.status) for rule in rules}) < len(rules):
        raise ValidationError({"rules": "Two rules are of the same environment and status."})
    tenant.save(update_fields=["retention_days", "retention_min_kept"])
    RetentionRule.objects.for_tenant(tenant).delete()
    RetentionRule.objects.bulk_create(rules)
    changes = {"before": _in_words(before), "after": _in_words(policy)}
    record(tenant=tenant, actor=actor, action="changed retention", subject=tenant, changes=changes)


def _checked_rule(tenant: Tenant, rule: Rule) -> RetentionRule:
    row = RetentionRule(
        tenant=tenant, environment_id=rule.environment_id, status=rule.status, days=rule.days
    )
    row.full_clean(validate_unique=False, validate_constraints=False)
    if rule.environment_id is None and not rule.status:
        raise ValidationError({"rules": "A rule needs an environment, a status or both."})
    if rule.environment_id is not None:
        known = Environment.objects.for_tenant(tenant).filter(pk=rule.environment_id)
        if not known.exists():
            raise ValidationError({"rules": f"There is no environment {rule.environment_id}."})
    return row


def _in_words(policy: RetentionPolicy) -> dict[str, object]:
    return {
        "days": policy.days,
        "min_kept": policy.min_kept,
        "rules": [
            f"{rule.environment_id or 'all'} {rule.status or 'any'}: {rule.days}"
            for rule in policy.rules
        ],
    }
