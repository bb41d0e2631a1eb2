"""What is told of Observatory itself, to a collector that only listens."""

import gzip
import os
import subprocess
import sys
import textwrap
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from observatory.bootstrap import PROJECT

REQUEST = """
    import django
    django.setup()
    from django.conf import settings
    from django.test import Client
    from observatory import reporting
    reporting.start("observatory-web")
    {what}
    from opentelemetry import trace
    getattr(trace.get_tracer_provider(), "shutdown", lambda: None)()
"""


@pytest.fixture
def collector():
    """An address, and what was sent there."""
    received = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self):
            received.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            """Quiet."""

    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", received
        server.shutdown()
        thread.join()


def run(what, **environment):
    subprocess.run(
        [sys.executable, "-c", textwrap.dedent(REQUEST.format(what=what))],
        cwd=PROJECT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "observatory.settings", **environment},
        check=True,
        capture_output=True,
    )


def spans(bodies):
    for _, body in bodies:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                yield from scope.spans


def test_a_request_is_a_span_named_by_its_route(collector):
    address, received = collector

    run(
        'Client().get("/livez?secret=1", headers={"host": "localhost"})',
        OTEL_EXPORTER_OTLP_ENDPOINT=address,
    )

    (span,) = spans(received)
    assert received[0][0] == "/v1/traces"
    assert span.name == "GET /livez"
    assert b"secret" not in received[0][1]


def test_a_task_is_a_span(collector):
    address, received = collector

    run(
        "from observatory.tasks import note_heartbeat; note_heartbeat.apply()",
        OTEL_EXPORTER_OTLP_ENDPOINT=address,
    )

    assert [span.name for span in spans(received)] == ["observatory.tasks.note_heartbeat"]


@pytest.mark.parametrize("name", ["SENTRY_DSN", "OTEL_EXPORTER_OTLP_ENDPOINT"])
def test_what_is_no_address_stops_the_start(name):
    told = subprocess.run(
        [sys.executable, "-c", "import observatory.settings"],
        cwd=PROJECT,
        env={**os.environ, name: "collector"},
        capture_output=True,
        text=True,
    )

    assert told.returncode == 1
    assert f"{name} must begin with http:// or https://." in told.stderr


def test_a_fault_goes_to_sentry_without_variables_or_bodies(collector):
    address, received = collector
    dsn = address.replace("http://", "http://key@") + "/1"

    run(
        """
    import sentry_sdk
    def fail():
        token = "nobs_very-secret"
        raise RuntimeError("boom")
    try:
        fail()
    except RuntimeError:
        sentry_sdk.capture_exception()
    sentry_sdk.flush()
        """,
        SENTRY_DSN=dsn,
    )

    (body,) = [body for path, body in received if path.endswith("/envelope/")]
    told = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
    assert b"boom" in told
    assert b"very-secret" not in told
