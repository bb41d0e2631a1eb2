"""The figures of a period, each with its course and its change against the period before."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from analytics.completeness import Completeness
from analytics.measures import Measures, total_of
from analytics.periods import Bucket, Period
from analytics.questions import Question
from analytics.reading import Readings, Span, read_figures
from analytics.selection import Selection

CURRENT, PREVIOUS = 0, -1
# Below this, reading the rows costs little and says percentiles exactly.
FEW_ROWS = 20_000
# The same where each row must be fetched, since no index holds all that is asked of it.
FEW_FILTERED_ROWS = 5_000
SMALLEST_SAMPLE = 20

RATES = ("success_rate",)
COUNTS = ("total_executions", "success_count", "failure_count")
DURATIONS = ("avg_duration_ms", "p50_duration_ms", "p95_duration_ms", "p99_duration_ms")


@dataclass(frozen=True, slots=True)
class Figures:
    """What is said of any stretch of time."""

    total_executions: int
    success_count: int
    failure_count: int
    success_rate: float | None
    avg_duration_ms: float | None
    p50_duration_ms: float | None
    p95_duration_ms: float | None
    p99_duration_ms: float | None


@dataclass(frozen=True, slots=True)
class Point:
    """A bucket of the course; where nobody looked and nothing is known, counts are None."""

    start: datetime
    end: datetime
    figures: Figures
    counts: dict[str, int]
    coverage: float | None

    @property
    def is_blank(self) -> bool:
        return self.coverage == 0 and self.figures.total_executions == 0


@dataclass(frozen=True, slots=True)
class Delta:
    """A change against the period before: relative, and for rates the difference."""

    previous: float | None
    change: float | None
    is_meaningful: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Kpis:
    """The figures of a period with all that is needed to judge them."""

    selection: Selection
    period: Period
    span: Bucket
    previous_span: Bucket
    figures: Figures
    counts: dict[str, int]
    points: tuple[Point, ...]
    deltas: dict[str, Delta]
    of_environments: dict[UUID, Measures]
    completeness: Completeness
    previous_completeness: Completeness
    percentiles_are_exact: bool


def kpis_of(question: Question) -> Kpis:
    """The figures of the question's period, in one query."""
    ledger, found = question.ledger, _read(question)
    previous = found.of_bucket.pop(PREVIOUS)
    whole = total_of(found.of_bucket.values())
    figures = figures_of(whole, found.exact.get(CURRENT))
    now, then = ledger.of(question.span), ledger.of(question.previous)
    return Kpis(
        selection=question.selection,
        period=question.period,
        span=question.span,
        previous_span=question.previous,
        figures=figures,
        counts=whole.counts(),
        points=tuple(_points(question, found.of_bucket)),
        deltas=deltas_of(
            (figures, whole),
            (figures_of(previous, found.exact.get(PREVIOUS)), previous),
            is_complete=now.is_complete and then.is_complete,
        ),
        of_environments={
            environment_id: total_of(
                measures for number, measures in of_bucket.items() if number != PREVIOUS
            )
            for environment_id, of_bucket in found.of_environment.items()
        },
        completeness=now,
        previous_completeness=then,
        percentiles_are_exact=CURRENT in found.exact,
    )


def _read(question: Question) -> Readings:
    last = len(question.buckets) - 1
    spans = (
        Span(CURRENT, question.span, 0, last),
        Span(PREVIOUS, question.previous, PREVIOUS, PREVIOUS),
    )
    return read_figures(
        question.selection,
        [*enumerate(question.buckets), (PREVIOUS, question.previous)],
        [span for span in spans if question.horizon.has_rows_since(span.bucket.start)],
        few=FEW_ROWS if question.selection.is_by_environment else FEW_FILTERED_ROWS,
    )


def figures_of(measures: Measures, exact: list[float | None] | None = None) -> Figures:
    """What a stretch's measures say, rounded as far as they are known."""
    middle, high, highest = exact or measures.percentiles()
    return Figures(
        total_executions=measures.total,
        success_count=measures.success,
        failure_count=measures.error,
        success_rate=_rounded(measures.success_rate, 6),
        avg_duration_ms=_rounded(measures.average_ms, 1),
        p50_duration_ms=_rounded(middle, 1),
        p95_duration_ms=_rounded(high, 1),
        p99_duration_ms=_rounded(highest, 1),
    )


def deltas_of(
    now: tuple[Figures, Measures], then: tuple[Figures, Measures], *, is_complete: bool
) -> dict[str, Delta]:
    """The change of each figure, marked where it says nothing."""
    sizes = {
        **dict.fromkeys(COUNTS, (now[1].total, then[1].total)),
        **dict.fromkeys(RATES, (now[1].ended, then[1].ended)),
        **dict.fromkeys(DURATIONS, (now[1].timed, then[1].timed)),
    }
    return {
        name: _delta(name, getattr(now[0], name), getattr(then[0], name), min(size), is_complete)
        for name, size in sizes.items()
    }


def _delta(name: str, now: Any, then: Any, sample: int, is_complete: bool) -> Delta:
    change = None
    if now is not None and then is not None:
        if name in RATES:
            change = round(now - then, 6)
        elif then:
            change = round((now - then) / then, 4)
    if not is_complete:
        reason = "Not all of the time was seen."
    elif sample < SMALLEST_SAMPLE:
        reason = f"Fewer than {SMALLEST_SAMPLE} runs to compare."
    elif change is None:
        reason = "There is nothing to compare with."
    else:
        reason = ""
    return Delta(previous=then, change=change, is_meaningful=not reason, reason=reason)


def _points(question: Question, found: dict[int, Measures]) -> list[Point]:
    return [
        Point(
            start=bucket.start,
            end=bucket.end,
            figures=figures_of(found[number]),
            counts=found[number].counts(),
            coverage=question.ledger.of(bucket).share,
        )
        for number, bucket in enumerate(question.buckets)
    ]


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
