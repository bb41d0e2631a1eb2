"""The shapes of n8n's answers as the rest of the program sees them: typed, capped, immutable.

Nothing here reads JSON; the modules beside it do (execution_rows, execution_details,
workflow_rows). Absent text is the empty text. What a reader had to change is told by `flags`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntFlag
from typing import NamedTuple

Scalar = str | int | float | bool | None


class RowFlag(IntFlag):
    """What was odd about a row of n8n; such a row is stored all the same."""

    TEXT_CLEANED = 1  # NUL or half a character replaced by U+FFFD
    TEXT_CUT = 2  # longer than is kept
    WRONG_TYPE = 4  # another type of value than n8n documents
    TIME_WITHOUT_ZONE = 8  # read as UTC
    TIME_UNREADABLE = 16  # no time at all, left out
    TIME_OUT_OF_RANGE = 32  # a time that cannot be meant, left out
    STATUS_DERIVED = 64  # an old n8n tells no status; made from its other fields
    STATUS_UNKNOWN = 128  # a status that we do not know
    DURATION_NEGATIVE = 256  # ended before it started, no duration
    ID_NOT_NUMERIC = 512  # cannot be put in order by number
    PUSHED = 1024  # told by n8n itself; no list has shown it yet


class ExecutionPayload(NamedTuple):
    """One execution as n8n lists it.

    A named tuple because it is made 250 times a page and frozen dataclasses take five times as
    long to make.
    """

    id: str
    status: str
    mode: str
    started_at: datetime | None
    stopped_at: datetime | None
    wait_till: datetime | None
    retry_of: str
    retry_success_id: str
    workflow_id: str
    created_at: datetime | None = None
    deleted_at: datetime | None = None
    workflow_version_id: str = ""
    size_bytes: int | None = None
    flags: int = 0


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that could not be used at all: its place in the page and why."""

    index: int
    reason: str


@dataclass(frozen=True, slots=True)
class ErrorPayload:
    """Why an execution failed, in n8n's words and cut to what is kept.

    `cause` and `messages` hold the other side's raw words where `message` is n8n's general
    sentence. `child_execution_id` names the sub-workflow's execution that failed.
    """

    message: str = ""
    description: str = ""
    name: str = ""
    http_code: str = ""
    node: str = ""
    node_type: str = ""
    messages: tuple[str, ...] = ()
    cause: str = ""
    stack_head: str = ""
    line_number: int | None = None
    timestamp: datetime | None = None
    child_execution_id: str = ""
    is_redacted: bool = False


@dataclass(frozen=True, slots=True)
class NodeRunPayload:
    """What one node did in one execution, over all of its runs."""

    name: str
    status: str
    runs: int
    order: int
    started_at: datetime | None
    execution_time_ms: int
    items: int
    child_execution_id: str = ""


@dataclass(frozen=True, slots=True)
class ExecutionDetail:
    """One execution with what its data tell; `has_data` is false where n8n gave none."""

    execution: ExecutionPayload
    error: ErrorPayload | None = None
    workflow_name: str = ""
    custom_data: tuple[tuple[str, str], ...] = ()
    nodes: tuple[NodeRunPayload, ...] = ()
    last_node: str = ""
    parent_execution_id: str = ""
    parent_workflow_id: str = ""
    has_data: bool = False
    is_too_large: bool = False
    is_redacted: bool = False
    flags: int = 0


@dataclass(frozen=True, slots=True)
class CredentialPayload:
    """A credential that a node uses: what it is called, never what is in it."""

    type: str
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class NodePayload:
    """A node of a workflow; `parameters` only where they say when it starts or what it calls."""

    name: str
    type: str
    is_disabled: bool = False
    credentials: tuple[CredentialPayload, ...] = ()
    parameters: Mapping[str, object] | None = None

    def as_json(self) -> dict[str, object]:
        values: dict[str, object] = {"name": self.name, "type": self.type}
        if self.is_disabled:
            values["disabled"] = True
        if self.credentials:
            values["credentials"] = [
                {"type": c.type, "id": c.id, "name": c.name} for c in self.credentials
            ]
        if self.parameters:
            values["parameters"] = dict(self.parameters)
        return values


@dataclass(frozen=True, slots=True)
class WorkflowPayload:
    """One workflow; the nodes are those that run: the published version, where there is one."""

    id: str
    name: str
    is_active: bool = False
    is_archived: bool = False
    tags: tuple[str, ...] = ()
    settings: tuple[tuple[str, Scalar], ...] = ()
    trigger_count: int | None = None
    nodes: tuple[NodePayload, ...] = ()
    version_id: str = ""
    created_at: datetime | None = None
    updated_at: datetime | None = None
    project: str = ""
    flags: int = 0

    def nodes_as_json(self) -> list[dict[str, object]]:
        return [node.as_json() for node in self.nodes]


@dataclass(frozen=True, slots=True)
class StopPayload:
    """What n8n says after it stopped an execution."""

    status: str
    started_at: datetime | None
    stopped_at: datetime | None


@dataclass(frozen=True, slots=True)
class ExecutionPage:
    """One page of the execution list, newest first."""

    items: tuple[ExecutionPayload, ...]
    refused: tuple[BadRow, ...]
    next_cursor: str | None
    server_date: datetime | None
    elapsed_ms: int
    bytes: int


@dataclass(frozen=True, slots=True)
class WorkflowPage:
    """One page of the workflow list."""

    items: tuple[WorkflowPayload, ...]
    refused: tuple[BadRow, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Discovery:
    """What the API key may do, as n8n tells it."""

    scopes: frozenset[str]
    endpoints: frozenset[str]
