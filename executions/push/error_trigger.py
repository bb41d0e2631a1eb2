"""What n8n's Error Trigger hands on, as one HTTP Request node posts it (pure).

``{execution: {id, url, error, lastNodeExecuted, mode, retryOf}, workflow: {id, name}}``; a trigger
that failed before a run began has ``{trigger: {error, mode}, workflow}`` instead. n8n keeps no run
of the latter, so it gets an id that the failure itself gives: told twice, it is still one.
"""

import hashlib
from datetime import datetime

import orjson

from executions.n8n.execution_details import MAX_NAME, read_error
from executions.n8n.fields import MAX_WORD, Notes, UnusableRow, id_text, mapping, optional_id, text
from executions.n8n.payloads import ErrorPayload, ExecutionPayload, RowFlag
from executions.push.bodies import Refused
from executions.push.told import ToldRun

MOST_FAILURES = 100
SHAPE = (
    "Send what the Error Trigger gives: an object with “workflow” and “execution” or “trigger”, "
    f"or a list of at most {MOST_FAILURES} of them."
)


def read_failures(body: bytes, now: datetime) -> list[ToldRun]:
    """The failures that a body tells. Raises Refused where it is nothing of the kind."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refused(400, f"The body is not JSON. {SHAPE}") from error
    items = found if isinstance(found, list) else [found]
    if not 1 <= len(items) <= MOST_FAILURES:
        raise Refused(400, f"The body holds {len(items)} failures. {SHAPE}")
    return [_failure(item, now) for item in items]


def _failure(item: object, now: datetime) -> ToldRun:
    fields, notes = mapping(item), Notes()
    execution, trigger = mapping(fields.get("execution")), mapping(fields.get("trigger"))
    workflow = mapping(fields.get("workflow"))
    told = execution or trigger
    if not told:
        raise Refused(400, f"A failure has neither “execution” nor “trigger”. {SHAPE}")
    last_node = text(execution.get("lastNodeExecuted"), notes, MAX_NAME)
    error = read_error(told.get("error"), last_node, notes)
    workflow_id = optional_id(workflow.get("id"), notes)
    failed_at = error.timestamp or (None if execution else now)
    payload = ExecutionPayload(
        id=_id_of(execution, notes) if execution else _own_id(workflow_id, error, now),
        status="error",
        mode=text(told.get("mode"), notes, MAX_WORD),
        started_at=None,
        stopped_at=failed_at,
        wait_till=None,
        retry_of=optional_id(execution.get("retryOf"), notes),
        retry_success_id="",
        workflow_id=workflow_id,
        flags=int(notes.flags | (RowFlag.PUSHED if execution else 0)),
    )
    name = text(workflow.get("name"), notes, MAX_NAME)
    return ToldRun(payload, name, error, is_whole_error=True, is_own=not execution)


def _id_of(execution: dict[str, object], notes: Notes) -> str:
    try:
        return id_text(execution.get("id"), notes)
    except UnusableRow as error:
        raise Refused(400, f"A failure's execution has no usable id. {SHAPE}") from error


def _own_id(workflow_id: str, error: ErrorPayload, now: datetime) -> str:
    at = error.timestamp or now.replace(second=0, microsecond=0)
    parts = (workflow_id, at.isoformat(), error.node, error.message)
    return f"trigger-{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:32]}"
