"""One execution with its data: why it failed, at which node, and what each node did.

The data are other people's: any part may be missing, of another type or huge. Everything is
looked for with a rule for its absence, and what is kept is capped. Items, headers and bodies are
never taken over.
"""

from collections.abc import Mapping

import orjson

from executions.n8n.execution_rows import read_execution
from executions.n8n.fields import (
    Notes,
    count,
    first_of,
    mapping,
    moment,
    number_text,
    optional_id,
    sequence,
    text,
)
from executions.n8n.payloads import ErrorPayload, ExecutionDetail, NodeRunPayload

MAX_MESSAGE = 64 * 1024
MAX_NAME = 500
MAX_TYPE = 200
MAX_CODE = 60
MAX_RAW_MESSAGE = 4_000
MAX_MESSAGES = 10
MAX_STACK = 2_000
MAX_CUSTOM = 50
MAX_CUSTOM_TEXT = 512
MAX_NODES = 1_000
# Deeper than any message is worth; also keeps the recursion of `words_of` short.
MAX_DEPTH = 4
MAX_LINE = 10_000_000
# Where services and libraries put the words of an error that is an object.
TEXT_KEYS = ("message", "error", "description", "detail", "title", "reason")


def read_detail(row: object) -> ExecutionDetail:
    """A single execution, with or without data. Raises UnusableRow where it has no id."""
    execution = read_execution(row)
    fields = mapping(row)
    data, notes = mapping(fields.get("data")), Notes()
    result = mapping(data.get("resultData"))
    workflow = mapping(fields.get("workflowData"))
    parent = mapping(data.get("parentExecution"))
    detail = ExecutionDetail(
        execution=execution,
        error=_error(result, workflow, notes),
        workflow_name=text(workflow.get("name"), notes, MAX_NAME),
        custom_data=_custom_data(fields.get("customData"), notes),
        nodes=_node_runs(mapping(result.get("runData")), notes),
        last_node=text(result.get("lastNodeExecuted"), notes, MAX_NAME),
        parent_execution_id=optional_id(parent.get("executionId"), notes),
        parent_workflow_id=optional_id(parent.get("workflowId"), notes),
        has_data=bool(data),
        is_too_large=fields.get("dataTooLargeToDisplay") is True,
        is_redacted=mapping(data.get("redactionInfo")).get("isRedacted") is True,
        flags=execution.flags | notes.flags,
    )
    return detail


def read_error(
    raw: object, last_node: str, notes: Notes, workflow: Mapping[str, object] | None = None
) -> ErrorPayload:
    """n8n's error, from a run's data or as its Error Trigger hands it on."""
    if not isinstance(raw, dict):
        return ErrorPayload(message=words_of(raw, notes), node=last_node)
    return _error_object(raw, last_node, workflow or {}, notes)


def _error(
    result: Mapping[str, object], workflow: Mapping[str, object], notes: Notes
) -> ErrorPayload | None:
    """The error of the whole run, or that of the last node where only that has one."""
    last_node = text(result.get("lastNodeExecuted"), notes, MAX_NAME)
    raw = result.get("error")
    if raw is None:
        raw = _error_of_node(result, last_node)
    if raw is None:
        return _redacted_error(result, last_node, notes)
    return read_error(raw, last_node, notes, workflow)


def _error_of_node(result: Mapping[str, object], node: str) -> object:
    runs = sequence(mapping(result.get("runData")).get(node))
    return mapping(runs[-1]).get("error") if runs else None


def _redacted_error(
    result: Mapping[str, object], last_node: str, notes: Notes
) -> ErrorPayload | None:
    """What n8n leaves of an error whose words it hides: its kind and its code."""
    raw = result.get("redactedError")
    if not isinstance(raw, dict):
        return None
    return ErrorPayload(
        name=text(raw.get("type"), notes, MAX_TYPE),
        http_code=_code(raw.get("httpCode"), notes),
        node=last_node,
        is_redacted=True,
    )


def _error_object(
    raw: Mapping[str, object], last_node: str, workflow: Mapping[str, object], notes: Notes
) -> ErrorPayload:
    failed = mapping(raw.get("node"))
    own_name = text(failed.get("name"), notes, MAX_NAME)
    node = last_node or own_name
    own_type = text(failed.get("type"), notes, MAX_TYPE) if own_name == node else ""
    return ErrorPayload(
        message=words_of(raw.get("message"), notes),
        description=words_of(raw.get("description"), notes),
        name=text(raw.get("name"), notes, MAX_TYPE),
        http_code=first_of(
            lambda: _code(raw.get("httpCode"), notes),
            lambda: _code(raw.get("code"), notes),
            lambda: _code(mapping(raw.get("cause")).get("code"), notes),
        ),
        node=node,
        node_type=own_type or _type_of(node, workflow, notes),
        messages=_messages(raw.get("messages"), notes),
        cause=words_of(raw.get("cause"), notes, MAX_RAW_MESSAGE),
        stack_head=_head(raw.get("stack"), notes),
        line_number=_line(raw.get("lineNumber"), notes),
        timestamp=moment(raw.get("timestamp"), notes),
        child_execution_id=optional_id(raw.get("executionId"), notes),
    )


