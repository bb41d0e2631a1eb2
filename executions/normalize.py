"""n8n's executions to the records that are stored (pure).

It promises to give a record for every payload and never to raise; what had to be left out is told
by flags.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from executions.n8n.payloads import ExecutionPayload, RowFlag
from executions.statuses import FINAL, NORMALIZED, NormalizedStatus

MAX_ORDER = 2**63 - 1
MILLISECOND = timedelta(milliseconds=1)
ZERO = timedelta(0)
UNKNOWN = NormalizedStatus.UNKNOWN
STATUS_UNKNOWN = int(RowFlag.STATUS_UNKNOWN)
DURATION_NEGATIVE = int(RowFlag.DURATION_NEGATIVE)
ID_NOT_NUMERIC = int(RowFlag.ID_NOT_NUMERIC)


class ExecutionRecord(NamedTuple):
    """One execution, ready to be stored. Absent text is empty; `flags` holds RowFlag bits.

    A named tuple for the reason given at ExecutionPayload: one is made for every row of a page.
    """

    n8n_execution_id: str
    id_order: int | None
    workflow_id: str
    status: str
    normalized_status: NormalizedStatus
    mode: str
    started_at: datetime | None = None
    finished_at: datetime | None = None
    execution_time_ms: int | None = None
    wait_till: datetime | None = None
    retry_of: str = ""
    retry_success_id: str = ""
    workflow_version_id: str = ""
    size_bytes: int | None = None
    flags: int = 0


def normalize(payload: ExecutionPayload) -> ExecutionRecord:
    """The record of a payload; the same payload always gives the same record."""
    flags, status = payload.flags, payload.status
    normalized = NORMALIZED.get(status, UNKNOWN)
    if normalized is UNKNOWN and status != "unknown":
        flags |= STATUS_UNKNOWN
    # A waiting run carries the time at which it paused as its end; it has not ended.
    finished_at = payload.stopped_at if status in FINAL else None
    duration: int | None = None
    if finished_at is not None and payload.started_at is not None:
        spent = finished_at - payload.started_at
        if spent >= ZERO:
            duration = spent // MILLISECOND
        else:
            flags |= DURATION_NEGATIVE
    order = order_of(payload.id)
    if order is None:
        flags |= ID_NOT_NUMERIC
    return ExecutionRecord(
        payload.id,
        order,
        payload.workflow_id,
        status,
        normalized,
        payload.mode,
        payload.started_at,
        finished_at,
        duration,
        payload.wait_till,
        payload.retry_of,
        payload.retry_success_id,
        payload.workflow_version_id,
        payload.size_bytes,
        flags,
    )


def order_of(execution_id: str) -> int | None:
    """The number that an id is, for putting rows in order; none where it is not one."""
    if not (execution_id.isascii() and execution_id.isdigit()) or len(execution_id) > 40:
        return None
    number = int(execution_id)
    return number if number <= MAX_ORDER else None
