"""Where n8n sends by itself: ``/otlp/v1/traces`` and ``/n8n/errors``, by a token of its own.

OTLP's clients try again after 429 and 503 and give up after any other refusal.
"""

from typing import Any

import structlog
from django.db import OperationalError, connection
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema, inline_serializer
from psycopg.errors import LockNotAvailable, QueryCanceled
from rest_framework import exceptions, serializers
from rest_framework.authentication import BaseAuthentication
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from executions.push import otlp, tokens
from executions.push.bodies import Refused, read_body
from executions.push.error_trigger import read_failures
from executions.push.models import PushToken
from executions.push.receiving import receive
from executions.push.spans import read_spans
from executions.push.told import Told
from tenants.throttling import CellRateThrottle

log = structlog.get_logger(__name__)

# A page of sync holds the rows for some ten milliseconds.
WAIT_FOR_ROWS_MS = 3000


class PushRefused(exceptions.APIException):
    """A refusal with a status of its own; ``wait`` where trying again may help."""

    def __init__(self, status: int, sentence: str, wait: float | None = None) -> None:
        super().__init__(sentence)
        self.status_code = status
        self.wait = wait


class PushTokenAuthentication(BaseAuthentication):
    """``Authorization: Bearer nobp_…``, or ``X-Observatory-Token: nobp_…``."""

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"

    def authenticate(self, request: Request) -> tuple[None, PushToken] | None:
        kind, _, secret = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer":
            secret = request.headers.get("X-Observatory-Token", "")
        if not secret:
            return None
        token = tokens.find_token(secret.strip())
        if token is None:
            raise exceptions.AuthenticationFailed(
                "This push token is unknown, replaced or revoked; the environment's page makes one."
            )
        return None, token


class PushThrottle(CellRateThrottle):
    """So many requests of one environment; while Redis is away all are let in."""

    scope = "push"

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        token = request.auth
        return f"push:{token.environment_id}" if isinstance(token, PushToken) else None


class OneForm(BaseContentNegotiation):
    """The answer has the form of the request, whatever Accept says."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return parsers[0]

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> Any:
        return renderers[0], renderers[0].media_type


class PushView(APIView):
    """Base of the two: who sends, how much, and what that becomes."""

    authentication_classes = (PushTokenAuthentication,)
    permission_classes = ()
    throttle_classes = (PushThrottle,)
    content_negotiation_class = OneForm
    arrival = ""

    def token(self, request: Request) -> PushToken:
        if not isinstance(request.auth, PushToken):
            raise exceptions.NotAuthenticated(
                "Send the environment's push token: Authorization: Bearer nobp_…"
            )
        return request.auth

    def body(self, request: Request) -> bytes:
        encoding = request.headers.get("Content-Encoding", "").strip().lower()
        return read_body(request._request, encoding=encoding)

    def store(self, token: PushToken, told: Told) -> None:
        """Raises PushRefused where another writer of the environment takes too long."""
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = {WAIT_FOR_ROWS_MS}")
        try:
            receive(token, told)
        except OperationalError as error:
            if not isinstance(error.__cause__, (LockNotAvailable, QueryCanceled)):
                raise
            raise PushRefused(503, "The environment is being written; try again.", 5) from error
        tokens.note_arrival(token, by=self.arrival, runs=len(told.runs))

    def handle_exception(self, error: Exception) -> Response:
        if isinstance(error, Refused):
            error = PushRefused(error.status, error.sentence)
        return super().handle_exception(error)


class TracesView(PushView):
    """OTLP/HTTP: traces of n8n, as protobuf or JSON."""

    arrival = "traces_at"

    @extend_schema(
        operation_id="push_traces_probe",
        responses={200: OpenApiResponse(OpenApiTypes.STR, "Traces are taken here by POST.")},
        auth=[],
    )
    def get(self, request: Request) -> HttpResponse:
        """n8n asks at its start, without a token, whether anybody is there."""
        return HttpResponse("Send traces here by POST.\n", content_type="text/plain")

    @extend_schema(
        operation_id="push_traces",
        request={otlp.PROTOBUF: OpenApiTypes.BINARY, otlp.JSON: OpenApiTypes.OBJECT},
        responses={
            (200, otlp.PROTOBUF): OpenApiTypes.BINARY,
            (200, otlp.JSON): OpenApiTypes.OBJECT,
        },
    )
    def post(self, request: Request) -> HttpResponse:
        """Take spans of n8n (an ExportTraceServiceRequest, also gzipped)."""
        token = self.token(request)
        form = otlp.form_of(request.content_type)
        told = read_spans(otlp.read_request(self.body(request), form), form)
        self.store(token, told)
        answer = otlp.accepted(form, rejected=told.rejected, reason=told.reason)
        return HttpResponse(answer, content_type=form)

    def handle_exception(self, error: Exception) -> HttpResponse:  # type: ignore[override]
        """The refusal of every other address, in OTLP's own words."""
        answer = super().handle_exception(error)
        form = self.request.content_type.partition(";")[0].strip().lower()
        form = form if form == otlp.JSON else otlp.PROTOBUF
        body = otlp.refused(form, status=answer.status_code, sentence=answer.data["detail"])
        kept = {name: value for name, value in answer.items() if name != "Content-Type"}
        return HttpResponse(body, status=answer.status_code, content_type=form, headers=kept)


class ErrorsView(PushView):
    """n8n's Error Trigger, posted by one HTTP Request node."""

    arrival = "errors_at"

    @extend_schema(
        operation_id="push_errors",
        request={otlp.JSON: OpenApiTypes.OBJECT},
        responses={
            202: inline_serializer("PushedErrors", {"accepted": serializers.IntegerField()})
        },
    )
    def post(self, request: Request) -> Response:
        """Take what the Error Trigger gives: an object, or a list of them."""
        token = self.token(request)
        if request.content_type.partition(";")[0].strip().lower() != otlp.JSON:
            raise Refused(415, f"Content-Type {request.content_type[:60]!r} is not {otlp.JSON}.")
        told = Told(runs=read_failures(self.body(request), timezone.now()))
        self.store(token, told)
        return Response({"accepted": len(told.runs)}, status=202)
