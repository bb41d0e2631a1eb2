"""REST: environments with their syncs, and executions."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError as ModelValidationError
from django.db import transaction
from django.http import HttpResponseBase
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import exceptions, status
from rest_framework.decorators import action
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response

from executions import environments, tasks
from executions.caveats import coverage_report
from executions.exporting import CONTENT_TYPES, Format, export_response
from executions.filters import ExecutionFilter
from executions.listing import TooExpensive, within_time_limit
from executions.models import Environment, Execution, SyncRun, SyncState
from executions.push import tokens
from executions.push.nodes import nodes_of
from executions.push.setup import push_state
from executions.serializers import (
    ConnectionReportSerializer,
    ConnectionSerializer,
    CoverageSerializer,
    EnvironmentChangeSerializer,
    EnvironmentSerializer,
    ExecutionSerializer,
    NewEnvironmentSerializer,
    NewPushTokenSerializer,
    NodesSerializer,
    SyncRunSerializer,
)
from tenants.answers import all_written, written
from tenants.api import TenantViewSet, unprocessable
from tenants.models import Role
from tenants.sharing import shared_answer


class EnvironmentViewSet(TenantViewSet[Environment]):
    """The n8n servers of a tenant."""

    queryset = Environment.objects.none()
    serializer_class = EnvironmentSerializer

    @property
    def write_role(self) -> Role:
        return Role.OPERATOR if self.action in ("sync", "release") else Role.ADMIN

    def get_serializer_context(self) -> dict[str, Any]:
        syncs = SyncState.objects.for_tenant(self.tenant)
        return {
            **super().get_serializer_context(),
            "tokens": tokens.tokens_of(self.tenant.pk),
            "syncs": {sync.environment_id: sync for sync in syncs},
        }

    def get_queryset(self) -> Any:
        return Environment.objects.for_tenant(self.tenant)

    @extend_schema(request=NewEnvironmentSerializer, responses={201: EnvironmentSerializer})
    def create(self, request: Request) -> Response:
        """Connect an n8n; it is tried first and not stored where that fails."""
        values = self.validated(NewEnvironmentSerializer)
        self._require_connection(values)
        try:
            environment = environments.connect_environment(
                tenant=self.tenant, actor=self.actor, **values
            )
        except ModelValidationError as error:
            raise exceptions.ValidationError(error.message_dict) from error
        enqueue_after_commit(environment)
        body = self.get_serializer(environment).data
        return Response(body, status=status.HTTP_201_CREATED)

    @extend_schema(request=EnvironmentChangeSerializer, responses=EnvironmentSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Rename, pause or resume, or give another address or key."""
        environment = self.get_object()
        values = self.validated(EnvironmentChangeSerializer)
        if "base_url" in values and "api_key" not in values:
            # The stored key must not be sent to an address that somebody else chose.
            raise exceptions.ValidationError(
                {"api_key": "A new address needs its key again; send both."}
            )
        if "api_key" in values:
            self._require_connection({"base_url": environment.base_url, **values})
        try:
            environments.change_environment(environment, actor=self.actor, **values)
        except ModelValidationError as error:
            raise exceptions.ValidationError(error.message_dict) from error
        return Response(self.get_serializer(environment).data)

    def destroy(self, request: Request, pk: str) -> Response:
        """Forget the environment and everything that was copied from it."""
        environments.remove_environment(self.get_object(), actor=self.actor)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=ConnectionSerializer, responses=ConnectionReportSerializer)
    @action(detail=False, methods=["post"])
    def test(self, request: Request) -> Response:
        """Try an address and a key; nothing is stored."""
        values = self.validated(ConnectionSerializer)
        report = self._report(values)
        return Response(ConnectionReportSerializer(report).data)

    @extend_schema(
        request=None,
        responses={202: SyncRunSerializer},
        parameters=[
            OpenApiParameter(
                "type",
                enum=["executions", "history"],
                description="executions: what is new (default); history: the whole past again.",
            )
        ],
    )
    @action(detail=True, methods=["post"])
    def sync(self, request: Request, pk: str) -> Response:
        """Start a sync, or join the one that runs."""
        kind = request.query_params.get("type", "executions")
        if kind not in ("executions", "history"):
            raise exceptions.ValidationError(
                {"type": f"“{kind[:40]}” is not one of: executions, history."}
            )
        environment = self.get_object()
        run = environments.request_sync(environment, actor=self.actor, whole_past=kind == "history")
        enqueue_after_commit(environment)
        return Response(SyncRunSerializer(run).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=None, responses=EnvironmentSerializer)
    @action(detail=True, methods=["post"])
    def release(self, request: Request, pk: str) -> Response:
        """Let an environment be copied again that was put in quarantine."""
        environment = self.get_object()
        environments.release_from_quarantine(environment, actor=self.actor)
        enqueue_after_commit(environment)
        return Response(self.get_serializer(environment).data)

    @extend_schema(responses=SyncRunSerializer(many=True))
    @action(detail=True, url_path="sync-runs")
    def sync_runs(self, request: Request, pk: str) -> Response:
        """The environment's syncs, newest first."""
        runs = SyncRun.objects.for_tenant(self.tenant).filter(environment=self.get_object())
        page = self.paginate_queryset(runs) or []
        return self.get_paginated_response(all_written(SyncRunSerializer, page))

    @extend_schema(responses=CoverageSerializer)
    @action(detail=True)
    def coverage(self, request: Request, pk: str) -> Response:
        """Which time has really been seen within the tenant's retention."""
        since = timezone.now() - timedelta(days=self.tenant.retention_days)
        report = coverage_report(self.get_object(), since=since)
        return Response(written(CoverageSerializer, report))

    @extend_schema(request=None, responses={201: NewPushTokenSerializer})
    @action(detail=True, methods=["post"], url_path="push-token")
    def push_token(self, request: Request, pk: str) -> Response:
        """Make the token with which this n8n may push, or replace it; it is shown only now."""
        environment = self.get_object()
        _, secret = tokens.issue_token(environment, actor=self.actor)
        state = push_state(request._request, environment, secret=secret)
        body = NewPushTokenSerializer(state).data
        return Response(body, status=status.HTTP_201_CREATED, headers={"Cache-Control": "no-store"})

    @extend_schema(responses={204: None})
    @push_token.mapping.delete
    def revoke_push_token(self, request: Request, pk: str) -> Response:
        """Take nothing more from this n8n until a new token is made."""
        tokens.revoke_token(self.get_object(), actor=self.actor)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _report(self, values: dict[str, Any]) -> Any:
        try:
            base_url = environments.clean_base_url(values["base_url"])
            api_key = environments.clean_api_key(values["api_key"])
        except ModelValidationError as error:
            raise exceptions.ValidationError(error.message_dict) from error
        return environments.test_connection(base_url=base_url, api_key=api_key)

    def _require_connection(self, values: dict[str, Any]) -> None:
        report = self._report(values)
        if not report.ok:
            raise unprocessable(report.sentence, code=report.reason)


