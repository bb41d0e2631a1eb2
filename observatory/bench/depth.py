"""The list of executions at its first page and far down: ours against OFFSET."""

from functools import partial

from django.http import QueryDict

from executions.filters import ExecutionFilter
from executions.models import Execution
from observatory.bench.asking import Ways, medians, named, times
from observatory.bench.history import LARGEST_SHARE, History, Shape, make_histories
from observatory.bench.measuring import PATIENCE_SECONDS, Bench, Options, in_turn
from observatory.bench.report import Figure, Report
from tenants.keyset import DEFAULT_LIMIT, Page, keyset_page, make_cursor
from tenants.scope import tenant_scope

MOMENT = "occurred_at"
DEEPEST = 1_000_000
ROUNDS = 31


def measure(options: Options) -> Report:
    history = make_histories([Shape(options.rows)])[0]
    # A tenant that has fewer rows is measured at nine tenths of them.
    depth = min(DEEPEST, int(0.9 * LARGEST_SHARE * options.rows))
    first, deep = named("list", "page one", history), named("list", f"depth {depth:,}", history)
    offset = named("list", f"OFFSET {depth:,}", history)
    ways: Ways = {
        first: partial(page_after, history, None),
        deep: partial(page_after, history, cursor_at(history, depth)),
        offset: partial(page_by_offset, history, depth),
    }
    seconds = medians(in_turn(ways, ROUNDS, patience=PATIENCE_SECONDS))
    figures = (
        *times(seconds),
        Figure("depth against page one", seconds[deep] / seconds[first], "×", at_most=2),
        Figure("faster than OFFSET", seconds[offset] / seconds[deep], "×"),
    )
    return Report("list", options.rows, figures)


def page_after(history: History, cursor: str | None) -> Page:
    """As a request reads it."""
    with tenant_scope(history.largest.pk):
        asked = ExecutionFilter(QueryDict(), tenant=history.largest)
        asked.is_valid()
        return keyset_page(asked.executions(), moment=MOMENT, cursor=cursor)


def cursor_at(history: History, depth: int) -> str:
    with tenant_scope(history.largest.pk):
        row = Execution.objects.for_tenant(history.largest)[depth]
    return make_cursor(MOMENT, row.occurred_at, row.pk)


def page_by_offset(history: History, depth: int) -> list[Execution]:
    with tenant_scope(history.largest.pk):
        rows = Execution.objects.for_tenant(history.largest)
        return list(rows[depth : depth + DEFAULT_LIMIT])


BENCH = Bench("list", "the list of executions far down, against its first page", 1_000_000, measure)
