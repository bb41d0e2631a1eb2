"""The workflow table of 30 days: ours against the seed's way, plain SQL and other engines."""

from contextlib import ExitStack
from functools import partial

from analytics.periods import Bucket
from analytics.workflow_ranking import Order
from analytics.workflow_table import TablePage, workflow_table
from observatory.bench import plain_sql, seed
from observatory.bench.asking import (
    MANY_ROWS,
    OURS,
    PLAIN,
    SEED,
    AnswersDiffer,
    Ways,
    ask,
    growth,
    medians,
    named,
    of_best_peer,
    period_of,
    question_in,
    speed_up,
    times,
)
from observatory.bench.history import History, Shape, make_histories
from observatory.bench.measuring import PATIENCE_SECONDS, Bench, Options, in_turn
from observatory.bench.peers import peers_of
from observatory.bench.report import Report
from tenants.scope import tenant_scope

RANGE = "30d"
ROUNDS = 7


def measure(options: Options) -> Report:
    histories = make_histories([Shape(rows) for rows in options.sizes])
    largest = histories[-1]
    ways: Ways = {}
    with ExitStack() as stack:
        for history in histories:
            check_counts(history)
            ways |= ways_of(history)
        if options.with_peers:
            for name, (dialect, query) in stack.enter_context(peers_of(largest.largest)).items():
                ways[named(RANGE, name, largest)] = partial(query, sql_of(dialect, largest))
        seconds = medians(in_turn(ways, ROUNDS, patience=PATIENCE_SECONDS, warm_up=True))
    figures = list(times(seconds))
    for history in histories:
        goal = 15 if history.shape.rows >= MANY_ROWS else None
        figures += speed_up(seconds, RANGE, SEED, history, None)
        figures += speed_up(seconds, RANGE, PLAIN, history, goal)
        figures += of_best_peer(seconds, RANGE, history, None)
    figures += growth(seconds, RANGE, histories, None)
    return Report("workflows", options.rows, tuple(figures))


def ways_of(history: History) -> Ways:
    dialect = plain_sql.postgresql(history.largest.pk)
    return {
        named(RANGE, OURS, history): partial(ours, history),
        named(RANGE, PLAIN, history): partial(ask, history, sql_of(dialect, history)),
        named(RANGE, SEED, history): partial(in_python, history),
    }


def ours(history: History) -> TablePage:
    """The first page, as a request makes it."""
    with tenant_scope(history.largest.pk):
        return workflow_table(question_in(history, period_of(history, RANGE)), Order())


def in_python(history: History) -> object:
    period = period_of(history, RANGE)
    with tenant_scope(history.largest.pk):
        return seed.workflows(history.largest.pk, Bucket(period.start, period.end))


def sql_of(dialect: plain_sql.Dialect, history: History) -> str:
    period = period_of(history, RANGE)
    before = period.previous()
    return plain_sql.workflows(
        dialect, Bucket(period.start, period.end), Bucket(before.start, before.end)
    )


def check_counts(history: History) -> None:
    """That each row of ours counts as the rows do. Raises AnswersDiffer."""
    dialect = plain_sql.postgresql(history.largest.pk)
    counted = {
        (environment, workflow): (total, success, error)
        for is_current, environment, workflow, total, success, error, *_ in ask(
            history, sql_of(dialect, history)
        )
        if is_current
    }
    for row in ours(history).rows:
        found = (row.total_executions, row.success_count, row.failure_count)
        if counted.get(row.key) != found:
            raise AnswersDiffer(
                f"{row.workflow_id}: ours says {found}, the rows {counted.get(row.key)}."
            )


BENCH = Bench(
    "workflows",
    "the workflow table of 30 d, against the seed's way, plain SQL and other engines",
    rows=1_000_000,
    measure=measure,
    has_peers=True,
    has_sizes=True,
)
