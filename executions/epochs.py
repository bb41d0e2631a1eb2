"""Epochs: lives of one n8n database.

An n8n that was wiped begins again at id 1, one that was restored from a backup gives ids a second
time to other runs. Neither may overwrite what was copied before: the environment opens a new
epoch and the old rows stay. Runs that both lives share, from before the backup, keep their row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from executions.ingest import BY_ANYTHING, BY_KEY, PUSHED
from executions.models import Execution, SyncState
from executions.normalize import ExecutionRecord
from executions.turn import Turn

# n8n's own rounding; a run's start never changes otherwise.
SAME_START = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Known:
    """What is stored under an id, in one epoch. Pushed times are near n8n's own, not the same."""

    epoch: int
    workflow_id: str
    started_at: datetime | None
    is_pushed: bool = False
    status: str = ""
    id: UUID | None = None


def is_other_run(known: Known, record: ExecutionRecord) -> bool:
    """Whether the id now stands for another run than the stored one (pure)."""
    if known.workflow_id and record.workflow_id and known.workflow_id != record.workflow_id:
        return True
    if known.started_at is None or record.started_at is None or known.is_pushed:
        return False
    return abs(known.started_at - record.started_at) > SAME_START


def shows_other_runs(
    epoch: int, records: Sequence[ExecutionRecord], known: dict[str, list[Known]]
) -> bool:
    """Whether ids of this epoch stand for other runs now (pure)."""
    return any(
        row.epoch == epoch and is_other_run(row, record)
        for record in records
        for row in known.get(record.n8n_execution_id, ())
    )


def began_again(
    state: SyncState, records: Sequence[ExecutionRecord], known: dict[str, list[Known]]
) -> bool:
    """Whether the newest page shows another life of n8n than the stored one (pure)."""
    if shows_other_runs(state.epoch, records, known):
        return True
    top = max(records, key=lambda record: record.id_order or 0, default=None)
    if top is None or top.id_order is None or top.started_at is None:
        return False
    if state.high_water is None or state.high_water_at is None:
        return False
    # A lower id that started later than everything listed so far was given out again.
    is_new = top.n8n_execution_id not in known
    return is_new and top.id_order < state.high_water and top.started_at > state.high_water_at


# Looked up one by one, in the order of the unique index, for the reason given in executions.ingest.
KNOWN = f"""
SELECT s.key, e.epoch, e.workflow_id, e.started_at, e.flags & {PUSHED} <> 0, e.status, e.id
FROM unnest(%(ids)s::text[]) AS s (key) CROSS JOIN generate_series(1, %(epochs)s) AS lives (epoch)
CROSS JOIN LATERAL (
    SELECT epoch, workflow_id, started_at, flags, status, id FROM executions
    WHERE tenant_id = %(tenant)s AND environment_id = %(environment)s AND epoch = lives.epoch
      AND n8n_execution_id BETWEEN s.key AND s.key
    ORDER BY n8n_execution_id LIMIT 1
) e
"""


def known_rows(turn: Turn, records: Sequence[ExecutionRecord]) -> dict[str, list[Known]]:
    """What is stored under the records' ids, in any epoch."""
    return stored_under([record.n8n_execution_id for record in records], turn.state)


def stored_under(ids: Sequence[str], state: SyncState) -> dict[str, list[Known]]:
    parameters: dict[str, Any] = {
        "ids": ids,
        "epochs": state.epoch,
        "tenant": state.tenant_id,
        "environment": state.environment_id,
    }
    found: dict[str, list[Known]] = {}
    with connection.cursor() as cursor:
        cursor.execute(f"{BY_KEY}; {KNOWN}; {BY_ANYTHING}", parameters)
        cursor.nextset()
        for key, *values in cursor.fetchall():
            found.setdefault(key, []).append(Known(*values))
    return found


def older_epochs(
    current: int, records: Sequence[ExecutionRecord], known: dict[str, list[Known]]
) -> dict[str, int]:
    """The records that are runs of an older epoch, with that epoch (pure)."""
    found: dict[str, int] = {}
    for record in records:
        rows = known.get(record.n8n_execution_id, ())
        if any(row.epoch == current for row in rows):
            continue
        for row in sorted(rows, key=lambda row: -row.epoch):
            if not is_other_run(row, record):
                found[record.n8n_execution_id] = row.epoch
                break
    return found


def open_epoch(turn: Turn) -> None:
    """Begin a new epoch, in the transaction of the page that showed it."""
    state = turn.state
    state.epoch += 1
    state.high_water = state.high_water_at = None
    state.save(update_fields=["epoch", "high_water", "high_water_at"])


def take_over(turn: Turn, *, above: int, since: datetime) -> None:
    """Move what was copied before it was known that n8n began again into the new epoch."""
    Execution.objects.for_tenant(turn.tenant.pk).filter(
        environment_id=turn.environment.pk,
        epoch=turn.state.epoch - 1,
        id_order__gt=above,
        created_at__gte=since,
    ).update(epoch=turn.state.epoch, updated_at=turn.now)
