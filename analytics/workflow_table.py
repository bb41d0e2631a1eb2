"""How each workflow did in a period: the table, sorted, searched and cut into pages.

All workflows are added up, since any of them may lead the table; what is dear (percentiles,
courses, causes) is read for the page only, unless the table is sorted by it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection

from analytics.histograms import percentiles
from analytics.kpis import PREVIOUS, Delta, deltas_of, figures_of
from analytics.measures import Measures
from analytics.models import ExecutionAnalytics
from analytics.periods import Bucket
from analytics.questions import Question
from analytics.reading import read_histograms, read_workflows
from analytics.risk import criticality_of, risk
from analytics.selection import Selection
from executions.models import Workflow

Key = tuple[UUID, str]
CURRENT = 0
SHOWN_DELTAS = ("total_executions", "failure_count", "success_rate", "avg_duration_ms")
BY_PERCENTILE = ("p50_duration_ms", "p95_duration_ms")
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
# Which workflows a table shows.
SHOWN: dict[str, Callable[["WorkflowRow"], bool]] = {
    "all": lambda row: True,
    "active": lambda row: bool(row.is_active),
    "failing": lambda row: row.failure_count > 0,
    "silent": lambda row: bool(row.is_active) and not row.total_executions,
    "gone": lambda row: row.is_gone,
}
# The index of a workflow's runs holds no status: each failure costs the runs before it.
NEWEST_FAILURES = 20

# Of the newest failures only, so that a workflow that always fails costs no more than another.
MAIN_CAUSES = """
SELECT k.environment_id, k.workflow_id, x.error_class
FROM unnest(%(keys_environment)s::uuid[], %(keys_workflow)s::text[], %(failures)s::int[])
    AS k (environment_id, workflow_id, failures)
CROSS JOIN LATERAL (
    SELECT error_class FROM (
        SELECT r.error_class FROM executions r
        WHERE r.tenant_id = %(tenant)s AND r.environment_id = k.environment_id
          AND r.workflow_id = k.workflow_id AND r.normalized_status = 'error'
          AND r.occurred_at >= %(start)s AND r.occurred_at < %(end)s {modes}
        ORDER BY r.occurred_at DESC LIMIT least(k.failures, %(newest)s)
    ) AS newest
    GROUP BY error_class ORDER BY count(*) DESC, error_class LIMIT 1
) AS x
"""
NAMES = """
SELECT k.environment_id, k.workflow_id, x.workflow_name
FROM unnest(%(keys_environment)s::uuid[], %(keys_workflow)s::text[])
    AS k (environment_id, workflow_id)
