"""Faults and traces of Observatory itself, told to whom the environment names; else to nobody.

``SENTRY_DSN`` sends faults to Sentry, ``OTEL_EXPORTER_OTLP_ENDPOINT`` sends a span for each
request and task by OTLP. Neither ever sends local variables, bodies or headers: they hold what
n8n's users wrote.
"""

from collections.abc import Callable
from typing import Any

from celery.signals import task_postrun, task_prerun, worker_process_init, worker_process_shutdown
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

tracer = trace.get_tracer("observatory")
_of_tasks: dict[str, Span] = {}


def start(service: str) -> None:
    """Begin to report from this process; call after it was forked."""
    if settings.SENTRY_DSN:
        _start_sentry()
    if settings.OTLP_ENDPOINT:
        _start_traces(service)


# Both libraries take as long to load as all of Observatory, and most installations name neither.


def _start_sentry() -> None:
    import sentry_sdk
    from sentry_sdk.integrations.celery import CeleryIntegration
    from sentry_sdk.integrations.django import DjangoIntegration

    sentry_sdk.init(
        dsn=settings.SENTRY_DSN,
        integrations=[DjangoIntegration(), CeleryIntegration()],
        include_local_variables=False,
        max_request_body_size="never",
        send_default_pii=False,
    )


def _start_traces(service: str) -> None:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource.create({SERVICE_NAME: service}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)


class RequestTraces:
    """Middleware; without a provider the spans cost nothing and go nowhere."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with tracer.start_as_current_span("request", kind=SpanKind.SERVER) as span:
            response = self.get_response(request)
            match = request.resolver_match
            route = f"/{match.route}" if match else "none"
            span.update_name(f"{request.method} {route}")
            span.set_attributes(
                {
                    "http.request.method": request.method or "",
                    "http.route": route,
                    "http.response.status_code": response.status_code,
                }
            )
            if response.status_code >= 500:
                span.set_status(Status(StatusCode.ERROR))
            return response


@worker_process_init.connect
def _start_in_worker(**_: Any) -> None:
    start("observatory-worker")


@worker_process_shutdown.connect
def _send_the_rest(**_: Any) -> None:
    if settings.OTLP_ENDPOINT:
        trace.get_tracer_provider().shutdown()  # type: ignore[attr-defined]


@task_prerun.connect
def _begin_span(task_id: str = "", task: Any = None, **_: Any) -> None:
    if settings.OTLP_ENDPOINT:
        _of_tasks[task_id] = tracer.start_span(task.name, kind=SpanKind.CONSUMER)


@task_postrun.connect
def _end_span(task_id: str = "", state: str | None = None, **_: Any) -> None:
    span = _of_tasks.pop(task_id, None)
    if span is None:
        return
    if state == "FAILURE":
        span.set_status(Status(StatusCode.ERROR))
    span.end()