FILTERS = [
    OpenApiParameter(
        name,
        description=str(field.help_text),
        many=hasattr(field, "length"),
        enum=getattr(field, "allowed", None) or None,
    )
    for name, field in ExecutionFilter.base_fields.items()
]

FORMAT = OpenApiParameter("format", enum=[*Format], description="csv if left out.")


class FormatOfTheFile(DefaultContentNegotiation):
    """The address says which file is wanted; only refusals are rendered, and always as JSON."""

    def select_renderer(
        self, request: Any, renderers: Any, format_suffix: str | None = None
    ) -> tuple[Any, str]:
        return renderers[0], renderers[0].media_type


class ExecutionViewSet(TenantViewSet[Execution]):
    """The executions of a tenant, newest first."""

    queryset = Execution.objects.none()
    serializer_class = ExecutionSerializer
    http_method_names = ("get", "head", "options")
    keyset_moment = "occurred_at"

    def get_queryset(self) -> Any:
        return Execution.objects.for_tenant(self.tenant)

    @extend_schema(parameters=FILTERS)
    @shared_answer
    def list(self, request: Request) -> Response:
        chosen = self._chosen(request)
        try:
            with within_time_limit():
                page = self.paginate_queryset(chosen.executions()) or []
        except TooExpensive as error:
            raise unprocessable(str(error), code="too_expensive") from error
        return self.get_paginated_response(all_written(ExecutionSerializer, page))

    @extend_schema(
        parameters=[
            *FILTERS,
            FORMAT,
        ],
        responses={(200, kind): OpenApiTypes.STR for kind in CONTENT_TYPES.values()},
        filters=False,
    )
    @action(detail=False, content_negotiation_class=FormatOfTheFile, pagination_class=None)
    def export(self, request: Request) -> HttpResponseBase:
        """The list as a file, newest first, up to a million rows; its last line says if cut."""
        chosen = self._chosen(request)
        kind = request.query_params.get("format", Format.CSV)
        if kind not in [*Format]:
            raise exceptions.ValidationError(
                {"format": f"“{kind[:40]}” is not one of: {', '.join(Format)}."}
            )
        return export_response(request._request, chosen, Format(kind))

    def _chosen(self, request: Request) -> ExecutionFilter:
        """The request's filter. Raises ValidationError with a sentence for each fault."""
        chosen = ExecutionFilter(request.query_params, tenant=self.tenant)
        if not chosen.is_valid():
            raise exceptions.ValidationError(
                {
                    "" if name == "__all__" else name: [str(text) for text in texts]
                    for name, texts in chosen.errors.items()
                }
            )
        return chosen

    @extend_schema(responses=NodesSerializer, filters=False)
    @action(detail=True, pagination_class=None)
    def nodes(self, request: Request, pk: str) -> Response:
        """The nodes of an execution in the order in which they ran, where traces told of them."""
        nodes = nodes_of(self.tenant.pk, self.get_object().pk)
        return Response(written(NodesSerializer, {"results": nodes}))


def enqueue_after_commit(environment: Environment) -> None:
    """Ask a worker for a turn as soon as it can see what was stored."""
    ids: tuple[UUID, UUID] = (environment.tenant_id, environment.pk)
    transaction.on_commit(lambda: tasks.enqueue_sync(*ids))
