"""What a push tells, whichever way it came (pure)."""

from dataclasses import dataclass, field
from datetime import datetime

from executions.n8n.payloads import ErrorPayload, ExecutionPayload


@dataclass(frozen=True, slots=True)
class ToldRun:
    """One run. ``run_key`` names its span, where a trace told it.

    The error is whole where it holds all that n8n's data do; a trace tells its message only.
    ``is_own`` marks what n8n keeps no run of: a trigger that failed before one began.
    """

    payload: ExecutionPayload
    workflow_name: str = ""
    error: ErrorPayload | None = None
    is_whole_error: bool = False
    run_key: str = ""
    is_own: bool = False


@dataclass(frozen=True, slots=True)
class ToldNode:
    """One run of a node; which execution it belongs to is known by ``run_key`` alone."""

    run_key: str
    span_id: str
    node: str
    node_type: str
    started_at: datetime | None
    ended_at: datetime | None
    items_in: int | None
    items_out: int | None
    failed: bool


@dataclass(slots=True)
class Told:
    """All that one request tells, and how many of its spans could not be used and why."""

    runs: list[ToldRun] = field(default_factory=list)
    nodes: list[ToldNode] = field(default_factory=list)
    rejected: int = 0
    reason: str = ""
