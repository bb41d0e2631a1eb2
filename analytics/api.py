"""REST: what the executions of a tenant mean."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from analytics.forms import PeriodForm, SelectionForm
from analytics.kpis import kpis_of
from analytics.serializers import KpisSerializer
from tenants.models import Tenant


class AnalyticsView(APIView):
    """Base of answers that only read; the form is strict about every name."""

    http_method_names = ("get", "head", "options")
    form: type[SelectionForm] = PeriodForm

    @property
    def tenant(self) -> Tenant:
        return self.request.tenant  # type: ignore[attr-defined,no-any-return]

    def asked(self, request: Request) -> Any:
        """The request's form. Raises ValidationError with a sentence for each fault."""
        viewer = getattr(request, "user", None)
        zone = getattr(viewer, "time_zone", "") or self.tenant.time_zone
        form = self.form(request.query_params, tenant=self.tenant, zone=zone)
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


class KpisView(AnalyticsView):
    @extend_schema(parameters=parameters_of(PeriodForm), responses=KpisSerializer)
    def get(self, request: Request) -> Response:
        """Runs, failures, success rate and durations, with course and change."""
        asked = self.asked(request)
        found = kpis_of(asked.selection(), asked.period, asked.selected_environments())
        return Response(KpisSerializer(found).data)
