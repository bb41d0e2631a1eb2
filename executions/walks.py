"""Walks down the executions of an environment, newest first, one transaction for what has come.

A walk is a SyncRun: its position, its counts, the rows of its pages and the marks of the hours they
change are saved together, so a kill between any two instructions loses and doubles nothing. A
cycle that a turn does not finish becomes history and goes on in later turns, while new cycles
begin at the top: what is new is always seen first.
"""

import time
from dataclasses import dataclass
from datetime import timedelta

from executions import coverage, epochs
from executions.coverage import Stretch
from executions.descent import TAKES_OUR_CURSORS, Descent, Floor, Page, pages_ahead
from executions.epochs import Known
from executions.ingest import IngestResult
from executions.missing import note_missing_ids
from executions.models import Execution, SyncRun
from executions.n8n.errors import BadRequest
from executions.normalize import ExecutionRecord
from executions.progress import progress_of
from executions.turn import Turn
from tenants.realtime import publish

# Going so far below the highest id known catches runs that ended out of order. It is less than a
# page of 250, so that a cycle with up to a hundred new runs takes one page: a smaller page would
# cost n8n the same.
OVERLAP = 150
# Bounds the look for vanished rows by an index; longer than the window that is compared.
COMPARED = timedelta(days=8)
# Longer than a turn from its list of running ones to its last page.
BEGAN_LATELY = timedelta(minutes=5)
TELL_EVERY = 1.0
# Of a walk that goes on, the ledger may know less than was seen: each stretch reaches to the top.
COVER_EVERY = 1.0
CHANGED_BY_A_PAGE = (
    *("kind", "state", "epoch", "position", "pages", "busy_ms", "started_at", "finished_at"),
    *("top_order", "top_at", "floor_order", "joins_at", "lowest_order", "oldest_at"),
    *("rows_seen", "rows_new", "rows_changed", "rows_refused"),
)


@dataclass(slots=True)
class Step:
    """One page on its way into the database."""

    page: Page
    is_last: bool


def walk(turn: Turn, run: SyncRun) -> bool:
    """Go on with a walk until its floor or the end of the turn; True where it is finished."""
    turn.enter(_place(turn, run, run.position))
    while True:
        try:
            is_finished = _go_down(turn, run)
        except BadRequest:
            if not run.position or not turn.state.capabilities.get(TAKES_OUR_CURSORS, True):
                raise
            _begin_again(turn, run)
            continue
        if is_finished or not turn.has_time():
            return is_finished


def _go_down(turn: Turn, run: SyncRun) -> bool:
    """Write what has come, again and again; True after the last page of the walk.

    It ends before that with the turn, or where a new epoch has moved the floor.
    """
    is_last = False
    began = time.monotonic()
    with pages_ahead(Descent(turn, run)) as come:
        for pages in come:
            run.busy_ms, began = run.busy_ms + _since(began), time.monotonic()
            is_last = _write(turn, run, pages)
            _tell(turn, run)
    return is_last


def _is_last(run: SyncRun, page: Page) -> bool:
    floor = Floor(run.floor_order, run.floor_at)
    return page.next_position is None or floor.is_reached_by(page)


def _tell(turn: Turn, run: SyncRun) -> None:
    """Progress for open pages, at most once a second; a cycle of one page is none to follow."""
    is_short = run.kind == SyncRun.Kind.CYCLE and run.pages == 1
    is_over = run.state == SyncRun.State.DONE
    if is_short or (not is_over and time.monotonic() - turn.told_at < TELL_EVERY):
        return
    turn.told_at = time.monotonic()
    progress = progress_of(run)
    publish(
        turn.tenant.pk,
        "sync.progress",
        {
            "environment_id": str(turn.environment.pk),
            "run_id": str(run.pk),
            "current": progress.current,
            "total": progress.total,
            "percentage": progress.percentage,
        },
    )


def _since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)


def _place(turn: Turn, run: SyncRun, position: str | None) -> str:
    return f"page at {position}" if position else f"first page above {turn.state.high_water}"


def _begin_again(turn: Turn, run: SyncRun) -> None:
    """A cursor was refused, as after an upgrade of n8n: from the top, by n8n's own cursors."""
    with turn.writing():
        turn.state.capabilities = {**turn.state.capabilities, TAKES_OUR_CURSORS: False}
        turn.state.save(update_fields=["capabilities"])
        run.position, run.lowest_order = "", None
        run.save(update_fields=["position", "lowest_order"])


def _write(turn: Turn, run: SyncRun, pages: list[Page]) -> bool:
    """The pages, their marks and all that is said of them, or nothing; True with the last one."""
    is_last = False
    with turn.writing(_place(turn, run, pages[-1].next_position)):
        for page in pages:
            is_last = _take(turn, run, Step(page, _is_last(run, page)))
        if is_last or time.monotonic() - turn.covered_at >= COVER_EVERY:
            _cover(turn, run)
        run.save(update_fields=CHANGED_BY_A_PAGE)
    return is_last


def _take(turn: Turn, run: SyncRun, step: Step) -> bool:
    in_epochs = _settle_epochs(turn, run, step)
    result = turn.ingest(step.page.records, in_epochs)
    if run.pages == 0:
        _note_top(turn, run, step)
    _note_missing(turn, run, step)
    _note_vanished(turn, run, step)
    _advance(turn, run, step, result)
    return step.is_last


