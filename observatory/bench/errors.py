"""The causes of one tenant's failures in 30 days, all of whose runs failed.

Ours reads sums by stored fingerprint, with courses, places and samples; the seed's way reads every
row, plain SQL groups by message.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial

from analytics.error_groups import GroupOrder, error_groups
from analytics.periods import Bucket
from observatory.bench import plain_sql, seed
from observatory.bench.asking import (
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
MOST_CAUSES = 50
# What data.md says of a million errors it does not say of fewer.
MANY_ERRORS = 1_000_000


def measure(options: Options) -> Report:
    histories = make_histories([Shape(rows, tenants=1, error_share=1) for rows in options.sizes])
    largest = histories[-1]
    ways: Ways = {}
    with ExitStack() as stack:
        for history in histories:
            check_counts(history)
            ways |= ways_of(history)
        if options.with_peers:
            for name, (dialect, query) in stack.enter_context(peers_of(largest.largest)).items():
                statement = plain_sql.errors(dialect, span_of(largest))
                ways[named(RANGE, name, largest)] = partial(query, statement)
        seconds = medians(in_turn(ways, ROUNDS, patience=PATIENCE_SECONDS, warm_up=True))
    figures = list(times(seconds))
    for history in histories:
        is_goal = history.shape.rows >= MANY_ERRORS
        figures += speed_up(seconds, RANGE, SEED, history, 60 if is_goal else None)
        figures += speed_up(seconds, RANGE, PLAIN, history, None)
        figures += of_best_peer(seconds, RANGE, history, 6 if is_goal else None, ("DuckDB",))
        figures += of_best_peer(seconds, RANGE, history, None)
    figures += growth(seconds, RANGE, histories, None)
    return Report("errors", options.rows, tuple(figures))


def span_of(history: History) -> Bucket:
    period = period_of(history, RANGE)
    return Bucket(period.start, period.end)


def ways_of(history: History) -> Ways:
    dialect = plain_sql.postgresql(history.largest.pk)
    by_message = plain_sql.errors(dialect, span_of(history), by="message")
    return {
        named(RANGE, OURS, history): partial(ours, history),
        named(RANGE, PLAIN, history): partial(ask, history, by_message),
        named(RANGE, SEED, history): partial(in_python, history),
    }


def ours(history: History) -> Mapping[str, int]:
    """The failures of each of the most frequent causes; the whole answer is read."""
    with tenant_scope(history.largest.pk):
        page = error_groups(
            question_in(history, period_of(history, RANGE)), GroupOrder(limit=MOST_CAUSES)
        )
    return {row.fingerprint: row.count for row in page.rows}


def in_python(history: History) -> list[tuple[str, int, int]]:
    with tenant_scope(history.largest.pk):
        return seed.errors(history.largest.pk, span_of(history))


def check_counts(history: History) -> None:
    """That ours counts as the rows do. Raises AnswersDiffer."""
    counted = {fingerprint: failures for fingerprint, failures, _ in in_python(history)}
    found = ours(history)
    if sorted(found.values()) != sorted(counted.values()):
        raise AnswersDiffer(f"Ours counts {sum(found.values())}, the rows {sum(counted.values())}.")


BENCH = Bench(
    "errors",
    "causes of failures in 30 d, against the seed's way, plain SQL and other engines",
    rows=1_000_000,
    measure=measure,
    has_peers=True,
    has_sizes=True,
)
