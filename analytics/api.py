"""REST: what the executions of a tenant mean."""

from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from prometheus_client import CONTENT_TYPE_LATEST
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from analytics.environment_health import environment_rows
from analytics.forms import (
    AnalyticsForm,
    PagedForm,
    PeriodForm,
    SelectionForm,
    SeriesForm,
    TableForm,
)
from analytics.kpis import kpis_of
from analytics.overview import overview_of, status_of_tenant
from analytics.questions import Question, question_of
from analytics.serializers import (
    EnvironmentsSerializer,
    ExecutionAnalyticsPageSerializer,
    KpisSerializer,
    OverviewSerializer,
    SeriesRowSerializer,
    StatusSerializer,
    StuckSerializer,
    WorkflowTableSerializer,
)
from analytics.stuck import stuck_runs
from analytics.tenant_metrics import tenant_metrics
from analytics.timeseries import series_of
from analytics.workflow_analytics import analytics_of_period, stored_analytics
from analytics.workflow_table import TablePage, workflow_table
from executions.states import states_of
from tenants.answers import all_written, written
from tenants.models import Role, Tenant
from tenants.sharing import shared_answer


class AnalyticsView(APIView):
    """Base of answers that only read; the form is strict about every name."""

    http_method_names = ("get", "head", "options")
    form: type[SelectionForm] = PeriodForm

    @property
    def tenant(self) -> Tenant:
        return self.request.tenant  # type: ignore[attr-defined,no-any-return]

    @property
    def role(self) -> Role:
        return self.request.role  # type: ignore[attr-defined,no-any-return]

    def asked(self, request: Request) -> Any:
        return asked_of(request, self.tenant, self.form)


def asked_of(request: Request, tenant: Tenant, form_class: type[SelectionForm]) -> Any:
    """The request's form. Raises ValidationError with a sentence for each fault."""
    viewer = getattr(request, "user", None)
    zone = getattr(viewer, "time_zone", "") or tenant.time_zone
    form = form_class(request.query_params, tenant=tenant, zone=zone)
    if not form.is_valid():
        raise exceptions.ValidationError(form.faults())
    return form


def parameters_of(form: type[SelectionForm]) -> list[OpenApiParameter]:
    return [
        OpenApiParameter(
            name.removesuffix("_"),
            description=str(field.help_text),
            many=hasattr(field, "length"),
        )
        for name, field in form.base_fields.items()
    ]


def question_in(asked: Any) -> Question:
    return question_of(asked.selection(), asked.period, asked.selected_environments())


def table_body(question: Question, page: TablePage, next_cursor: str | None) -> dict[str, Any]:
    return {
        "results": page.rows,
        "next_cursor": next_cursor,
        "total": page.total,
        "as_of": question.ledger.as_of,
        "coverage": question.ledger.of(question.span),
        "period": question.period,
    }


class KpisView(AnalyticsView):
    @extend_schema(parameters=parameters_of(PeriodForm), responses=KpisSerializer)
    @shared_answer
    def get(self, request: Request) -> Response:
        """Runs, failures, success rate and durations, with course and change."""
        return Response(written(KpisSerializer, kpis_of(question_in(self.asked(request)))))


class WorkflowsView(AnalyticsView):
    form = TableForm

    @extend_schema(parameters=parameters_of(TableForm), responses=WorkflowTableSerializer)
    @shared_answer
    def get(self, request: Request) -> Response:
        """How each workflow did: sorted, searched, in pages; by risk if nothing else is said."""
        asked = self.asked(request)
        question = question_in(asked)
        page = workflow_table(question, asked.order)
        body = table_body(question, page, asked.next_cursor(page.total))
        return Response(written(WorkflowTableSerializer, body))


class EnvironmentsView(AnalyticsView):
    @extend_schema(parameters=parameters_of(PeriodForm), responses=EnvironmentsSerializer)
    @shared_answer
    def get(self, request: Request) -> Response:
        """How each n8n stands and did, and what of it was seen."""
        question = question_in(self.asked(request))
        rows = environment_rows(question, states_of(self.tenant, question.environments))
        body = {"results": rows, "period": question.period}
        return Response(written(EnvironmentsSerializer, body))


class StatusView(AnalyticsView):
    @extend_schema(parameters=parameters_of(PeriodForm), responses=StatusSerializer)
    @shared_answer
    def get(self, request: Request) -> Response:
        """One sentence on the whole, and what to look at, the most needed first."""
        found = status_of_tenant(self.tenant, question_in(self.asked(request)), self.role)
        return Response(written(StatusSerializer, found))


class OverviewView(AnalyticsView):
    @extend_schema(parameters=parameters_of(PeriodForm), responses=OverviewSerializer)
    @shared_answer
    def get(self, request: Request) -> Response:
        """Figures, riskiest workflows, environments and status in one answer."""
        question = question_in(self.asked(request))
        found = overview_of(self.tenant, question, self.role)
        body = {
            "kpis": found.kpis,
            "workflows": table_body(question, found.workflows, None),
            "environments": {"results": found.environments, "period": question.period},
            "status": found.status,
        }
        return Response(written(OverviewSerializer, body))


class TimeSeriesView(AnalyticsView):
    form = SeriesForm

    @extend_schema(parameters=parameters_of(SeriesForm), responses=SeriesRowSerializer(many=True))
    @shared_answer
    def get(self, request: Request) -> Response:
        """The course of all figures as a flat list, for tools that draw charts."""
        asked = self.asked(request)
        rows = series_of(question_in(asked), asked.split_by)
        return Response(all_written(SeriesRowSerializer, rows))


class StuckView(AnalyticsView):
    form = SelectionForm

    @extend_schema(parameters=parameters_of(SelectionForm), responses=StuckSerializer)
    @shared_answer
    def get(self, request: Request) -> Response:
        """Runs that do not get on: too long, never started, or past the time they wait for."""
        found = stuck_runs(self.asked(request).selection())
        return Response(written(StuckSerializer, {"results": found}))


class ExecutionAnalyticsView(AnalyticsView):
    form = AnalyticsForm

    @extend_schema(parameters=parameters_of(PagedForm), responses=ExecutionAnalyticsPageSerializer)
    @shared_answer
    def get(self, request: Request) -> Response:
        """Each workflow in each environment, the busiest first; of all time if none is given."""
        asked = self.asked(request)
        bounds = {"offset": asked.offset, "limit": asked.row_limit}
        if asked.has_period:
            page = analytics_of_period(question_in(asked), **bounds)
        else:
            page = stored_analytics(asked.selection(), **bounds)
        body = {
            "results": page.rows,
            "next_cursor": asked.next_cursor(page.total),
            "total": page.total,
            "period": asked.period if asked.has_period else None,
        }
        return Response(written(ExecutionAnalyticsPageSerializer, body))


class MetricsView(AnalyticsView):
    form = SelectionForm

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        """Whatever a scraper accepts: there is one form of the answer."""
        return super().perform_content_negotiation(request, force=True)

    @extend_schema(
        parameters=parameters_of(SelectionForm),
        responses={(200, "text/plain"): OpenApiTypes.STR},
    )
    def get(self, request: Request) -> HttpResponse:
        """The last 24 hours and the state of each environment, for Prometheus."""
        asked = self.asked(request)
        body = tenant_metrics(self.tenant, asked.selection(), asked.selected_environments())
        return HttpResponse(body, content_type=CONTENT_TYPE_LATEST)
