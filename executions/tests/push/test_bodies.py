"""What is taken as a body, what is refused, and in whose words."""

import gzip
import json
from io import BytesIO

import pytest
from django.core.handlers.asgi import ASGIRequest
from django.urls import reverse
from google.protobuf import json_format
from google.rpc.status_pb2 import Status
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from executions.models import Execution, RunSpan
from executions.push import api, bodies, spans
from executions.tests.push.conftest import ERRORS, TRACES, changed, only, sample, spans_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("scope")]


def as_json(body):
    """A body as OTLP writes it in JSON: protobuf's own mapping, but ids in hex."""
    request = ExportTraceServiceRequest.FromString(body)
    told = json_format.MessageToDict(request)
    plain = iter(spans_of(request))
    for part in told["resourceSpans"]:
        for scope in part["scopeSpans"]:
            for span in scope["spans"]:
                same = next(plain)
                span["traceId"], span["spanId"] = same.trace_id.hex(), same.span_id.hex()
                if same.parent_span_id:
                    span["parentSpanId"] = same.parent_span_id.hex()
    return json.dumps(told)


def everything():
    hidden = ("id", "execution_id", "created_at", "updated_at", "recheck_at", "tenant_id")
    return [
        {name: value for name, value in row.items() if name not in hidden}
        for model, order in ((Execution, ["id_order"]), (RunSpan, ["run_key", "span_id"]))
        for row in model.objects.order_by(*order).values()
    ]


def status_of(answer):
    return Status.FromString(answer.content)


@pytest.mark.parametrize("name", ["mixed.pb", "waiting.pb", "parent-and-child.pb"])
def test_json_tells_the_same_as_protobuf(send, name):
    send(sample(name))
    by_protobuf = everything()
    Execution.objects.all().delete()
    RunSpan.objects.all().delete()

    answer = send(as_json(sample(name)), content_type="application/json")

    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    assert answer.json() == {}
    assert everything() == by_protobuf


def test_a_gzipped_body_is_unfolded(send):
    answer = send(gzip.compress(sample("success.pb")), Content_Encoding="gzip")

    assert answer.status_code == 200
    assert Execution.objects.count() == 1


def test_a_gzip_of_several_members_is_one_body(send):
    body = sample("success.pb")

    answer = send(gzip.compress(body[:500]) + gzip.compress(body[500:]), Content_Encoding="gzip")

    assert answer.status_code == 200
    assert Execution.objects.count() == 1


def test_a_chunked_body_has_no_length_and_is_read_all_the_same(secret):
    told = {
        "type": "http",
        "method": "POST",
        "path": TRACES,
        "headers": [
            (b"authorization", f"Bearer {secret}".encode()),
            (b"content-type", b"application/x-protobuf"),
            (b"transfer-encoding", b"chunked"),
        ],
    }

    answer = api.TracesView.as_view()(ASGIRequest(told, BytesIO(sample("success.pb"))))

    assert answer.status_code == 200
    assert Execution.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "headers", "status", "words"),
    [
        (b"\xff\xff\xff", {}, 400, "no ExportTraceServiceRequest"),
        (b"{}", {"content_type": "text/plain"}, 415, "'text/plain'"),
        (b"", {"content_type": ""}, 415, "''"),
        (b"abc", {"Content_Encoding": "br"}, 415, "'br'"),
        (b"abc", {"Content_Encoding": "gzip"}, 400, "not the gzip"),
        (gzip.compress(b"abcdef")[:-4], {"Content_Encoding": "gzip"}, 400, "too early"),
    ],
    ids=["garbage", "type", "no type", "encoding", "no gzip", "cut gzip"],
)
def test_what_cannot_be_read_is_refused_in_otlps_words(send, body, headers, status, words):
    answer = send(body, **headers)

    assert (answer.status_code, answer["Content-Type"]) == (status, "application/x-protobuf")
    assert words in status_of(answer).message
    assert status_of(answer).code == 3
    assert "Retry-After" not in answer


@pytest.mark.parametrize(
    "body",
    [
        "[]",
        "null",
        "{",
        '{"resourceSpans": 7}',
        '{"resourceSpans": [{"scopeSpans": [{"spans": [{"startTimeUnixNano": "-1"}]}]}]}',
        '{"resourceSpans": [{"scopeSpans": [{"spans": [{"name": "\\ud800"}]}]}]}',
        '{"a":' * 5000 + "1" + "}" * 5000,
        '{"resourceSpans": [{"resource": {"attributes": [{"value": '
        + '{"arrayValue": {"values": [' * 200
        + "{}"
        + "]}}" * 200
        + "}]}}]}",
        '{"resourceSpans": NaN}',
    ],
)
def test_json_that_is_none_is_refused_in_json(send, body):
    answer = send(body, content_type="application/json")

    assert (answer.status_code, answer["Content-Type"]) == (400, "application/json")
    assert answer.json()["code"] == 3


