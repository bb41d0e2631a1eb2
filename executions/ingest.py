"""Records of one environment into the executions table: one COPY, one upsert, no row twice.

Call inside a transaction that holds the environment's lease (executions.leases): one writer an
environment at a time is what makes the comparison with stored rows sure. Rows that say nothing
new are neither locked nor rewritten. The hours whose numbers change, before and after, are
marked in the same statement, so that rollups can never miss a change.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from executions.models import DetailState
from executions.normalize import ExecutionRecord
from executions.statuses import is_final
from tenants.ids import uuid7

# The statuses whose data tell why a run ended as it did.
STATUSES_WITH_DETAIL = frozenset({"error", "crashed", "canceled"})
FIRST_RECHECK = timedelta(seconds=20)


@dataclass(frozen=True, slots=True)
class IngestResult:
    """What a batch changed."""

    inserted: int = 0
    changed: int = 0
    unchanged: int = 0
    touched_ids: tuple[UUID, ...] = ()

    def __add__(self, other: "IngestResult") -> "IngestResult":
        return IngestResult(
            self.inserted + other.inserted,
            self.changed + other.changed,
            self.unchanged + other.unchanged,
            self.touched_ids + other.touched_ids,
        )


COLUMNS = {
    "id": "uuid",
    "epoch": "smallint",
    "n8n_execution_id": "text",
    "id_order": "bigint",
    "workflow_id": "text",
    "workflow_name": "text",
    "status": "text",
    "normalized_status": "text",
    "mode": "text",
    "started_at": "timestamptz",
    "finished_at": "timestamptz",
    "execution_time": "bigint",
    "wait_till": "timestamptz",
    "retry_of": "text",
    "retry_success_id": "text",
    "workflow_version_id": "text",
    "flags": "integer",
    "detail_state": "smallint",
    "recheck_at": "timestamptz",
}
NAMES = ", ".join(COLUMNS)
COPY_TYPES = [
    {"smallint": "int2", "integer": "int4", "bigint": "int8"}.get(kind, kind)
    for kind in COLUMNS.values()
]
STAGING = f"""
    CREATE TEMPORARY TABLE IF NOT EXISTS staged_executions
    ({", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())}) ON COMMIT DELETE ROWS;
    DELETE FROM staged_executions
"""

# A list row and a single row of n8n differ in what they tell: what one of them leaves out must
# not wipe what the other told.
UPSERT = f"""
WITH news AS (
    SELECT s.*, e.occurred_at AS was_at
    FROM staged_executions s
    LEFT JOIN executions e ON e.tenant_id = %(tenant)s AND e.environment_id = %(environment)s
        AND e.epoch = s.epoch AND e.n8n_execution_id = s.n8n_execution_id
    WHERE e.id IS NULL
       OR (e.status, e.mode, e.workflow_id, e.retry_of)
          IS DISTINCT FROM (s.status, s.mode, s.workflow_id, s.retry_of)
       OR (e.started_at, e.finished_at, e.wait_till)
          IS DISTINCT FROM (s.started_at, s.finished_at, s.wait_till)
       OR (s.retry_success_id <> '' AND e.retry_success_id <> s.retry_success_id)
       OR (s.workflow_version_id <> '' AND e.workflow_version_id <> s.workflow_version_id)
       OR (s.workflow_name <> '' AND e.workflow_name = '')
       OR e.gone_at IS NOT NULL
), written AS (
    INSERT INTO executions AS e (
        {NAMES}, tenant_id, environment_id, provider, occurred_at, created_at, updated_at,
        error_message, error_description, error_node, error_node_type, error_name, error_code,
        error_class, error_template, fingerprint, grouping_version, detail_attempts
    )
    SELECT {NAMES}, %(tenant)s, %(environment)s, 'n8n',
        coalesce(started_at, finished_at, was_at, %(now)s), %(now)s, %(now)s,
        '', '', '', '', '', '', '', '', '', 0, 0
    FROM news ORDER BY n8n_execution_id
    ON CONFLICT (tenant_id, environment_id, epoch, n8n_execution_id) DO UPDATE SET
        status = excluded.status,
        normalized_status = excluded.normalized_status,
        mode = excluded.mode,
        workflow_id = excluded.workflow_id,
        workflow_name = coalesce(nullif(e.workflow_name, ''), excluded.workflow_name),
        started_at = excluded.started_at,
        finished_at = excluded.finished_at,
        occurred_at = excluded.occurred_at,
        execution_time = excluded.execution_time,
        wait_till = excluded.wait_till,
        retry_of = excluded.retry_of,
        retry_success_id = coalesce(nullif(excluded.retry_success_id, ''), e.retry_success_id),
        workflow_version_id =
            coalesce(nullif(excluded.workflow_version_id, ''), e.workflow_version_id),
        flags = excluded.flags,
        detail_state = CASE WHEN e.status IS DISTINCT FROM excluded.status
            THEN excluded.detail_state ELSE e.detail_state END,
        detail_attempts = CASE WHEN e.status IS DISTINCT FROM excluded.status
            THEN 0 ELSE e.detail_attempts END,
        error_message = CASE WHEN excluded.detail_state = 0 THEN '' ELSE e.error_message END,
        error_description =
            CASE WHEN excluded.detail_state = 0 THEN '' ELSE e.error_description END,
        error_class = CASE WHEN excluded.detail_state = 0 THEN '' ELSE e.error_class END,
        fingerprint = CASE WHEN excluded.detail_state = 0 THEN '' ELSE e.fingerprint END,
        recheck_at = excluded.recheck_at,
        gone_at = NULL,
        updated_at = excluded.updated_at
    RETURNING e.id, e.occurred_at, (xmax = 0) AS is_new
), marks AS (
    INSERT INTO executions_dirtyhour (tenant_id, environment_id, hour)
    SELECT DISTINCT %(tenant)s::uuid, %(environment)s::uuid, date_trunc('hour', at, 'UTC')
    FROM (
        SELECT occurred_at AS at FROM written
        UNION ALL SELECT was_at FROM news WHERE was_at IS NOT NULL
    ) AS touched
)
SELECT id, is_new FROM written
"""

# n8n sets the link on the original with every successful retry; we know it as soon as we see
# the retry, even where the original is no longer listed.
LINK_RETRIES = """
UPDATE executions o SET retry_success_id = s.n8n_execution_id, updated_at = %(now)s
FROM (
    SELECT DISTINCT ON (retry_of) retry_of, epoch, n8n_execution_id FROM staged_executions
    WHERE retry_of <> '' AND status = 'success' ORDER BY retry_of, id_order DESC NULLS LAST
) s
WHERE o.tenant_id = %(tenant)s AND o.environment_id = %(environment)s AND o.epoch = s.epoch
  AND o.n8n_execution_id = s.retry_of AND o.retry_success_id = ''
"""


def write_records(
    *,
    tenant_id: UUID,
    environment_id: UUID,
    epochs: Mapping[str, int],
    epoch: int,
    records: Sequence[ExecutionRecord],
    workflow_names: Mapping[str, str],
    now: datetime,
) -> IngestResult:
    """Store the records; those named in ``epochs`` (by n8n's id) in an older epoch of theirs.

    A record that comes twice in one batch counts once, the last one wins.
    """
    unique = {record.n8n_execution_id: record for record in records}
    if not unique:
        return IngestResult()
    rows = (
        _staged_row(record, epochs.get(key, epoch), workflow_names, now)
        for key, record in unique.items()
    )
    parameters: dict[str, Any] = {"tenant": tenant_id, "environment": environment_id, "now": now}
    with connection.cursor() as cursor:
        _stage(cursor, rows)
        cursor.execute(UPSERT, parameters)
        written = cursor.fetchall()
        if any(record.retry_of for record in unique.values()):
            cursor.execute(LINK_RETRIES, parameters)
    inserted = sum(is_new for _, is_new in written)
    return IngestResult(
        inserted=inserted,
        changed=len(written) - inserted,
        unchanged=len(unique) - len(written),
        touched_ids=tuple(row_id for row_id, _ in written),
    )


def _stage(cursor: Any, rows: Iterable[tuple[Any, ...]]) -> None:
    cursor.execute(STAGING)
    with cursor.copy(f"COPY staged_executions ({NAMES}) FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types(COPY_TYPES)
        for row in rows:
            copy.write_row(row)


def _staged_row(
    record: ExecutionRecord, epoch: int, names: Mapping[str, str], now: datetime
) -> tuple[Any, ...]:
    needs_detail = record.status in STATUSES_WITH_DETAIL
    return (
        uuid7(),
        epoch,
        record.n8n_execution_id,
        record.id_order,
        record.workflow_id,
        names.get(record.workflow_id, ""),
        record.status,
        str(record.normalized_status),
        record.mode,
        record.started_at,
        record.finished_at,
        record.execution_time_ms,
        record.wait_till,
        record.retry_of,
        record.retry_success_id,
        record.workflow_version_id,
        int(record.flags),
        int(DetailState.PENDING if needs_detail else DetailState.NOT_NEEDED),
        None if is_final(record.status) else now + FIRST_RECHECK,
    )
