"""Records of one environment into the executions table: one statement, no row twice.

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

import orjson
from django.db import connection

from executions.grouping.fingerprint import classify, group_columns
from executions.grouping.text import ErrorInput
from executions.models import DetailState
from executions.n8n.payloads import RowFlag
from executions.normalize import ExecutionRecord
from executions.statuses import FINAL, is_final
from tenants.ids import uuid7s

# The statuses whose data tell why a run ended as it did, and what stands for the reason before it
# is known: no failure is ever without a group.
BEFORE_DETAILS = {"error": "pending", "crashed": "crashed", "canceled": "pending"}
GROUPS_BEFORE_DETAILS = {
    status: group_columns(classify(ErrorInput(status=silence)))
    for status, silence in BEFORE_DETAILS.items()
}
NO_GROUP = {"error_class": "", "error_template": "", "fingerprint": "", "grouping_version": 0}
FIRST_RECHECK = timedelta(seconds=20)
# What was pushed is in n8n's list long before, and the next cycle has mostly seen it there.
CONFIRM_PUSHED_AFTER = timedelta(minutes=1)
PUSHED = int(RowFlag.PUSHED)
FINAL_ONES = ", ".join(f"'{status}'" for status in sorted(FINAL))
PENDING, NOT_NEEDED = int(DetailState.PENDING), int(DetailState.NOT_NEEDED)


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


# The batch comes as JSON in the statement itself: one round trip, and no temporary table, whose
# making and emptying costs each transaction as much as a COPY saves.
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
    "error_class": "text",
    "error_template": "text",
    "fingerprint": "text",
    "grouping_version": "smallint",
}
NAMES = ", ".join(COLUMNS)
TYPED_NAMES = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
# What a failure's data told, forgotten where the run turns out to have ended otherwise; its group
# is then that of its new status.
TOLD = (
    "error_message",
    "error_description",
    "error_node",
    "error_node_type",
    "error_name",
    "error_code",
)
GROUPED = ("error_class", "error_template", "fingerprint", "grouping_version")
IS_ANOTHER = "e.status IS DISTINCT FROM excluded.status"
REGROUPED = ",\n        ".join(
    (
        *(f"{name} = CASE WHEN {IS_ANOTHER} THEN '' ELSE e.{name} END" for name in TOLD),
        *(
            f"{name} = CASE WHEN {IS_ANOTHER} THEN excluded.{name} ELSE e.{name} END"
            for name in GROUPED
        ),
        f"error_values = CASE WHEN NOT {IS_ANOTHER} THEN e.error_values END",
    )
)

# Statistics know nothing of a tenant that came after they were made: PostgreSQL then takes all of
# its rows for one, and any way to it for as good as another. Joined as a set, every page would read
# the whole environment; so each stored row is looked up by itself (LATERAL with LIMIT), and of the
# indexes only the unique one gives what is asked for: one key, in order, without sorting.
BY_KEY, BY_ANYTHING = "SET LOCAL enable_sort = off", "SET LOCAL enable_sort TO DEFAULT"
# What is copied can be copied again, and all that one transaction says of a page is kept or lost
# together: the commit need not wait for the disk.
UNHURRIED = "SET LOCAL synchronous_commit = off"
# A list row and a single row of n8n differ in what they tell: what one of them leaves out must
# not wipe what the other told. What was pushed is written anew by the first list that shows it; a
# page that was fetched before a run's end was pushed does not take that end back.
UPSERT = f"""
WITH news AS (
    SELECT s.*, e.occurred_at AS was_at
    FROM json_to_recordset(%(rows)s::json) AS s ({TYPED_NAMES})
    LEFT JOIN LATERAL (
        SELECT * FROM executions
        WHERE tenant_id = %(tenant)s AND environment_id = %(environment)s AND epoch = s.epoch
          AND n8n_execution_id BETWEEN s.n8n_execution_id AND s.n8n_execution_id
        ORDER BY n8n_execution_id LIMIT 1
    ) e ON true
    WHERE (e.id IS NULL
       OR e.flags & {PUSHED} <> 0
       OR (e.status, e.mode, e.workflow_id, e.retry_of)
          IS DISTINCT FROM (s.status, s.mode, s.workflow_id, s.retry_of)
       OR (e.started_at, e.finished_at, e.wait_till)
          IS DISTINCT FROM (s.started_at, s.finished_at, s.wait_till)
       OR (s.retry_success_id <> '' AND e.retry_success_id <> s.retry_success_id)
       OR (s.workflow_version_id <> '' AND e.workflow_version_id <> s.workflow_version_id)
       OR (s.workflow_name <> '' AND e.workflow_name = '')
       OR e.gone_at IS NOT NULL)
      AND (e.id IS NULL OR e.flags & {PUSHED} = 0
       OR e.status NOT IN ({FINAL_ONES}) OR s.status IN ({FINAL_ONES}))
), written AS (
    INSERT INTO executions AS e (
        {NAMES}, tenant_id, environment_id, provider, occurred_at, created_at, updated_at,
        {", ".join(TOLD)}, detail_attempts
    )
    SELECT {NAMES}, %(tenant)s, %(environment)s, 'n8n',
        coalesce(started_at, finished_at, was_at, %(now)s), %(now)s, %(now)s,
        {", ".join("''" for _ in TOLD)}, 0
    FROM news
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
        detail_state =
            CASE WHEN {IS_ANOTHER} THEN excluded.detail_state ELSE e.detail_state END,
        detail_attempts = CASE WHEN {IS_ANOTHER} THEN 0 ELSE e.detail_attempts END,
        {REGROUPED},
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
WRITE = f"{UNHURRIED}; {BY_KEY}; {UPSERT}; {BY_ANYTHING}"

# n8n sets the link on the original with every successful retry; we know it as soon as we see
# the retry, even where the original is no longer listed.
LINK_RETRY = """
UPDATE executions SET retry_success_id = %(retry)s, updated_at = %(now)s
WHERE tenant_id = %(tenant)s AND environment_id = %(environment)s AND epoch = %(epoch)s
  AND n8n_execution_id = %(original)s AND retry_success_id = ''
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
    # In one order everywhere, so that no two writers wait for each other.
    in_order = [unique[key] for key in sorted(unique)]
    rows = [
        _row(record, new_id, epochs.get(record.n8n_execution_id, epoch), workflow_names, now)
        for record, new_id in zip(in_order, uuid7s(len(unique)), strict=True)
    ]
    parameters: dict[str, Any] = {"tenant": tenant_id, "environment": environment_id, "now": now}
    with connection.cursor() as cursor:
        cursor.execute(WRITE, {**parameters, "rows": orjson.dumps(rows).decode()})
        cursor.nextset()
        cursor.nextset()
        written = cursor.fetchall()
        links = _retry_links(in_order)
        if links:
            cursor.executemany(
                LINK_RETRY,
                [
                    {**parameters, "epoch": epochs.get(retry, epoch)}
                    | {"original": original, "retry": retry}
                    for original, retry in links.items()
                ],
            )
    inserted = sum(is_new for _, is_new in written)
    return IngestResult(
        inserted=inserted,
        changed=len(written) - inserted,
        unchanged=len(unique) - len(written),
        touched_ids=tuple(row_id for row_id, _ in written),
    )


def _retry_links(records: Iterable[ExecutionRecord]) -> dict[str, str]:
    """The originals with the newest of their successful retries, sorted."""
    retries = [r for r in records if r.retry_of and r.status == "success"]
    retries.sort(key=lambda record: (record.retry_of, record.id_order or 0))
    return {record.retry_of: record.n8n_execution_id for record in retries}


def _row(
    record: ExecutionRecord,
    new_id: UUID,
    epoch: int,
    names: Mapping[str, str],
    now: datetime,
) -> dict[str, object]:
    needs_detail = record.status in BEFORE_DETAILS
    return {
        "id": new_id,
        "epoch": epoch,
        "n8n_execution_id": record.n8n_execution_id,
        "id_order": record.id_order,
        "workflow_id": record.workflow_id,
        "workflow_name": names.get(record.workflow_id, ""),
        "status": record.status,
        "normalized_status": record.normalized_status.value,
        "mode": record.mode,
        "started_at": record.started_at,
        "finished_at": record.finished_at,
        "execution_time": record.execution_time_ms,
        "wait_till": record.wait_till,
        "retry_of": record.retry_of,
        "retry_success_id": record.retry_success_id,
        "workflow_version_id": record.workflow_version_id,
        "flags": int(record.flags),
        "detail_state": PENDING if needs_detail else NOT_NEEDED,
        "recheck_at": _recheck_at(record, now),
        **GROUPS_BEFORE_DETAILS.get(record.status, NO_GROUP),
    }


def _recheck_at(record: ExecutionRecord, now: datetime) -> datetime | None:
    if not is_final(record.status):
        return now + FIRST_RECHECK
    return now + CONFIRM_PUSHED_AFTER if record.flags & PUSHED else None
