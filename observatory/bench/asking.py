"""What benches of questions share: named ways, figures of their times, plain statements."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC
from statistics import median
from typing import Any

from django.db import connection

from analytics.periods import Period, fixed_period
from analytics.questions import Question, question_of
from analytics.selection import Selection
from executions.models import Environment
from observatory.bench.history import History
from observatory.bench.report import Figure
from tenants.scope import tenant_scope

Ways = dict[str, Callable[[], Any]]
OURS, SEED, PLAIN = "ours", "seed", "SQL on the rows"
PEERS = ("DuckDB", "chDB")
# What data.md says of ten million rows it does not say of fewer.
MANY_ROWS = 10_000_000


class AnswersDiffer(Exception):
    """Ours and the rows do not say the same, so its time means nothing."""


def named(about: str, way: str, history: History) -> str:
    return f"{about}, {history.shape.rows:,} rows: {way}"


def period_of(history: History, time_range: str) -> Period:
    return fixed_period(time_range, now=history.end, zone=UTC)


def question_in(history: History, period: Period) -> Question:
    """As a request makes it; call inside the tenant's scope."""
    environments = list(Environment.objects.for_tenant(history.largest))
    return question_of(Selection(history.largest.pk), period, environments)


def ask(history: History, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """The answer of PostgreSQL to a statement, as the application and for the largest tenant."""
    with tenant_scope(history.largest.pk), connection.cursor() as cursor:
        cursor.execute(statement, values or None)
        return list(cursor.fetchall())


def medians(taken: Mapping[str, list[float]]) -> dict[str, float]:
    return {name: median(seconds) for name, seconds in taken.items()}


def times(seconds: Mapping[str, float]) -> Iterable[Figure]:
    return (Figure(name, 1000 * spent, "ms") for name, spent in sorted(seconds.items()))


def speed_up(
    seconds: Mapping[str, float], about: str, way: str, history: History, goal: float | None
) -> Iterable[Figure]:
    """How many times faster ours is than another way, where that one took part."""
    other = seconds.get(named(about, way, history))
    if other is not None:
        ratio = other / seconds[named(about, OURS, history)]
        yield Figure(named(about, f"faster than {way}", history), ratio, "×", at_least=goal)


def of_best_peer(
    seconds: Mapping[str, float],
    about: str,
    history: History,
    goal: float | None,
    peers: Iterable[str] = PEERS,
) -> Iterable[Figure]:
    """The time that ours takes of the best peer's, where peers took part."""
    known = [seconds[way] for peer in peers if (way := named(about, peer, history)) in seconds]
    if known:
        ratio = seconds[named(about, OURS, history)] / min(known)
        label = named(about, f"time of {' or '.join(peers)}", history)
        yield Figure(label, ratio, "×", at_most=goal)


def growth(
    seconds: Mapping[str, float], about: str, histories: list[History], goal: float | None
) -> Iterable[Figure]:
    """How ours grows from the smallest to the largest history, where there are several."""
    small, large = histories[0], histories[-1]
    if small is not large:
        ratio = seconds[named(about, OURS, large)] / seconds[named(about, OURS, small)]
        label = f"{about}: growth from {small.shape.rows:,} to {large.shape.rows:,} rows"
        yield Figure(label, ratio, "×", at_most=goal)
