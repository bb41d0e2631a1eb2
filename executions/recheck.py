"""Executions that are not final: asked for again until they are, or are gone from n8n.

Those that run are not in n8n's plain list and take their place in it, at their old id, when they
end. So the running ones are listed by themselves, and each stored one that is no longer among
them is asked for by its id.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet

from executions import confirm, epochs
from executions.epochs import Known
from executions.ingest import PUSHED
from executions.models import DirtyHour, Execution
from executions.n8n.client import ExecutionPage
from executions.n8n.errors import BadRequest, NotFound
from executions.normalize import normalize
from executions.statuses import NormalizedStatus, is_final
from executions.turn import Turn

RECHECKS_A_TURN = 50
PAGES_OF_RUNNING = 20
SHORTEST, LONGEST = timedelta(seconds=20), timedelta(minutes=15)


def copy_running(turn: Turn) -> set[str]:
    """Store what runs now; the ids, so that they need not be asked for one by one."""
    if turn.state.capabilities.get("lists_running") is False:
        return set()
    turn.enter("running ones")
    running: set[str] = set()
    cursor: str | None = None
    for _ in range(PAGES_OF_RUNNING):
        page = _running_page(turn, cursor)
        if page is None:
            return set()
        records = [normalize(item) for item in page.items]
        with turn.writing():
            known = epochs.known_rows(turn, records)
            if epochs.began_again(turn.state, records, known):
                return set()  # The walk will see it too, and open a new epoch first.
            turn.ingest(records, epochs.older_epochs(turn.state.epoch, records, known))
        fresh = {item.id for item in page.items} - running
        running |= fresh
        cursor = page.next_cursor
        if cursor is None or not fresh:
            break
    return running


def _running_page(turn: Turn, cursor: str | None) -> ExecutionPage | None:
    """One page of running executions; None, and remembered, where this n8n refuses to list them."""
    try:
        page = turn.client.list_executions(cursor=cursor, status="running")
    except BadRequest:
        with turn.writing():
            turn.state.capabilities = {**turn.state.capabilities, "lists_running": False}
            turn.state.save(update_fields=["capabilities"])
        return None
    return page


def recheck_not_final(turn: Turn, running: set[str]) -> None:
    """Ask by id for the stored executions that are not final and whose time has come."""
    with turn.writing("runs that had not ended"):
        due = list(_due(turn))
        # All of them, before one is asked for: one that n8n fails over must not come first again.
        _put_off(turn, due)
    for row in due:
        if row.n8n_execution_id not in running and turn.has_time():
            _recheck(turn, row)


def _due(turn: Turn) -> Iterable[Execution]:
    """Of all epochs: a run from before a backup may go on in the life after it."""
    rows = confirm.waiting(turn)
    if confirm.can_list(turn):
        rows = rows.exclude(confirm.BY_LIST)
    return rows[:RECHECKS_A_TURN]


def _recheck(turn: Turn, row: Execution) -> None:
    try:
        payload = turn.client.get_execution(row.n8n_execution_id).execution
    except NotFound:
        with turn.writing():
            _mark_gone(turn, row)
        return
    record = normalize(payload)
    known = Known(row.epoch, row.workflow_id, row.started_at, bool(row.flags & PUSHED))
    is_other = epochs.is_other_run(known, record)
    with turn.writing():
        if is_other:
            # Its id was given out again. In the newest epoch the walk will see that too.
            if row.epoch != turn.state.epoch:
                _mark_gone(turn, row)
            return
        turn.ingest([record], {record.n8n_execution_id: row.epoch}, are_stored=True)
        if is_final(payload.status):
            _row(turn, row).update(recheck_at=None)


def _put_off(turn: Turn, rows: list[Execution]) -> None:
    """The older a run is, the seldomer it is asked for."""
    now = turn.now
    for row in rows:
        _row(turn, row).update(recheck_at=next_recheck(row.occurred_at, now))


def _row(turn: Turn, row: Execution) -> QuerySet[Execution]:
    return Execution.objects.for_tenant(turn.tenant.pk).filter(pk=row.pk)


def next_recheck(occurred_at: datetime, now: datetime) -> datetime:
    """When a run of this age is asked for again: after a tenth of its age, within bounds (pure)."""
    return now + min(max((now - occurred_at) / 10, SHORTEST), LONGEST)


def _mark_gone(turn: Turn, row: Execution) -> None:
    """n8n no longer has it. One that had not ended was deleted or is not saved: who knows how."""
    values: dict[str, Any] = {"gone_at": turn.now, "recheck_at": None, "updated_at": turn.now}
    if is_final(row.status):
        _row(turn, row).update(**values)
        return
    values["normalized_status"] = NormalizedStatus.UNKNOWN
    if _row(turn, row).filter(gone_at=None).update(**values):
        DirtyHour.objects.create(
            tenant_id=turn.tenant.pk,
            environment_id=turn.environment.pk,
            hour=row.occurred_at.replace(minute=0, second=0, microsecond=0),
        )