def test_a_huge_body_is_refused_however_it_is_sent(send, monkeypatch):
    monkeypatch.setattr(bodies, "LARGEST_BODY", 10_000)

    plain = send(b"x" * 10_001)
    bomb = send(gzip.compress(b"\0" * 5_000_000), Content_Encoding="gzip")
    bombs = send(gzip.compress(b"\0" * 9_000) * 2, Content_Encoding="gzip")

    assert [plain.status_code, bomb.status_code, bombs.status_code] == [413, 413, 413]
    assert "unfolds" in status_of(bomb).message


def test_spans_that_cannot_be_used_are_told_and_the_others_are_stored(send):
    request = ExportTraceServiceRequest.FromString(sample("success.pb"))
    bad = spans_of(request)[0].__class__(name="workflow.execute", trace_id=b"short")
    request.resource_spans[0].scope_spans[0].spans.append(bad)

    answer = send(request.SerializeToString())

    told = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert (answer.status_code, told.rejected_spans) == (200, 1)
    assert "no usable trace and span id" in told.error_message
    assert Execution.objects.count() == 1


@pytest.mark.parametrize("key", ["", " ", "x" * 65])
def test_a_run_without_a_usable_id_is_rejected(send, key):
    answer = send(changed(only(sample("success.pb"), "workflow.execute"), id=key))

    told = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert told.rejected_spans == 1
    assert Execution.objects.count() == 0


def test_more_spans_than_are_taken_at_once_are_rejected(send, monkeypatch):
    monkeypatch.setattr(spans, "MOST_SPANS", 4)

    answer = send(sample("success.pb"))

    told = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert told.rejected_spans == 1
    assert "only 4 spans" in told.error_message


def test_hostile_text_is_stored_clean(send):
    send(changed(sample("success.pb"), workflow_id="a\0b\x7f<script>"))

    assert Execution.objects.get().workflow_id == "a\ufffdb\x7f<script>"


def test_a_secret_in_an_error_is_not_stored(send):
    request = ExportTraceServiceRequest.FromString(sample("code-throws.pb"))
    for span in spans_of(request):
        for event in span.events:
            for pair in event.attributes:
                pair.value.string_value = "refused for Bearer sk-live-0123456789abcdef0123456789"

    send(request.SerializeToString())

    assert "0123456789abcdef" not in Execution.objects.get().error_message


@pytest.mark.parametrize("method", ["get", "head"])
def test_n8ns_probe_at_its_start_is_answered(client, method):
    assert getattr(client, method)(TRACES).status_code == 200


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_other_methods_are_refused(client, secret, method):
    answer = getattr(client, method)(TRACES, headers={"Authorization": f"Bearer {secret}"})

    assert answer.status_code == 405


def test_the_addresses_are_those_that_n8n_makes():
    assert (reverse("push-traces"), reverse("push-errors")) == (TRACES, ERRORS)


def test_too_many_requests_are_told_when_to_come_again(send, monkeypatch):
    monkeypatch.setattr(api.PushThrottle, "rate", "1/min", raising=False)

    answers = [send(sample("success.pb")) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 429]
    assert 0 < int(answers[1]["Retry-After"]) <= 61
    assert status_of(answers[1]).code == 8


# --- Anything at all --------------------------------------------------------------------------

FUZZ = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@FUZZ
@given(
    cut=st.integers(0, 3600), flips=st.lists(st.tuples(st.integers(0, 3600), st.integers(0, 255)))
)
def test_damaged_traces_never_break_it(send, cut, flips):
    body = bytearray(sample("code-throws.pb"))
    for place, value in flips:
        body[place] = value

    assert send(bytes(body[cut:])).status_code in (200, 400)


@FUZZ
@given(body=st.binary(min_size=1, max_size=200), gzipped=st.booleans())
def test_any_bytes_never_break_it(send, body, gzipped):
    headers = {"Content_Encoding": "gzip"} if gzipped else {}

    assert send(body, **headers).status_code in (200, 400)


@FUZZ
@given(
    value=JSON_VALUES,
    name=st.sampled_from(
        [
            "traceId",
            "spanId",
            "name",
            "attributes",
            "events",
            "startTimeUnixNano",
            "status",
            "links",
        ]
    ),
)
def test_any_value_in_a_json_span_never_breaks_it(send, value, name):
    told = json.loads(as_json(sample("code-throws.pb")))
    for span in told["resourceSpans"][0]["scopeSpans"][0]["spans"]:
        span[name] = value

    answer = send(json.dumps(told), content_type="application/json")

    assert answer.status_code in (200, 400)


@FUZZ
@given(value=JSON_VALUES)
@pytest.mark.parametrize(
    "place", ["execution", "trigger", "workflow", "execution.error", "execution.id"]
)
def test_any_value_in_a_failure_never_breaks_it(send, value, place):
    told = json.loads(sample("error-trigger-http-500.json"))
    outer, _, inner = place.partition(".")
    if inner:
        told[outer][inner] = value
    else:
        told[outer] = value

    assert send(json.dumps(told), to=ERRORS).status_code in (202, 400)


@FUZZ
@given(value=JSON_VALUES)
def test_any_json_never_breaks_the_webhook(send, value):
    assert send(json.dumps(value), to=ERRORS).status_code in (202, 400)
