"""What the page of one workflow shows: its runs one by one, its durations, its errors."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet
from django.urls import reverse

from analytics.error_groups import leading_groups
from analytics.group_rows import GroupRow
from analytics.kpis import Kpis, Point, kpis_of
from analytics.overview_page import ERRORS_SHOWN, Card, cards_of, chart_of
from analytics.questions import Question
from executions.charts import RunsChart
from executions.models import Environment, Execution, Workflow
from tenants.models import Tenant

CELLS_SHOWN = 90
RUNS_SHOWN = 15
OUTLIERS_SHOWN = 60
VERSIONS_SHOWN = 10

# A busy workflow has more runs than one can look at one by one.
LOOKED_AT = 5_000

VERSIONS = """
SELECT workflow_version_id, min(occurred_at), max(occurred_at), count(*),
    count(*) FILTER (WHERE normalized_status = 'error'),
    percentile_cont(0.5) WITHIN GROUP (ORDER BY execution_time)
FROM (
    SELECT workflow_version_id, occurred_at, normalized_status, execution_time FROM executions r
    WHERE r.tenant_id = %(tenant)s
      AND r.occurred_at >= %(start)s AND r.occurred_at < %(end)s {conditions}
    ORDER BY r.occurred_at DESC LIMIT %(looked_at)s
) AS newest
WHERE workflow_version_id <> ''
GROUP BY workflow_version_id ORDER BY 3 DESC LIMIT %(most)s
"""


@dataclass(frozen=True, slots=True)
class VersionRow:
    """A version of the workflow, as far as n8n tells it with each run."""

    version_id: str
    first_at: datetime
    last_at: datetime
    total: int
    failures: int
    p50_ms: float | None

    @property
    def only(self) -> tuple[str]:
        return (self.version_id,)


@dataclass(frozen=True, slots=True)
class DurationChart:
    """The middle and the 95th percentile over time, and the slowest runs one by one."""

    points: tuple[Point, ...]
    outliers: tuple[Execution, ...]
    slug: str

    @property
    def is_empty(self) -> bool:
        return all(point.figures.p50_duration_ms is None for point in self.points)

    def data(self) -> dict[str, object]:
        return {
            "edges": [
                *(point.start.timestamp() for point in self.points),
                self.points[-1].end.timestamp(),
            ],
            "p50": [point.figures.p50_duration_ms for point in self.points],
            "p95": [point.figures.p95_duration_ms for point in self.points],
            "runs": [
                {
                    "at": run.occurred_at.timestamp(),
                    "ms": run.execution_time,
                    "status": run.normalized_status,
                    "address": reverse(
                        "executions:detail", kwargs={"tenant_slug": self.slug, "pk": run.pk}
                    ),
                }
                for run in self.outliers
            ],
        }


@dataclass(frozen=True, slots=True)
class WorkflowPage:
    """The parts of the page."""

    name: str
    environment: Environment
    workflow_id: str
    workflow: Workflow | None
    kpis: Kpis
    cards: list[Card]
    chart: RunsChart
    durations: DurationChart
    cells: list[Execution]
    errors: list[GroupRow]
    versions: list[VersionRow]
    newest: Execution | None

    @property
    def runs(self) -> list[Execution]:
        """The newest of the cells, newest first."""
        return self.cells[: -RUNS_SHOWN - 1 : -1]

    @property
    def address_in_n8n(self) -> str:
        return f"{self.environment.base_url}/workflow/"


def workflow_page(
    tenant: Tenant, question: Question, environment: Environment, workflow_id: str
) -> WorkflowPage | None:
    """All parts of the page; None where nobody has heard of such a workflow."""
    workflow = _workflow(tenant.pk, environment.pk, workflow_id)
    newest = question.selection.narrow(Execution.objects.for_tenant(tenant)).first()
    if workflow is None and newest is None:
        return None
    kpis = kpis_of(question)
    return WorkflowPage(
        name=workflow.name if workflow else newest.workflow_name if newest else workflow_id,
        environment=environment,
        workflow_id=workflow_id,
        workflow=workflow,
        kpis=kpis,
        cards=list(cards_of(kpis)),
        chart=chart_of(kpis.points),
        durations=DurationChart(
            kpis.points, _outliers(question, kpis.figures.p95_duration_ms), tenant.slug
        ),
        cells=list(_runs(question).order_by("-occurred_at", "-id")[:CELLS_SHOWN])[::-1],
        errors=leading_groups(question, ERRORS_SHOWN),
        versions=versions_of(question),
        newest=newest,
    )


def versions_of(question: Question) -> list[VersionRow]:
    """The versions among the newest runs of the period, the newest first, in one query."""
    selection = question.selection
    parameters = {
        **selection.parameters(),
        "start": question.span.start,
        "end": question.span.end,
        "most": VERSIONS_SHOWN,
        "looked_at": LOOKED_AT,
    }
    with connection.cursor() as cursor:
        cursor.execute(VERSIONS.format(conditions=selection.conditions()), parameters)
        return [VersionRow(*row) for row in cursor.fetchall()]


def _workflow(tenant_id: UUID, environment_id: UUID, workflow_id: str) -> Workflow | None:
    found: Workflow | None = (
        Workflow.objects.for_tenant(tenant_id)
        .filter(environment=environment_id, workflow_id=workflow_id)
        .first()
    )
    return found


def _runs(question: Question) -> QuerySet[Execution]:
    span = question.span
    rows = question.selection.narrow(Execution.objects.for_tenant(question.selection.tenant_id))
    return rows.filter(occurred_at__gte=span.start, occurred_at__lt=span.end).defer(
        "error_description", "error_template"
    )


def _outliers(question: Question, limit_ms: float | None) -> tuple[Execution, ...]:
    """The slowest of the newest runs, as far as they are beyond the 95th percentile."""
    if limit_ms is None:
        return ()
    newest = _runs(question).order_by("-occurred_at", "-id").values("pk")[:LOOKED_AT]
    rows = Execution.objects.for_tenant(question.selection.tenant_id)
    slow = rows.filter(pk__in=newest, execution_time__gt=limit_ms)
    return tuple(slow.order_by("-execution_time")[:OUTLIERS_SHOWN])
