"""The nightly recount: a sample of hours is added up from the rows and held against the rollups.

A difference is recorded with the environment, logged, and its hours are marked to be added up
again. Hours that are marked anyway, or whose rows are gone, say nothing and are left out.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from django.db import connection
from django.utils import timezone

from analytics.models import RollupState
from analytics.rollup_sql import STATUSES, SUMS
from executions.models import DirtyHour, Environment
from tenants.scope import operator_scope, tenant_scope

log = structlog.get_logger(__name__)

HOURS_SAMPLED = 50

COUNTED = ", ".join(
    f"count(*) FILTER (WHERE e.normalized_status = '{status}')" for status in STATUSES
)
DIFFERENCES = f"""
WITH hours AS (
    SELECT begins_at FROM analytics_environmenthour
    WHERE tenant_id = %(tenant)s AND environment_id = %(environment)s
      AND (%(since)s::timestamptz IS NULL OR begins_at < %(since)s OR begins_at >= %(before)s)
    UNION SELECT date_trunc('hour', occurred_at, 'UTC') FROM (
        SELECT occurred_at FROM executions
        WHERE tenant_id = %(tenant)s AND environment_id = %(environment)s
          AND (%(since)s::timestamptz IS NULL OR occurred_at < %(since)s
               OR occurred_at >= %(before)s)
        ORDER BY occurred_at DESC LIMIT 10000
    ) AS newest
), sample AS (
    SELECT begins_at FROM hours WHERE begins_at NOT IN (
        SELECT hour FROM executions_dirtyhour
        WHERE tenant_id = %(tenant)s AND environment_id = %(environment)s
    ) ORDER BY random() LIMIT %(limit)s
), recounted AS (
    SELECT s.begins_at, ARRAY[{COUNTED}, count(e.execution_time),
        coalesce(sum(e.execution_time), 0)] AS counted
    FROM sample s LEFT JOIN executions e
      ON e.tenant_id = %(tenant)s AND e.environment_id = %(environment)s
     AND e.occurred_at >= s.begins_at AND e.occurred_at < s.begins_at + interval '1 hour'
    GROUP BY s.begins_at
), stored AS (
    SELECT begins_at, ARRAY[{", ".join(f"{name}::numeric" for name in SUMS)}] AS counted
    FROM analytics_environmenthour
    WHERE tenant_id = %(tenant)s AND environment_id = %(environment)s
)
SELECT r.begins_at, r.counted, s.counted, r.counted IS DISTINCT FROM s.counted
FROM recounted r LEFT JOIN stored s USING (begins_at) ORDER BY begins_at
"""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a recount found."""

    hours: int
    different: tuple[datetime, ...]
    sentence: str = ""


def check_all() -> None:
    """Recount a sample of each environment."""
    with operator_scope():
        known = list(Environment.objects.order_by("pk").values_list("tenant_id", "pk"))
    for tenant_id, environment_id in known:
        check_environment(tenant_id=tenant_id, environment_id=environment_id)


def check_environment(
    *, tenant_id: UUID, environment_id: UUID, hours: int = HOURS_SAMPLED
) -> CheckResult:
    """Recount hours of an environment, record what was found and have differences mended."""
    with tenant_scope(tenant_id):
        state, _ = RollupState.objects.get_or_create(
            tenant_id=tenant_id, environment_id=environment_id
        )
        result = _recount(state, hours)
        RollupState.objects.for_tenant(tenant_id).filter(environment_id=environment_id).update(
            checked_at=timezone.now(),
            hours_checked=result.hours,
            hours_different=len(result.different),
            difference=result.sentence,
        )
        DirtyHour.objects.bulk_create(
            DirtyHour(tenant_id=tenant_id, environment_id=environment_id, hour=hour)
            for hour in result.different
        )
    if result.different:
        log.error("rollups_differ", environment=str(environment_id), sentence=result.sentence)
    return result


def _recount(state: RollupState, limit: int) -> CheckResult:
    with connection.cursor() as cursor:
        cursor.execute(
            DIFFERENCES,
            {
                "tenant": state.tenant_id,
                "environment": state.environment_id,
                "since": state.purged_since,
                "before": state.purged_before,
                "limit": limit,
            },
        )
        rows = cursor.fetchall()
    wrong = [row for row in rows if row[3]]
    return CheckResult(
        hours=len(rows),
        different=tuple(row[0] for row in wrong),
        sentence=_sentence(*wrong[0][:3]) if wrong else "",
    )


def _sentence(hour: datetime, counted: list[int], stored: list[int] | None) -> str:
    runs, kept = sum(counted[: len(STATUSES)]), sum((stored or [])[: len(STATUSES)])
    return (
        f"The hour from {hour:%Y-%m-%d %H:%M} UTC has {runs} executions, its rollup says {kept};"
        " it is being added up again."
    )