def words_of(value: object, notes: Notes, limit: int = MAX_MESSAGE, depth: int = 0) -> str:
    """The text that a value stands for: an error object's own words, a list's joined, a number's.

    Errors come as all of these, because nodes throw what services send.
    """
    if isinstance(value, (str, int, float)) and not isinstance(value, bool):
        shown = value if isinstance(value, str) else number_text(value)
        return text(shown, notes, limit)
    if isinstance(value, list) and depth < MAX_DEPTH:
        parts = (words_of(part, notes, limit, depth + 1) for part in value[:MAX_MESSAGES])
        return text("; ".join(part for part in parts if part), notes, limit)
    if isinstance(value, dict) and depth < MAX_DEPTH:
        for key in TEXT_KEYS:
            found = words_of(value.get(key), notes, limit, depth + 1)
            if found:
                return found
    return _as_json(value, notes, limit)


def _as_json(value: object, notes: Notes, limit: int) -> str:
    if not value:
        return ""
    try:
        return text(orjson.dumps(value).decode(), notes, limit)
    except (orjson.JSONEncodeError, RecursionError):
        return ""


def _code(value: object, notes: Notes) -> str:
    """An HTTP status or an error code; anything longer is prose and no code."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return ""
    found = value if isinstance(value, str) else number_text(value)
    return text(found.strip(), notes, MAX_CODE) if len(found) <= MAX_CODE else ""


def _type_of(node: str, workflow: Mapping[str, object], notes: Notes) -> str:
    for raw in sequence(workflow.get("nodes")):
        if mapping(raw).get("name") == node:
            return text(mapping(raw).get("type"), notes, MAX_TYPE)
    return ""


def _messages(value: object, notes: Notes) -> tuple[str, ...]:
    """The raw words, each once."""
    parts = (words_of(part, notes, MAX_RAW_MESSAGE) for part in sequence(value)[:MAX_MESSAGES])
    return tuple(dict.fromkeys(part for part in parts if part))


def _head(value: object, notes: Notes) -> str:
    """The first lines of a stack; its tail is n8n's own and always the same."""
    if not isinstance(value, str):
        return ""
    return "\n".join(text(value[: MAX_STACK * 2], notes, MAX_STACK * 2).splitlines()[:8])[
        :MAX_STACK
    ]


def _line(value: object, notes: Notes) -> int | None:
    number = count(value, notes)
    return number if number is not None and number < MAX_LINE else None


def _custom_data(value: object, notes: Notes) -> tuple[tuple[str, str], ...]:
    pairs = list(mapping(value).items())[:MAX_CUSTOM]
    return tuple(
        (text(key, notes, MAX_CUSTOM_TEXT), words_of(item, notes, MAX_CUSTOM_TEXT))
        for key, item in pairs
    )


def _node_runs(run_data: Mapping[str, object], notes: Notes) -> tuple[NodeRunPayload, ...]:
    """One entry a node, in the order in which the nodes ran."""
    found = [
        _node_run(name, [mapping(run) for run in sequence(runs)], notes)
        for name, runs in list(run_data.items())[:MAX_NODES]
        if sequence(runs)
    ]
    return tuple(sorted(found, key=lambda run: (run.order, run.name)))


def _node_run(name: str, runs: list[dict[str, object]], notes: Notes) -> NodeRunPayload:
    last = runs[-1]
    return NodeRunPayload(
        name=text(name, notes, MAX_NAME),
        status=text(last.get("executionStatus"), notes, MAX_CODE),
        runs=len(runs),
        order=count(runs[0].get("executionIndex"), notes) or 0,
        started_at=moment(runs[0].get("startTime"), notes),
        execution_time_ms=sum(count(run.get("executionTime"), notes) or 0 for run in runs),
        items=sum(_items(run.get("data")) for run in runs),
        child_execution_id=next((c for run in reversed(runs) if (c := _child(run, notes))), ""),
    )


def _child(run: Mapping[str, object], notes: Notes) -> str:
    """The execution of the sub-workflow that a run called; a failed call names it in its error."""
    called = mapping(mapping(run.get("metadata")).get("subExecution"))
    failed = mapping(run.get("error"))
    return optional_id(called.get("executionId") or failed.get("executionId"), notes)


def _items(data: object) -> int:
    """How many items a run put out, over all of its outputs."""
    return sum(
        len(sequence(branch)) for outputs in mapping(data).values() for branch in sequence(outputs)
    )