def _settle_epochs(turn: Turn, run: SyncRun, step: Step) -> dict[str, int]:
    """Open a new epoch where n8n began again; the page's runs that belong to older ones."""
    is_history = run.kind == SyncRun.Kind.HISTORY
    # Below the first page of a first load nothing can be known from before.
    is_first_load = run.kind == SyncRun.Kind.CYCLE and run.floor_order is None and run.pages > 0
    if (is_history or is_first_load) and turn.state.epoch == 1:
        return {}
    known = epochs.known_rows(turn, step.page.records)
    if not is_history and _began_again(turn, run, step, known):
        _open_epoch(turn, run)
        step.is_last = _is_last(run, step.page)
    return epochs.older_epochs(turn.state.epoch, step.page.records, known)


def _began_again(turn: Turn, run: SyncRun, step: Step, known: dict[str, list[Known]]) -> bool:
    if run.pages == 0:
        return epochs.began_again(turn.state, step.page.records, known)
    return epochs.shows_other_runs(turn.state.epoch, step.page.records, known)


def _open_epoch(turn: Turn, run: SyncRun) -> None:
    """The walk goes on as the first load of the new epoch."""
    epochs.open_epoch(turn)
    if run.pages > 0 and run.floor_order is not None and run.started_at is not None:
        # The pages above were taken for the old life's; their ids had never been seen before.
        epochs.take_over(turn, above=run.floor_order + OVERLAP, since=run.started_at)
        turn.state.high_water, turn.state.high_water_at = run.top_order, run.top_at
        turn.state.save(update_fields=["high_water", "high_water_at"])
    run.epoch, run.kind = turn.state.epoch, SyncRun.Kind.HISTORY
    run.floor_order = run.joins_at = None


def _note_top(turn: Turn, run: SyncRun, step: Step) -> None:
    run.started_at = run.started_at or turn.now
    run.state = SyncRun.State.RUNNING
    run.top_at = run.top_at or step.page.server_date or turn.now
    run.top_order = max(step.page.orders, default=None)
    state = turn.state
    if run.position == "" and (state.high_water or 0) <= (run.top_order or 0):
        state.high_water, state.high_water_at = run.top_order, run.top_at
        state.save(update_fields=["high_water", "high_water_at"])


def _note_missing(turn: Turn, run: SyncRun, step: Step) -> None:
    if run.kind == SyncRun.Kind.RECONCILE:
        return
    orders = step.page.orders
    if run.lowest_order is not None:
        orders.append(run.lowest_order)
    note_missing_ids(turn, orders, above=_complete_below(run, step.page.records))


def _complete_below(run: SyncRun, records: list[ExecutionRecord]) -> int:
    """The id up to which a walk has nothing to miss (pure).

    What ran when the turn began was in n8n's list of running ones. So a first load, which has
    no floor, can miss what began since then, runs when its page is listed and ends soon after.
    """
    if run.floor_order is not None:
        return run.floor_order + OVERLAP
    since = run.top_at - BEGAN_LATELY if run.top_at is not None else None
    return max(
        (
            record.id_order
            for record in records
            if record.id_order is not None
            and (since is None or (record.started_at is not None and record.started_at < since))
        ),
        default=0,
    )


def _note_vanished(turn: Turn, run: SyncRun, step: Step) -> None:
    """A comparison found stored runs that n8n no longer lists: each is asked for by its id."""
    orders = step.page.orders
    if run.kind != SyncRun.Kind.RECONCILE or not orders:
        return
    Execution.objects.for_tenant(turn.tenant.pk).filter(
        environment_id=turn.environment.pk,
        epoch=run.epoch,
        id_order__gt=min(orders),
        id_order__lt=run.lowest_order or max(orders),
        occurred_at__gte=turn.now - COMPARED,
        gone_at=None,
        recheck_at=None,
    ).exclude(
        n8n_execution_id__in=[record.n8n_execution_id for record in step.page.records]
    ).update(recheck_at=turn.now)


def _advance(turn: Turn, run: SyncRun, step: Step, result: IngestResult) -> None:
    run.pages += 1
    run.rows_seen += len(step.page.records)
    run.rows_new += result.inserted
    run.rows_changed += result.changed
    run.rows_refused += step.page.refused
    run.position = step.page.next_position or run.position
    for record in step.page.records:
        if record.id_order is not None and record.id_order <= (run.lowest_order or record.id_order):
            run.lowest_order = record.id_order
            run.oldest_at = record.started_at or run.oldest_at
    if step.is_last:
        # Whoever asked for it may have done so on a machine whose clock is ahead.
        run.state, run.finished_at = SyncRun.State.DONE, max(turn.now, run.created_at)


def _cover(turn: Turn, run: SyncRun) -> None:
    """Write into the ledger what the walk has seen: from where it stands up to its top."""
    turn.covered_at = time.monotonic()
    if run.top_at is None:
        return
    seen_from = run.oldest_at
    if run.state == SyncRun.State.DONE and _reached_floor(run):
        seen_from = run.joins_at or run.floor_at
    if seen_from is not None:
        coverage.extend(turn.tenant.pk, turn.environment.pk, Stretch(seen_from, run.top_at))


def _reached_floor(run: SyncRun) -> bool:
    """Whether the walk ended at its floor, and not because n8n had nothing older."""
    if run.floor_order is not None:
        return run.lowest_order is not None and run.lowest_order <= run.floor_order
    return run.oldest_at is not None and run.floor_at is not None and run.oldest_at <= run.floor_at
