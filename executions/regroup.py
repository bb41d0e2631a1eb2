"""Stored failures, grouped anew from what is stored of them; newest first, batch by batch.

A row that somebody else holds is not waited for: its batch is tried again later. Doing a batch
twice changes nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet

from executions.details import silence_of
from executions.grouping.fingerprint import Grouping, classify
from executions.grouping.own_rules import OwnRule, regrouped
from executions.grouping.text import ErrorInput
from executions.ingest import BEFORE_DETAILS
from executions.models import DetailState, DirtyHour, Execution

BATCH = 500

UPDATE = """
UPDATE executions e SET error_class = n.error_class, error_template = n.error_template,
    fingerprint = n.fingerprint, grouping_version = n.grouping_version
FROM unnest(%(ids)s::uuid[], %(classes)s::text[], %(templates)s::text[], %(prints)s::text[],
    %(versions)s::smallint[])
    AS n (id, error_class, error_template, fingerprint, grouping_version)
WHERE e.tenant_id = %(tenant)s AND e.id = n.id
"""


class Position(NamedTuple):
    """All failures after this one, in time and id, are done."""

    at: datetime
    id: UUID


@dataclass(frozen=True, slots=True)
class Move:
    """A failure that is in another group now."""

    at: datetime
    old: str
    old_version: int
    new: Grouping


@dataclass(frozen=True, slots=True)
class Batch:
    """What one batch did; ``is_done`` is false where others held some of its rows."""

    rows: int
    moves: tuple[Move, ...]
    position: Position | None
    is_done: bool


def regroup_batch(
    tenant_id: UUID, after: Position | None, rules: Sequence[OwnRule], *, limit: int = BATCH
) -> Batch:
    """Group the next failures; call inside the tenant's transaction."""
    wanted = list(_next(tenant_id, after).values_list("pk", flat=True)[:limit])
    held = Execution.objects.for_tenant(tenant_id).filter(pk__in=wanted)
    rows = list(held.order_by("-occurred_at", "-id").select_for_update(skip_locked=True))
    changed = [(row, new) for row in rows if _differs(row, new := grouping_of(row, rules))]
    _write(tenant_id, changed)
    last = rows[-1] if rows else None
    return Batch(
        rows=len(rows),
        moves=tuple(
            Move(row.occurred_at, row.fingerprint, row.grouping_version, new)
            for row, new in changed
        ),
        position=Position(last.occurred_at, last.pk) if last else None,
        is_done=len(rows) == len(wanted),
    )


def grouping_of(row: Execution, rules: Sequence[OwnRule]) -> Grouping:
    """The group of a failure by what is stored of it (pure)."""
    if not row.error_message:
        return classify(ErrorInput(status=_silence(row)))
    found = classify(
        ErrorInput(
            message=row.error_message,
            http_code=row.error_code,
            name=row.error_name,
            node_type=row.error_node_type,
            status=row.status,
        )
    )
    return regrouped(found, rules)


def _silence(row: Execution) -> str:
    if row.detail_state == DetailState.PENDING:
        return BEFORE_DETAILS.get(row.status, "pending")
    if row.detail_state == DetailState.FETCHED and row.error_name:
        return "redacted"
    return silence_of(row, is_gone=row.detail_state == DetailState.GONE)


def _next(tenant_id: UUID, after: Position | None) -> QuerySet[Execution]:
    rows = Execution.objects.for_tenant(tenant_id).exclude(detail_state=DetailState.NOT_NEEDED)
    rows = rows.exclude(normalized_status="success").order_by("-occurred_at", "-id")
    if after is None:
        return rows
    return rows.filter(occurred_at__lte=after.at).filter(
        Q(occurred_at__lt=after.at) | Q(id__lt=after.id)
    )


def _differs(row: Execution, new: Grouping) -> bool:
    stored = (row.fingerprint, row.error_class, row.error_template, row.grouping_version)
    return stored != (new.fingerprint, new.error_class, new.template, new.version)


def _write(tenant_id: UUID, changed: Sequence[tuple[Execution, Grouping]]) -> None:
    parameters: dict[str, Any] = {
        "tenant": tenant_id,
        "ids": [row.pk for row, _ in changed],
        "classes": [new.error_class for _, new in changed],
        "templates": [new.template for _, new in changed],
        "prints": [new.fingerprint for _, new in changed],
        "versions": [new.version for _, new in changed],
    }
    with connection.cursor() as cursor:
        cursor.execute(UPDATE, parameters)
    hours = {
        (row.environment_id, row.occurred_at.replace(minute=0, second=0, microsecond=0))
        for row, new in changed
        if row.fingerprint != new.fingerprint
    }
    DirtyHour.objects.bulk_create(
        DirtyHour(tenant_id=tenant_id, environment_id=environment_id, hour=hour)
        for environment_id, hour in sorted(hours)
    )
