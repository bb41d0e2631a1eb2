"""n8n's spans to runs and nodes (pure).

As n8n 2.41 makes them: ``workflow.execute`` when a run ends or pauses, ``node.execute`` below it
for each node that ran. A node's span does not name the execution; the span above it does. A run
that waited is told twice, the second time from where it went on, with a link to the first.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from executions.n8n.execution_details import MAX_MESSAGE, MAX_NAME, MAX_TYPE
from executions.n8n.fields import (
    MAX_WORD,
    Notes,
    UnusableRow,
    count,
    id_text,
    moment,
    optional_id,
    text,
)
from executions.n8n.payloads import ErrorPayload, ExecutionPayload, RowFlag
from executions.push.otlp import hex_id
from executions.push.told import Told, ToldNode, ToldRun

RUN, NODE, EXCEPTION = "workflow.execute", "node.execute", "exception"
# n8n's exporter sends at most 512 at once.
MOST_SPANS = 10_000
MOST_ATTRIBUTES = 200
TRACE_LENGTH, SPAN_LENGTH = 32, 16
NANOSECONDS_IN_MS = 1_000_000


def read_spans(request: ExportTraceServiceRequest, form: str) -> Told:
    """What the request tells; spans that n8n makes for other things are passed over."""
    told = Told()
    for number, span in enumerate(_spans(request)):
        if number >= MOST_SPANS:
            _reject(told, f"only {MOST_SPANS} spans are taken at once")
        elif span.name in (RUN, NODE):
            try:
                _read_span(span, form, told)
            except UnusableRow as error:
                _reject(told, f"{span.name}: {error}")
    _name_failed_nodes(told)
    return told


def _spans(request: ExportTraceServiceRequest) -> Iterator[Span]:
    for resource in request.resource_spans:
        for scope in resource.scope_spans:
            yield from scope.spans


def _reject(told: Told, reason: str) -> None:
    told.rejected += 1
    told.reason = told.reason or reason


def _read_span(span: Span, form: str, told: Told) -> None:
    trace, own = hex_id(span.trace_id, form), hex_id(span.span_id, form)
    if len(trace) != TRACE_LENGTH or len(own) != SPAN_LENGTH:
        raise UnusableRow("a span has no usable trace and span id")
    if span.name == RUN:
        told.runs.append(_run(span, trace + own))
        return
    parent = hex_id(span.parent_span_id, form)
    if len(parent) != SPAN_LENGTH:
        raise UnusableRow("a node's span has no parent")
    told.nodes.append(_node(span, trace + parent, own))


def _run(span: Span, run_key: str) -> ToldRun:
    values, notes = attributes(span.attributes), Notes()
    status = text(values.get("n8n.execution.status"), notes, MAX_WORD)
    if not status:
        raise UnusableRow("a run's span has no n8n.execution.status")
    # Where it goes on after a wait is not where it began.
    began = None if span.links else _at(span.start_time_unix_nano, notes)
    payload = ExecutionPayload(
        id=id_text(values.get("n8n.execution.id"), notes),
        status=status,
        mode=text(values.get("n8n.execution.mode"), notes, MAX_WORD),
        started_at=began,
        stopped_at=_at(span.end_time_unix_nano, notes),
        wait_till=None,
        retry_of=optional_id(values.get("n8n.execution.retry_of"), notes),
        retry_success_id="",
        workflow_id=optional_id(values.get("n8n.workflow.id"), notes),
        workflow_version_id=optional_id(values.get("n8n.workflow.version_id"), notes),
    )
    name = text(values.get("n8n.workflow.name"), notes, MAX_NAME)
    error = _error(span, notes)
    flags = notes.flags | RowFlag.PUSHED
    return ToldRun(payload._replace(flags=int(flags)), name, error, run_key=run_key)


def _error(span: Span, notes: Notes) -> ErrorPayload | None:
    for event in span.events:
        if event.name == EXCEPTION:
            values = attributes(event.attributes)
            return ErrorPayload(
                message=text(values.get("exception.message"), notes, MAX_MESSAGE),
                name=text(values.get("exception.type"), notes, MAX_TYPE),
            )
    return None


def _node(span: Span, run_key: str, own: str) -> ToldNode:
    values, notes = attributes(span.attributes), Notes()
    return ToldNode(
        run_key=run_key,
        span_id=own,
        node=text(values.get("n8n.node.name"), notes, MAX_NAME),
        node_type=text(values.get("n8n.node.type"), notes, MAX_TYPE),
        started_at=_at(span.start_time_unix_nano, notes),
        ended_at=_at(span.end_time_unix_nano, notes),
        items_in=count(values.get("n8n.node.items.input"), notes),
        items_out=count(values.get("n8n.node.items.output"), notes),
        failed=span.status.code == Status.STATUS_CODE_ERROR,
    )


def attributes(pairs: Iterable[KeyValue]) -> dict[str, object]:
    """The plain values by name; lists, maps and bytes are none that n8n's spans need."""
    found: dict[str, object] = {}
    for _, pair in zip(range(MOST_ATTRIBUTES), pairs, strict=False):
        found[pair.key] = _plain(pair.value)
    return found


def _plain(value: AnyValue) -> object:
    kind = value.WhichOneof("value")
    if kind not in ("string_value", "bool_value", "int_value", "double_value"):
        return None
    return getattr(value, kind)


def _at(nanoseconds: int, notes: Notes) -> datetime | None:
    return moment(nanoseconds // NANOSECONDS_IN_MS, notes) if nanoseconds else None


def _name_failed_nodes(told: Told) -> None:
    """A run's error with the node that failed last, which only the nodes' own spans name."""
    failed = {node.run_key: node for node in told.nodes if node.failed}
    for number, run in enumerate(told.runs):
        node = failed.get(run.run_key)
        if run.error is not None and node is not None:
            error = replace(run.error, node=node.node, node_type=node.node_type)
            told.runs[number] = replace(run, error=error)
