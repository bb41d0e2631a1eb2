"""An environment whose n8n may push, and ways to send to it."""

from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from executions.push.tokens import issue_token
from executions.tests.factories import EnvironmentFactory
from tenants.audit import SYSTEM
from tenants.scope import operator_scope, tenant_scope
from tenants.tests.factories import TenantFactory

SAMPLES = Path(__file__).parent / "samples"
TRACES, ERRORS = "/api/v1/otlp/v1/traces", "/api/v1/n8n/errors"


def sample(name):
    """A body that a real n8n 2.41 sent, its machine's names and paths masked."""
    return (SAMPLES / name).read_bytes()


def spans_of(request):
    return [
        span
        for part in request.resource_spans
        for scope in part.scope_spans
        for span in scope.spans
    ]


def only(body, *names):
    """The body with the spans of these names alone."""
    request = ExportTraceServiceRequest.FromString(body)
    scope = request.resource_spans[0].scope_spans[0]
    kept = [span for span in scope.spans if span.name in names]
    del scope.spans[:]
    scope.spans.extend(kept)
    return request.SerializeToString()


def changed(body, **values):
    """The body with other attributes of its runs: ``status`` for n8n.execution.status."""
    request = ExportTraceServiceRequest.FromString(body)
    names = {
        "id": "n8n.execution.id",
        "status": "n8n.execution.status",
        "workflow_id": "n8n.workflow.id",
    }
    for span in spans_of(request):
        for pair in span.attributes:
            for name, value in values.items():
                if pair.key == names.get(name):
                    pair.value.string_value = value
    return request.SerializeToString()


@pytest.fixture
def environment():
    """The recordings keep their days, so this tenant keeps them for ten years."""
    with operator_scope():
        return EnvironmentFactory(tenant=TenantFactory(retention_days=3650))


@pytest.fixture
def secret(environment):
    with tenant_scope(environment.tenant_id):
        return issue_token(environment, actor=SYSTEM)[1]


@pytest.fixture
def send(client, secret):
    def post(body, *, to=TRACES, content_type=None, token=secret, **headers):
        if content_type is None:
            content_type = "application/json" if to == ERRORS else "application/x-protobuf"
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if token:
            named["Authorization"] = f"Bearer {token}"
        return client.post(to, data=body, content_type=content_type, headers=named)

    return post


@pytest.fixture
def scope(environment):
    with tenant_scope(environment.tenant_id):
        yield
