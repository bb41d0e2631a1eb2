"""How each workflow did in a period: the table, sorted, searched and cut into pages."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from uuid import UUID

from analytics.histograms import NONE_TIMED
from analytics.kpis import CURRENT, Delta, deltas_of, figures_of
from analytics.measures import Measures
from analytics.periods import Bucket
from analytics.questions import Question
from analytics.reading import read_histograms
from analytics.risk import criticality_of, risk
from analytics.workflow_facts import Asked, Facts, Key, facts_of
from analytics.workflow_ranking import Order, Ranked, ranked_workflows

SHOWN_DELTAS = ("total_executions", "failure_count", "success_rate", "avg_duration_ms")
BY_PERCENTILE = {"p50_duration_ms": 0.5, "p95_duration_ms": 0.95}
SORTS = (
    "risk",
    "total_executions",
    "failure_count",
    "failure_rate",
    "avg_duration_ms",
    *BY_PERCENTILE,
    "last_run_at",
    "last_failure_at",
    "workflow_name",
)


@dataclass(frozen=True, slots=True)
class CoursePoint:
    """A workflow's bucket."""

    start: datetime
    end: datetime
    total_executions: int
    failure_count: int


@dataclass(frozen=True, slots=True)
class WorkflowRow:
    """A workflow in an environment, with what the period says of it."""

    environment_id: UUID
    environment_name: str
    workflow_id: str
    workflow_name: str
    is_active: bool | None
    is_gone: bool
    tags: tuple[str, ...]
    total_executions: int
    success_count: int
    failure_count: int
    success_rate: float | None
    failure_rate: float | None
    avg_duration_ms: float | None
    p50_duration_ms: float | None
    p95_duration_ms: float | None
    last_run_at: datetime | None
    last_failure_at: datetime | None
    main_error_class: str
    criticality: float
    risk: float
    deltas: dict[str, Delta] = field(default_factory=dict)
    points: tuple[CoursePoint, ...] = field(default=())

    @property
    def key(self) -> Key:
        return self.environment_id, self.workflow_id


@dataclass(frozen=True, slots=True)
class TablePage:
    """Rows of a page, and how many rows all pages have."""

    rows: tuple[WorkflowRow, ...]
    total: int


def workflow_table(question: Question, order: Order) -> TablePage:
    """A page of the table, in two queries whatever there is; in three by a percentile."""
    if order.sort in BY_PERCENTILE:
        ranked, total = _ranked_by_percentile(question, order)
    else:
        ranked, total = ranked_workflows(question, order)
    if not ranked:
        return TablePage((), total)
    buckets, is_complete = course_of(question), question.is_complete
    facts = facts_of(
        question.selection,
        buckets,
        question.previous,
        [Asked(*one.key, one.counts.error, bool(one.name)) for one in ranked],
    )
    return TablePage(
        tuple(_row(one, facts[one.key], buckets, is_complete=is_complete) for one in ranked), total
    )


def _ranked_by_percentile(question: Question, order: Order) -> tuple[list[Ranked], int]:
    """Histograms are added up here, so all of them are read; what was not timed comes last."""
    by_name = replace(order, sort="workflow_name", is_ascending=True, offset=0, limit=None)
    ranked, total = ranked_workflows(question, by_name)
    histograms = read_histograms(question.selection, [(CURRENT, question.span)])
    timed, untimed = [], []
    for one in ranked:
        (value,) = histograms.get(one.key, NONE_TIMED).percentiles([BY_PERCENTILE[order.sort]])
        if value is None:
            untimed.append(one)
        else:
            timed.append((round(value, 1), one))
    timed.sort(key=lambda pair: pair[0], reverse=not order.is_ascending)
    every = [*(one for _, one in timed), *untimed]
    return every[order.offset :][: order.limit], total


def _row(
    ranked: Ranked, facts: Facts, buckets: Sequence[Bucket], *, is_complete: bool
) -> WorkflowRow:
    now = ranked.counts
    rate = now.success_rate
    middle, high = facts.histogram.percentiles(BY_PERCENTILE.values())
    criticality = criticality_of(ranked.tags)
    return WorkflowRow(
        environment_id=ranked.environment_id,
        environment_name=ranked.environment_name,
        workflow_id=ranked.workflow_id,
        workflow_name=ranked.name or facts.name or ranked.workflow_id,
        is_active=ranked.is_active,
        is_gone=ranked.is_gone,
        tags=tuple(ranked.tags),
        total_executions=now.total,
        success_count=now.success,
        failure_count=now.error,
        success_rate=None if rate is None else round(rate, 6),
        failure_rate=None if rate is None else round(now.error / now.ended, 6),
        avg_duration_ms=_tenth(now.average_ms),
        p50_duration_ms=_tenth(middle),
        p95_duration_ms=_tenth(high),
        last_run_at=ranked.last_run_at,
        last_failure_at=ranked.last_failure_at,
        main_error_class=facts.main_error_class,
        criticality=criticality,
        risk=risk(failures=now.error, ended=now.ended, criticality=criticality),
        deltas=_deltas(now, facts.before, is_complete=is_complete),
        points=tuple(
            CoursePoint(bucket.start, bucket.end, *facts.course.get(number, (0, 0)))
            for number, bucket in enumerate(buckets)
        ),
    )


def _tenth(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def _deltas(now: Measures, then: Measures, *, is_complete: bool) -> dict[str, Delta]:
    deltas = deltas_of((figures_of(now), now), (figures_of(then), then), is_complete=is_complete)
    return {name: deltas[name] for name in SHOWN_DELTAS}


def course_of(question: Question) -> Sequence[Bucket]:
    """Where a point is half a day or more, it is UTC's: so days of all rows are read as stored."""
    period = question.period
    if not period.is_calendar:
        return question.buckets
    return question.horizon.cut(replace(period, zone=UTC).buckets())
