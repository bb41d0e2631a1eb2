"""Records of one environment into the executions table: what is new of them, no row twice.

Call inside a transaction that holds the environment's lease (executions.leases): one writer an
environment at a time is what makes the comparison with stored rows sure. Records that say nothing
new end at that comparison; their rows are neither locked nor rewritten. The hours whose numbers
change, before and after, are marked in the statement that writes, so that rollups can never miss
a change.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import orjson
from django.db import connection
from django.db.backends.utils import CursorWrapper

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
EPOCH, MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
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


class Said(NamedTuple):
    """What every answer of n8n says of a run; times in microseconds since 1970."""

    status: str
    mode: str
    workflow_id: str
    retry_of: str
    started: int | None
    finished: int | None
    wait_till: int | None


class Stored(NamedTuple):
    """What a record is held against; when it occurred as text."""

    occurred_at: str
    flags: int
    is_gone: bool
    workflow_name: str
    retry_success_id: str
    workflow_version_id: str
    said: Said


# The rows come as JSON in the statement itself: one round trip, and no temporary table, whose
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
# What is mostly empty is left out of the JSON where it is: half of all bytes.
EMPTY = {
    **dict.fromkeys(("workflow_name", "retry_of", "retry_success_id", "workflow_version_id"), "''"),
    **dict.fromkeys(("error_class", "error_template", "fingerprint"), "''"),
    **dict.fromkeys(("flags", "detail_state", "grouping_version"), "0"),
}
VALUES = ", ".join(
    f"coalesce({name}, {EMPTY[name]})" if name in EMPTY else name for name in COLUMNS
)
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
# Times come as numbers or text: Django's way to read them is a hundred times slower, and would be
# most of the work on a page that says nothing new.
STATED = ("status", "mode", "workflow_id", "retry_of")
STATED_TIMES = ("started_at", "finished_at", "wait_till")
MICROSECONDS = ", ".join(
    f"(extract(epoch FROM {t}) * 1000000)::bigint AS {t}" for t in STATED_TIMES
)
STORED = f"""
SELECT s.key, e.* FROM json_each_text(%(epochs)s::json) AS s (key, epoch)
CROSS JOIN LATERAL (
    SELECT occurred_at::text, flags, gone_at IS NOT NULL, workflow_name, retry_success_id,
        workflow_version_id, {", ".join(STATED)}, {MICROSECONDS}
    FROM executions
    WHERE tenant_id = %(tenant)s AND environment_id = %(environment)s
      AND epoch = s.epoch::smallint AND n8n_execution_id BETWEEN s.key AND s.key
    ORDER BY n8n_execution_id LIMIT 1
) e
"""
READ = f"{UNHURRIED}; {BY_KEY}; {STORED}; {BY_ANYTHING}"
# A list row and a single row of n8n differ in what they tell: what one of them leaves out must
# not wipe what the other told.
UPSERT = f"""
WITH news AS MATERIALIZED (
    SELECT * FROM json_to_recordset(%(rows)s::json) AS s ({TYPED_NAMES}, was_at timestamptz)
), written AS (
    INSERT INTO executions AS e (
        {NAMES}, tenant_id, environment_id, provider, occurred_at, created_at, updated_at,
        {", ".join(TOLD)}, detail_attempts
    )
    SELECT {VALUES}, %(tenant)s, %(environment)s, 'n8n',
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
    in_epochs = {key: epochs.get(key, epoch) for key in unique}
    parameters: dict[str, Any] = {"tenant": tenant_id, "environment": environment_id, "now": now}
    with connection.cursor() as cursor:
        stored = _stored(cursor, {**parameters, "epochs": _json(in_epochs)})
        news = [
            (record, was)
            for record in in_order
            if (was := stored.get(record.n8n_execution_id)) is None
            or is_news(record, was, workflow_names)
        ]
        rows = [
            _row(new_id, record, in_epochs[record.n8n_execution_id], was, workflow_names, now)
            for new_id, (record, was) in zip(uuid7s(len(news)), news, strict=True)
        ]
        written = _upsert(cursor, rows, parameters) if rows else []
        _link_retries(cursor, in_order, in_epochs, parameters)
    inserted = sum(is_new for _, is_new in written)
    return IngestResult(
        inserted=inserted,
        changed=len(written) - inserted,
        unchanged=len(unique) - len(written),
        touched_ids=tuple(row_id for row_id, _ in written),
    )


def _stored(cursor: CursorWrapper, parameters: Mapping[str, Any]) -> dict[str, Stored]:
    """What is stored under n8n's ids, each in its epoch."""
    cursor.execute(READ, parameters)
    cursor.nextset()
    cursor.nextset()
    return {key: Stored._make((*row[:6], Said(*row[6:]))) for key, *row in cursor.fetchall()}


def _upsert(
    cursor: CursorWrapper, rows: Sequence[Mapping[str, object]], parameters: Mapping[str, Any]
) -> list[tuple[UUID, bool]]:
    """The id of each row that was written, and whether it is new."""
    cursor.execute(UPSERT, {**parameters, "rows": _json(rows)})
    written: list[tuple[UUID, bool]] = cursor.fetchall()
    return written


def _link_retries(
    cursor: CursorWrapper,
    records: Iterable[ExecutionRecord],
    in_epochs: Mapping[str, int],
    parameters: Mapping[str, Any],
) -> None:
    if links := _retry_links(records):
        cursor.executemany(
            LINK_RETRY,
            [
                {**parameters, "epoch": in_epochs[retry], "original": original, "retry": retry}
                for original, retry in links.items()
            ],
        )


def is_news(record: ExecutionRecord, stored: Stored, names: Mapping[str, str]) -> bool:
    """Whether a record says of a stored row what is not known yet (pure).

    What was pushed is written anew by the first list that shows it; a page that was fetched
    before a run's end was pushed does not take that end back.
    """
    if stored.flags & PUSHED:
        return stored.said.status not in FINAL or record.status in FINAL
    return (
        stored.is_gone
        or stored.said != _said(record)
        or record.retry_success_id not in ("", stored.retry_success_id)
        or record.workflow_version_id not in ("", stored.workflow_version_id)
        or (stored.workflow_name == "" and names.get(record.workflow_id, "") != "")
    )


def _said(record: ExecutionRecord) -> Said:
    return Said(
        record.status,
        record.mode,
        record.workflow_id,
        record.retry_of,
        _microseconds(record.started_at),
        _microseconds(record.finished_at),
        _microseconds(record.wait_till),
    )


def _microseconds(moment: datetime | None) -> int | None:
    return None if moment is None else (moment - EPOCH) // MICROSECOND


def _retry_links(records: Iterable[ExecutionRecord]) -> dict[str, str]:
    """The originals with the newest of their successful retries, sorted."""
    retries = [r for r in records if r.retry_of and r.status == "success"]
    retries.sort(key=lambda record: (record.retry_of, record.id_order or 0))
    return {record.retry_of: record.n8n_execution_id for record in retries}


def _row(
    new_id: UUID,
    record: ExecutionRecord,
    epoch: int,
    was: Stored | None,
    names: Mapping[str, str],
    now: datetime,
) -> dict[str, object]:
    mostly_empty = {
        "workflow_name": names.get(record.workflow_id, ""),
        "wait_till": record.wait_till,
        "retry_of": record.retry_of,
        "retry_success_id": record.retry_success_id,
        "workflow_version_id": record.workflow_version_id,
        "flags": int(record.flags),
        "detail_state": PENDING if record.status in BEFORE_DETAILS else NOT_NEEDED,
        "recheck_at": _recheck_at(record, now),
        "was_at": was and was.occurred_at,
    }
    return {
        "id": new_id,
        "epoch": epoch,
        "n8n_execution_id": record.n8n_execution_id,
        "id_order": record.id_order,
        "workflow_id": record.workflow_id,
        "status": record.status,
        "normalized_status": record.normalized_status.value,
        "mode": record.mode,
        "started_at": record.started_at,
        "finished_at": record.finished_at,
        "execution_time": record.execution_time_ms,
        **{name: value for name, value in mostly_empty.items() if value},
        **GROUPS_BEFORE_DETAILS.get(record.status, {}),
    }


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


def _recheck_at(record: ExecutionRecord, now: datetime) -> datetime | None:
    if not is_final(record.status):
        return now + FIRST_RECHECK
    return now + CONFIRM_PUSHED_AFTER if record.flags & PUSHED else None
