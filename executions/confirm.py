"""Runs that n8n pushed and that no list has shown since: looked up in its list, many by one page.

A cycle mostly shows them within half a minute. What is left are runs that began before the
cycle's floor, and those that n8n does not keep, such as successful ones where it is told so; asking
for each by its id would cost n8n most where it matters least.
"""

from collections.abc import Sequence
from datetime import timedelta

from django.db.models import F, Q

from executions import epochs
from executions.descent import TAKES_OUR_CURSORS
from executions.ingest import PUSHED
from executions.models import Execution
from executions.n8n.client import execution_cursor
from executions.normalize import normalize
from executions.statuses import FINAL
from executions.turn import Turn
from tenants.querysets import TenantQuerySet

ROWS_A_TURN = 1000
WINDOW = 250
ASKED_AGAIN_AFTER = timedelta(minutes=15)
# Everything else that waits to be asked for again is asked for by its id.
BY_LIST = Q(pushed__gt=0, status__in=FINAL, id_order__isnull=False)


def waiting(turn: Turn) -> TenantQuerySet:
    """The rows that are to be asked for now, of all epochs, those first that wait longest."""
    rows = Execution.objects.for_tenant(turn.tenant.pk).annotate(pushed=F("flags").bitand(PUSHED))
    due = rows.filter(environment_id=turn.environment.pk, recheck_at__lte=turn.now)
    found: TenantQuerySet = due.order_by("recheck_at")
    return found


def can_list(turn: Turn) -> bool:
    return bool(turn.state.capabilities.get(TAKES_OUR_CURSORS, True))


def confirm_pushed(turn: Turn) -> None:
    """Correct what was pushed by what n8n lists; what it does not list it does not keep."""
    if not can_list(turn):
        return
    with turn.writing("runs that were pushed"):
        due = list(waiting(turn).filter(BY_LIST)[:ROWS_A_TURN])
        _rows(turn, due).update(recheck_at=turn.now + ASKED_AGAIN_AFTER)
    for window in windows(due):
        if turn.has_time():
            _confirm(turn, window)


def windows(rows: Sequence[Execution]) -> list[list[Execution]]:
    """The rows by id, cut so that one page of the list holds each part (pure)."""
    found: list[list[Execution]] = []
    for row in sorted(rows, key=_order):
        if found and _order(row) - _order(found[-1][0]) < WINDOW:
            found[-1].append(row)
        else:
            found.append([row])
    return found


def _order(row: Execution) -> int:
    return row.id_order or 0


def _confirm(turn: Turn, rows: Sequence[Execution]) -> None:
    top, lowest = _order(rows[-1]), _order(rows[0])
    page = turn.client.list_executions(
        cursor=execution_cursor(str(top + 1), limit=top - lowest + 1)
    )
    wanted = {row.n8n_execution_id: row.epoch for row in rows}
    records = [normalize(item) for item in page.items if item.id in wanted]
    with turn.writing():
        known = epochs.known_rows(turn, records)
        # An id that stands for another run now is the walk's to settle.
        same = [
            record
            for record in records
            if not epochs.shows_other_runs(wanted[record.n8n_execution_id], [record], known)
        ]
        turn.ingest(same, wanted, are_stored=True)
        listed = {record.n8n_execution_id for record in records}
        absent = [row for row in rows if row.n8n_execution_id not in listed]
        _rows(turn, absent).update(gone_at=turn.now, recheck_at=None, updated_at=turn.now)


def _rows(turn: Turn, rows: Sequence[Execution]) -> TenantQuerySet:
    return Execution.objects.for_tenant(turn.tenant.pk).filter(pk__in=[row.pk for row in rows])
