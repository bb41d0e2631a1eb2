"""The answer of ``execution_analytics``: each workflow of all time as stored, or of a period."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from analytics.models import ExecutionAnalytics
from analytics.questions import Question
from analytics.selection import Selection
from analytics.workflow_facts import Key, names_of
from analytics.workflow_ranking import Order
from analytics.workflow_table import workflow_table
from executions.models import Workflow


@dataclass(frozen=True, slots=True)
class AnalyticsRow:
    """A workflow in an environment."""

    tenant_id: UUID
    environment_id: UUID
    workflow_id: str
    workflow_name: str
    total_count: int
    success_count: int
    failure_count: int
    avg_duration: float | None
    p50_duration: float | None
    p95_duration: float | None
    last_execution_at: datetime | None
    last_failure_at: datetime | None
    last_error_message: str


@dataclass(frozen=True, slots=True)
class AnalyticsPage:
    """Rows of a page, and how many rows all pages have."""

    rows: tuple[AnalyticsRow, ...]
    total: int


def stored_analytics(selection: Selection, *, offset: int, limit: int) -> AnalyticsPage:
    """All that is known of each workflow, the busiest first, in five queries at most."""
    rows = ExecutionAnalytics.objects.for_tenant(selection.tenant_id)
    if selection.environments:
        rows = rows.filter(environment_id__in=selection.environments)
    if selection.workflows:
        rows = rows.filter(workflow_id__in=selection.workflows)
    if selection.tags:
        rows = rows.filter(pk__in=_tagged(selection))
    ordered = rows.order_by("-total_count", "environment_id", "workflow_id")
    page = list(ordered[offset : offset + limit])
    names = _names(selection, [(row.environment_id, row.workflow_id) for row in page])
    return AnalyticsPage(tuple(_stored(row, names) for row in page), rows.count())


def analytics_of_period(question: Question, *, offset: int, limit: int) -> AnalyticsPage:
    """The workflows of a period; the last run and failure are those of all time."""
    page = workflow_table(question, Order(sort="total_executions", offset=offset, limit=limit))
    messages = _messages(question.selection, [row.key for row in page.rows])
    rows = tuple(
        AnalyticsRow(
            tenant_id=question.selection.tenant_id,
            environment_id=row.environment_id,
            workflow_id=row.workflow_id,
            workflow_name=row.workflow_name,
            total_count=row.total_executions,
            success_count=row.success_count,
            failure_count=row.failure_count,
            avg_duration=row.avg_duration_ms,
            p50_duration=row.p50_duration_ms,
            p95_duration=row.p95_duration_ms,
            last_execution_at=row.last_run_at,
            last_failure_at=row.last_failure_at,
            last_error_message=messages.get((*row.key, row.last_failure_at), ""),
        )
        for row in page.rows
    )
    return AnalyticsPage(rows, page.total)


def _stored(row: ExecutionAnalytics, names: dict[Key, str]) -> AnalyticsRow:
    return AnalyticsRow(
        tenant_id=row.tenant_id,
        environment_id=row.environment_id,
        workflow_id=row.workflow_id,
        workflow_name=names.get((row.environment_id, row.workflow_id), row.workflow_id),
        total_count=row.total_count,
        success_count=row.success_count,
        failure_count=row.failure_count,
        avg_duration=_tenth(row.avg_duration),
        p50_duration=_tenth(row.p50_duration),
        p95_duration=_tenth(row.p95_duration),
        last_execution_at=row.last_execution_at,
        last_failure_at=row.last_failure_at,
        last_error_message=row.last_error_message,
    )


def _tagged(selection: Selection) -> list[tuple[UUID, UUID, str]]:
    rows = Workflow.objects.for_tenant(selection.tenant_id).filter(
        tags__overlap=list(selection.tags)
    )
    return list(rows.order_by().values_list("tenant_id", "environment_id", "workflow_id"))


def _names(selection: Selection, keys: Sequence[Key]) -> dict[Key, str]:
    rows = Workflow.objects.for_tenant(selection.tenant_id).filter(
        workflow_id__in={workflow_id for _, workflow_id in keys}
    )
    found = {
        (environment_id, workflow_id): name
        for environment_id, workflow_id, name in rows.values_list(
            "environment_id", "workflow_id", "name"
        )
    }
    return found | names_of(selection, [key for key in keys if key not in found])


def _messages(
    selection: Selection, keys: Iterable[Key]
) -> dict[tuple[UUID, str, datetime | None], str]:
    rows = ExecutionAnalytics.objects.for_tenant(selection.tenant_id).filter(
        workflow_id__in={workflow_id for _, workflow_id in keys}
    )
    return {
        (row.environment_id, row.workflow_id, row.last_failure_at): row.last_error_message
        for row in rows
    }


def _tenth(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
