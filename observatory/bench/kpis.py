"""The figures of the largest tenant: ours against the seed's way, plain SQL and other engines."""

from collections.abc import Iterable
from contextlib import ExitStack
from functools import partial
from math import ceil
from statistics import median, quantiles

from analytics.kpis import Kpis, kpis_of
from analytics.measures import SHARES
from analytics.periods import HOUR, Bucket, Period, floor_hour
from analytics.reading import read_buckets
from analytics.selection import Selection
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
from observatory.bench.history import LARGEST_SHARE, SPREAD, History, Shape, make_histories
from observatory.bench.measuring import PATIENCE_SECONDS, Bench, Options, in_turn
from observatory.bench.memory import memory_figures
from observatory.bench.peers import peers_of
from observatory.bench.report import Figure, Report
from tenants.scope import tenant_scope

RANGES = ("24h", "7d", "30d")
LONGEST = "30d"
ROUNDS = 7
# Too few rows to matter, for comparison.
FEW_ROWS = 10_000
PEER_GOALS = {"24h": 1.5, "7d": 1.5, "30d": 0.25}
ROWS_FOR_PERCENTILES = 1_000
WINDOWS = 60


def measure(options: Options) -> Report:
    few, *histories = make_histories([Shape(FEW_ROWS), *map(Shape, options.sizes)])
    largest = histories[-1]
    for history in histories:
        check_counts(history)
    memory = memory_figures(few, largest)
    ways: Ways = {}
    with ExitStack() as stack:
        for history in histories:
            ways |= ways_of(history)
        if options.with_peers:
            for name, (dialect, query) in stack.enter_context(peers_of(largest.largest)).items():
                for about in RANGES:
                    statement = sql_of(dialect, period_of(largest, about))
                    ways[named(about, name, largest)] = partial(query, statement)
        seconds = medians(in_turn(ways, ROUNDS, patience=PATIENCE_SECONDS, warm_up=True))
    figures = (
        *times(seconds),
        *(figure for history in histories for figure in ratios(seconds, history)),
        *growth(seconds, LONGEST, histories, goal=2),
        *percentile_figures(largest),
        *memory,
    )
    return Report("kpis", options.rows, figures)


def ways_of(history: History) -> Ways:
    dialect = plain_sql.postgresql(history.largest.pk)
    ways: Ways = {}
    for about in RANGES:
        period = period_of(history, about)
        ways[named(about, OURS, history)] = partial(ours, history, period)
        ways[named(about, PLAIN, history)] = partial(ask, history, sql_of(dialect, period))
    longest = period_of(history, LONGEST)
    ways[named(LONGEST, SEED, history)] = partial(in_python, history, longest)
    return ways


def ours(history: History, period: Period) -> Kpis:
    """As a request does it, from nothing."""
    with tenant_scope(history.largest.pk):
        return kpis_of(question_in(history, period))


def in_python(history: History, period: Period) -> object:
    with tenant_scope(history.largest.pk):
        previous = period.previous()
        return seed.kpis(history.largest.pk, period, Bucket(previous.start, previous.end))


def sql_of(dialect: plain_sql.Dialect, period: Period) -> str:
    before = period.previous()
    span, previous = Bucket(period.start, period.end), Bucket(before.start, before.end)
    return plain_sql.kpis(dialect, span, previous, period.step)


def check_counts(history: History) -> None:
    """That ours counts as the rows do. Raises AnswersDiffer."""
    statement = """
    SELECT normalized_status, count(*) FROM executions
    WHERE tenant_id = %s AND occurred_at >= %s AND occurred_at < %s GROUP BY 1
    """
    for about in RANGES:
        period = period_of(history, about)
        found = {name: count for name, count in ours(history, period).counts.items() if count}
        counted = dict(ask(history, statement, history.largest.pk, period.start, period.end))
        if found != counted:
            raise AnswersDiffer(f"{about}: ours says {found}, the rows {counted}.")


def ratios(seconds: dict[str, float], history: History) -> Iterable[Figure]:
    many = history.shape.rows >= MANY_ROWS
    for about in RANGES:
        is_goal = many and about == LONGEST
        yield from speed_up(seconds, about, SEED, history, 1000 if is_goal else None)
        yield from speed_up(seconds, about, PLAIN, history, 75 if is_goal else None)
        yield from of_best_peer(seconds, about, history, PEER_GOALS[about] if many else None)


def percentile_figures(history: History) -> Iterable[Figure]:
    """How far the rollups' percentiles are off, over stretches that have enough rows."""
    errors = sorted(percentile_errors(history))
    if len(errors) > 1:
        yield Figure("percentile error, median", 100 * median(errors), "%", at_most=0.3)
        yield Figure("percentile error, p99", 100 * quantiles(errors, n=100)[98], "%", at_most=1.5)


def percentile_errors(history: History) -> list[float]:
    windows = list(enumerate(windows_of(history)))
    with tenant_scope(history.largest.pk):
        found = read_buckets(Selection(history.largest.pk), windows)
    return [
        abs(mine - exact) / exact
        for number, window in windows
        if found[number].timed >= ROWS_FOR_PERCENTILES
        for mine, exact in zip(
            found[number].percentiles(), exact_percentiles(history, window), strict=True
        )
        if mine is not None
    ]


def windows_of(history: History) -> list[Bucket]:
    """Hours, or so many of them together that they have enough rows."""
    rows_an_hour = history.shape.rows * LARGEST_SHARE / (SPREAD / HOUR)
    length = HOUR * ceil(1.2 * ROWS_FOR_PERCENTILES / rows_an_hour)
    last = floor_hour(history.end)
    count = min(WINDOWS, int(SPREAD / length) - 1)
    return [Bucket(last - (n + 1) * length, last - n * length) for n in range(count)]


def exact_percentiles(history: History, window: Bucket) -> list[float]:
    statement = """
    SELECT percentile_cont(%s::float8[]) WITHIN GROUP (ORDER BY execution_time) FROM executions
    WHERE tenant_id = %s AND occurred_at >= %s AND occurred_at < %s
    """
    values = (list(SHARES), history.largest.pk, window.start, window.end)
    exact: list[float] = ask(history, statement, *values)[0][0]
    return exact


BENCH = Bench(
    "kpis",
    "figures of 24 h, 7 d and 30 d, against the seed's way, plain SQL and other engines",
    rows=1_000_000,
    measure=measure,
    has_peers=True,
    has_sizes=True,
)