CROSS JOIN LATERAL (
    SELECT workflow_name FROM executions r
    WHERE r.tenant_id = %(tenant)s AND r.workflow_id = k.workflow_id
      AND r.environment_id = k.environment_id AND r.workflow_name <> ''
    ORDER BY r.occurred_at DESC LIMIT 1
) AS x
"""


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
    deltas: dict[str, Delta]
    points: tuple[CoursePoint, ...] = field(default=())

    @property
    def key(self) -> Key:
        return self.environment_id, self.workflow_id


@dataclass(frozen=True, slots=True)
class TablePage:
    """Rows of a page, and how many rows all pages have."""

    rows: tuple[WorkflowRow, ...]
    total: int


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
    """A page of the table, in seven queries whatever there is."""
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
    return TablePage(tuple(_completed(question, page, order)), len(rows))


def _completed(question: Question, page: list[WorkflowRow], order: Order) -> list[WorkflowRow]:
    """The rows of a page with all that is read for a page only."""
    if not page:
        return []
    workflows = tuple(sorted({row.workflow_id for row in page}))
    narrowed = replace(question.selection, workflows=workflows)
    if order.sort not in BY_PERCENTILE:
        page = _with_percentiles(narrowed, question.span, page)
    page = _with_course(narrowed, _course_of(question), page)
    causes = _main_causes(narrowed, question.span, [row for row in page if row.failure_count])
    names = names_of(narrowed, [row.key for row in page if not row.workflow_name])
    return [
        replace(
            row,
            main_error_class=causes.get(row.key, ""),
            workflow_name=row.workflow_name or names.get(row.key, row.workflow_id),
        )
        for row in page
    ]


def _rows(question: Question, measured: dict[Key, dict[int, Measures]]) -> list[WorkflowRow]:
    selection, is_complete = question.selection, question.is_complete
    names = {environment.pk: environment.name for environment in question.environments}
    known = {
        (workflow.environment_id, workflow.workflow_id): workflow
        for workflow in _workflows(selection)
    }
    ever = {(row.environment_id, row.workflow_id): row for row in _totals(selection)}
    keys = set(measured)
    if not selection.modes:
        keys |= {key for key, workflow in known.items() if workflow.gone_at is None}
    return [
        _row(
            key,
            names[key[0]],
            known.get(key),
            None if selection.modes else ever.get(key),
            measured.get(key, {}),
            is_complete,
        )
        for key in keys
        if key[0] in names
    ]


def _row(
    key: Key,
    environment_name: str,
    workflow: Workflow | None,
    ever: ExecutionAnalytics | None,
    measured: dict[int, Measures],
    is_complete: bool,
) -> WorkflowRow:
    now, then = measured.get(CURRENT, Measures()), measured.get(PREVIOUS, Measures())
    figures = figures_of(now)
    criticality = criticality_of(workflow.tags if workflow else ())
    deltas = deltas_of((figures, now), (figures_of(then), then), is_complete=is_complete)
    latest = Measures()
    latest.saw(now.last_at, now.last_error_at)
    latest.saw(then.last_at, then.last_error_at)
    if ever is not None:
        latest.saw(ever.last_execution_at, ever.last_failure_at)
    return WorkflowRow(
        environment_id=key[0],
        environment_name=environment_name,
        workflow_id=key[1],
        workflow_name=workflow.name if workflow else "",
        is_active=workflow.is_active if workflow else None,
        is_gone=workflow is None or workflow.gone_at is not None,
        tags=tuple(workflow.tags) if workflow else (),
        total_executions=now.total,
        success_count=now.success,
        failure_count=now.error,
        success_rate=figures.success_rate,
        failure_rate=None if figures.success_rate is None else round(now.error / now.ended, 6),
        avg_duration_ms=figures.avg_duration_ms,
        p50_duration_ms=None,
        p95_duration_ms=None,
        last_run_at=latest.last_at,
        last_failure_at=latest.last_error_at,
        main_error_class="",
        criticality=criticality,
        risk=risk(failures=now.error, ended=now.ended, criticality=criticality),
        deltas={name: deltas[name] for name in SHOWN_DELTAS},
    )


def _workflows(selection: Selection) -> list[Workflow]:
    rows = Workflow.objects.for_tenant(selection.tenant_id).defer("nodes", "settings")
    if selection.environments:
        rows = rows.filter(environment__in=selection.environments)
    if selection.workflows:
        rows = rows.filter(workflow_id__in=selection.workflows)
    if selection.tags:
        rows = rows.filter(tags__overlap=list(selection.tags))
    return list(rows)


def _totals(selection: Selection) -> list[ExecutionAnalytics]:
    rows = ExecutionAnalytics.objects.for_tenant(selection.tenant_id)
    if selection.environments:
        rows = rows.filter(environment_id__in=selection.environments)
    return list(rows.defer("last_error_message"))


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
        middle, high = percentiles(histograms.get(row.key, {}), (0.5, 0.95))
        found.append(
            replace(
                row,
                p50_duration_ms=None if middle is None else round(middle, 1),
                p95_duration_ms=None if high is None else round(high, 1),
            )
        )
    return found


def _course_of(question: Question) -> Sequence[Bucket]:
    """Where a point is half a day or more, it is UTC's: so days of all rows are read as stored."""
    period = question.period
    if not period.is_calendar:
        return question.buckets
    return question.horizon.cut(replace(period, zone=UTC).buckets())


def _with_course(
    selection: Selection, buckets: Sequence[Bucket], rows: list[WorkflowRow]
) -> list[WorkflowRow]:
    measured = read_workflows(selection, enumerate(buckets))
    nothing = Measures()
    found = []
    for row in rows:
        own = measured.get(row.key, {})
        points = tuple(
            CoursePoint(
                bucket.start,
                bucket.end,
                own.get(number, nothing).total,
                own.get(number, nothing).error,
            )
            for number, bucket in enumerate(buckets)
        )
        found.append(replace(row, points=points))
    return found


def _main_causes(selection: Selection, span: Bucket, rows: list[WorkflowRow]) -> dict[Key, str]:
    if not rows:
        return {}
    parameters = {
        **selection.parameters(),
        **_keys([row.key for row in rows]),
        "failures": [row.failure_count for row in rows],
        "newest": NEWEST_FAILURES,
        "start": span.start,
        "end": span.end,
    }
    with connection.cursor() as cursor:
        cursor.execute(MAIN_CAUSES.format(modes=selection.conditions("modes")), parameters)
        return {(row[0], row[1]): row[2] for row in cursor.fetchall()}


def names_of(selection: Selection, keys: list[Key]) -> dict[Key, str]:
    """The names that executions remember of workflows that n8n no longer shows."""
    if not keys:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(NAMES, {**_keys(keys), "tenant": selection.tenant_id})
        return {(row[0], row[1]): row[2] for row in cursor.fetchall()}


def _keys(keys: list[Key]) -> dict[str, list[UUID] | list[str]]:
    return {
        "keys_environment": [environment_id for environment_id, _ in keys],
        "keys_workflow": [workflow_id for _, workflow_id in keys],
    }
