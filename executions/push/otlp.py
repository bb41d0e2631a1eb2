"""OTLP over HTTP as OpenTelemetry describes it, by the project's own messages (pure).

Protobuf and its JSON form go in; answers come out in the form that the request had.
"""

import base64
import binascii

import orjson
from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from executions.push.bodies import Refused

PROTOBUF, JSON = "application/x-protobuf", "application/json"
# google.rpc.Code by HTTP status, for the body of a refusal.
CODES = {400: 3, 401: 16, 413: 3, 415: 3, 429: 8, 503: 14}
UNKNOWN = 2
# Deeper values are no trace; the parser of protobuf has the same limit.
DEEPEST = 100


def form_of(content_type: str) -> str:
    """Which of the two forms a request has. Raises Refused for any other."""
    form = content_type.partition(";")[0].strip().lower()
    if form not in (PROTOBUF, JSON):
        raise Refused(415, f"Content-Type {form[:60]!r} is not one of: {PROTOBUF}, {JSON}.")
    return form


def read_request(body: bytes, form: str) -> ExportTraceServiceRequest:
    """The request's message. Raises Refused where the body is none."""
    request = ExportTraceServiceRequest()
    try:
        if form == PROTOBUF:
            request.ParseFromString(body)
        else:
            json_format.ParseDict(
                _object(body), request, ignore_unknown_fields=True, max_recursion_depth=DEEPEST
            )
    # The setters of messages have more ways to refuse than ParseError.
    except (DecodeError, json_format.ParseError, ValueError, TypeError) as error:
        raise Refused(400, f"The body is no ExportTraceServiceRequest in {form}.") from error
    return request


def _object(body: bytes) -> dict[str, object]:
    found = orjson.loads(body)
    if not isinstance(found, dict):
        raise TypeError("the body is no JSON object")
    return found


def hex_id(value: bytes, form: str) -> str:
    """A trace's or span's id as hex text; empty where it is none.

    OTLP writes ids in JSON as hex, where protobuf's own mapping expects base64. Hex of such lengths
    is also base64, and reading it as that can be taken back without loss.
    """
    if form == PROTOBUF:
        return value.hex()
    try:
        return bytes.fromhex(base64.b64encode(value).decode()).hex()
    except (ValueError, binascii.Error):
        return ""


def accepted(form: str, *, rejected: int = 0, reason: str = "") -> bytes:
    """The answer to what was taken, and to what of it was not."""
    answer = ExportTraceServiceResponse()
    if rejected:
        answer.partial_success.rejected_spans = rejected
        answer.partial_success.error_message = reason
    return _written(answer, form)


def refused(form: str, *, status: int, sentence: str) -> bytes:
    """The body of a refusal, which OTLP wants to be a google.rpc.Status."""
    return _written(Status(code=CODES.get(status, UNKNOWN), message=sentence), form)


def _written(message: Message, form: str) -> bytes:
    if form == PROTOBUF:
        return bytes(message.SerializeToString())
    return str(json_format.MessageToJson(message, indent=None)).encode()
