"""How each workflow did in a period: the table, sorted, searched and cut into pages.

All workflows are added up, since any of them may lead the table; what is dear (percentiles,
courses, causes) is read for the page only, unless the table is sorted by it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from analytics.histograms import NONE_TIMED
from analytics.kpis import PREVIOUS, Delta, deltas_of, figures_of
from analytics.measures import Measures, total_of
from analytics.periods import Bucket
from analytics.questions import Question
from analytics.reading import read_courses, read_histograms, read_workflows
from analytics.risk import criticality_of, risk
from analytics.selection import Selection
from analytics.workflow_facts import Asked, Key, Known, known_workflows, remembered

CURRENT = 0
SHOWN_DELTAS = ("total_executions", "failure_count", "success_rate", "avg_duration_ms")
BY_PERCENTILE = ("p50_duration_ms", "p95_duration_ms")
BY_LAST = ("last_run_at", "last_failure_at")
SORTS = (
    "risk",
    "total_executions",
    "failure_count",
    "failure_rate",
    "avg_duration_ms",
    *BY_PERCENTILE,
    *BY_LAST,
    "workflow_name",
)
# Which workflows a table shows.
SHOWN: dict[str, Callable[["WorkflowRow"], bool]] = {
    "all": lambda row: True,
    "active": lambda row: bool(row.is_active),
    "failing": lambda row: row.failure_count > 0,
    "silent": lambda row: bool(row.is_active) and not row.total_executions,
    "gone": lambda row: row.is_gone,
}


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


UNKNOWN, NOTHING = Known(), Measures()


@dataclass(frozen=True, slots=True)
class TablePage:
    """Rows of a page, how many rows all pages have, and what all workflows add up to."""

    rows: tuple[WorkflowRow, ...]
    total: int
    measured: Mapping[Key, Mapping[int, Measures]]

    def of_environments(self) -> dict[UUID, Measures]:
        """What each environment did in the period."""
        found: dict[UUID, list[Measures]] = {}
        for (environment_id, _), of_bucket in self.measured.items():
            if CURRENT in of_bucket:
                found.setdefault(environment_id, []).append(of_bucket[CURRENT])
        return {environment_id: total_of(parts) for environment_id, parts in found.items()}


@dataclass(frozen=True, slots=True)
class Order:
    """How a table is sorted, searched and cut."""

    sort: str = "risk"
    is_ascending: bool = False
    search: str = ""
    show: str = "all"
    offset: int = 0
    limit: int = 50


def workflow_table(question: Question, order: Order) -> TablePage:
    """A page of the table, in five queries whatever there is."""
    measured = read_workflows(
        question.selection, [(CURRENT, question.span), (PREVIOUS, question.previous)]
    )
    rows = [row for row in _rows(question, measured) if SHOWN[order.show](row)]
    if order.search:
        rows = [row for row in rows if _matches(row, order.search)]
    if order.sort in BY_PERCENTILE:
        rows = _with_percentiles(question.selection, question.span, rows)
    rows = _sorted(rows, order)
    page = rows[order.offset : order.offset + order.limit]
    return TablePage(tuple(_completed(question, page, order, measured)), len(rows), measured)


def _completed(
    question: Question,
    page: list[WorkflowRow],
    order: Order,
    measured: Mapping[Key, Mapping[int, Measures]],
) -> list[WorkflowRow]:
    """The rows of a page with all that is said of a page only."""
    if not page:
        return []
    workflows = tuple(sorted({row.workflow_id for row in page}))
    narrowed = replace(question.selection, workflows=workflows)
    if order.sort not in BY_PERCENTILE:
        page = _with_percentiles(narrowed, question.span, page)
    page = _with_course(narrowed, course_of(question), page)
    runs_say = remembered(
        narrowed,
        question.span,
        [Asked(*row.key, row.failure_count, bool(row.workflow_name)) for row in page],
    )
    is_complete = question.is_complete
    return [
        replace(
            row,
            main_error_class=runs_say[row.key].main_error_class,
            workflow_name=row.workflow_name or runs_say[row.key].name or row.workflow_id,
            deltas=_deltas(measured.get(row.key, {}), is_complete=is_complete),
        )
        for row in page
    ]


def _deltas(measured: Mapping[int, Measures], *, is_complete: bool) -> dict[str, Delta]:
    now, then = measured.get(CURRENT, NOTHING), measured.get(PREVIOUS, NOTHING)
    deltas = deltas_of((figures_of(now), now), (figures_of(then), then), is_complete=is_complete)
    return {name: deltas[name] for name in SHOWN_DELTAS}


def _rows(question: Question, measured: Mapping[Key, Mapping[int, Measures]]) -> list[WorkflowRow]:
    selection = question.selection
    names = {environment.pk: environment.name for environment in question.environments}
    known = known_workflows(selection)
    keys = set(measured)
    if not selection.modes:
        keys |= {key for key, workflow in known.items() if not workflow.is_gone}
    return [
        _row(key, names[key[0]], known.get(key, UNKNOWN), measured.get(key, {}), selection)
        for key in keys
        if key[0] in names
    ]


def _row(
    key: Key,
    environment_name: str,
    workflow: Known,
    measured: Mapping[int, Measures],
    selection: Selection,
) -> WorkflowRow:
    now, then = measured.get(CURRENT, NOTHING), measured.get(PREVIOUS, NOTHING)
    # Of all time nobody knows by which mode.
    ever = UNKNOWN if selection.modes else workflow
    criticality = criticality_of(workflow.tags)
    rate = now.success_rate
    return WorkflowRow(
        environment_id=key[0],
        environment_name=environment_name,
        workflow_id=key[1],
        workflow_name=workflow.name,
        is_active=workflow.is_active,
        is_gone=workflow.is_gone,
        tags=tuple(workflow.tags),
        total_executions=now.total,
        success_count=now.success,
        failure_count=now.error,
        success_rate=None if rate is None else round(rate, 6),
        failure_rate=None if rate is None else round(now.error / now.ended, 6),
        avg_duration_ms=None if now.average_ms is None else round(now.average_ms, 1),
        p50_duration_ms=None,
        p95_duration_ms=None,
        last_run_at=_latest(now.last_at, then.last_at, ever.last_run_at),
        last_failure_at=_latest(now.last_error_at, then.last_error_at, ever.last_failure_at),
        main_error_class="",
        criticality=criticality,
        risk=risk(failures=now.error, ended=now.ended, criticality=criticality),
    )


def _latest(*moments: datetime | None) -> datetime | None:
    return max(filter(None, moments), default=None)


def _matches(row: WorkflowRow, search: str) -> bool:
    wanted = search.lower()
    return any(
        wanted in text.lower()
        for text in (row.workflow_name, row.workflow_id, row.environment_name, *row.tags)
    )


def _sorted(rows: list[WorkflowRow], order: Order) -> list[WorkflowRow]:
    """What is unknown comes last in either direction; ties by name."""
    named = sorted(rows, key=lambda row: (row.workflow_name.lower(), row.workflow_id, row.key))
    known = [row for row in named if getattr(row, order.sort) is not None]
    unknown = [row for row in named if getattr(row, order.sort) is None]
    known.sort(key=lambda row: _value(row, order.sort), reverse=not order.is_ascending)
    return known + unknown


def _value(row: WorkflowRow, name: str) -> Any:
    value = getattr(row, name)
    return value.lower() if isinstance(value, str) else value


def _with_percentiles(
    selection: Selection, span: Bucket, rows: list[WorkflowRow]
) -> list[WorkflowRow]:
    histograms = read_histograms(selection, [(CURRENT, span)])
    found = []
    for row in rows:
        middle, high = histograms.get(row.key, NONE_TIMED).percentiles((0.5, 0.95))
        found.append(
            replace(
                row,
                p50_duration_ms=None if middle is None else round(middle, 1),
                p95_duration_ms=None if high is None else round(high, 1),
            )
        )
    return found


def course_of(question: Question) -> Sequence[Bucket]:
    """Where a point is half a day or more, it is UTC's: so days of all rows are read as stored."""
    period = question.period
    if not period.is_calendar:
        return question.buckets
    return question.horizon.cut(replace(period, zone=UTC).buckets())


def _with_course(
    selection: Selection, buckets: Sequence[Bucket], rows: list[WorkflowRow]
) -> list[WorkflowRow]:
    counted = read_courses(selection, enumerate(buckets))
    return [
        replace(
            row,
            points=tuple(
                CoursePoint(bucket.start, bucket.end, *of_row.get(number, (0, 0)))
                for number, bucket in enumerate(buckets)
            ),
        )
        for row in rows
        for of_row in [counted.get(row.key, {})]
    ]
