"""How fast records become rows: ours, the ORM's two ways, and a bare COPY as the limit.

All four write batches of one n8n page into the same table, in turn, each for a tenant of its own,
and each batch is one transaction from records to commit, none of which waits for the disk. Only
ours also marks dirty hours.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any
from uuid import uuid4

import psycopg
from django.conf import settings
from django.db import connection
from django.utils import timezone

from executions.ingest import GROUPED, TOLD, write_records
from executions.models import DirtyHour, Execution
from executions.n8n.execution_rows import read_rows
from executions.normalize import ExecutionRecord, normalize
from observatory.bench.listing import PAGE, listed_rows
from observatory.bench.measuring import Bench, Options, rate, seconds_of
from observatory.bench.report import Figure, Report
from tenants.ids import uuid7
from tenants.scope import tenant_scope

Batch = Sequence[ExecutionRecord]
OF_ERROR = (*TOLD, *GROUPED[:-1])
KEY = ("tenant", "environment_id", "epoch", "n8n_execution_id")
UNHURRIED = "-c synchronous_commit=off"
# Row by row takes so long that a few batches must speak for all.
BATCHES_BY_ROW = 4


class Way:
    """One way to write, with a tenant of its own and its seconds a batch."""

    def __init__(self, write: Callable[["Way", Batch], None]) -> None:
        self.tenant, self.environment = uuid4(), uuid4()
        self.write = write
        self.fresh: list[float] = []
        self.again: list[float] = []


def measure(options: Options) -> Report:
    payloads, _ = read_rows(listed_rows(options.rows, timezone.now()))
    records = [normalize(payload) for payload in payloads]
    batches = [records[start : start + PAGE] for start in range(0, len(records), PAGE)]
    with psycopg.connect(settings.DATABASE_OWNER_URL, options=UNHURRIED) as owner:
        connection.ensure_connection()
        connection.connection.execute("SET synchronous_commit = off")
        ours, bulk, by_row = Way(write_ours), Way(write_bulk), Way(write_by_row)
        limit = Way(lambda way, batch: write_copy(owner, way, batch))
        _in_turn(batches, (ours, bulk, limit), by_row, is_fresh=True)
        stored, marks = _versions(ours), _mark_count(ours)
        _in_turn(batches, (ours, bulk), by_row, is_fresh=False)
        rewritten = len(stored ^ _versions(ours))
        marks = _mark_count(ours) - marks
    return Report("ingest", options.rows, _figures(ours, bulk, by_row, limit, rewritten, marks))


def _in_turn(batches: Sequence[Batch], ways: Sequence[Way], by_row: Way, *, is_fresh: bool) -> None:
    stride = max(len(batches) // BATCHES_BY_ROW, 1)
    for number, batch in enumerate(batches):
        first = number % len(ways)
        chosen = [*ways[first:], *ways[:first]]
        if number % stride == 0:
            chosen.append(by_row)
        for way in chosen:
            seconds = seconds_of(partial(way.write, way, batch))
            (way.fresh if is_fresh else way.again).append(seconds)


def _figures(
    ours: Way, bulk: Way, by_row: Way, limit: Way, rewritten: int, marks: int
) -> tuple[Figure, ...]:
    fresh = {way: rate(PAGE, way.fresh) for way in (ours, bulk, by_row, limit)}
    again = {way: rate(PAGE, way.again) for way in (ours, bulk, by_row)}
    return (
        Figure("fresh: ours", fresh[ours], "rows/s"),
        Figure("fresh: bulk_create with update_conflicts", fresh[bulk], "rows/s"),
        Figure("fresh: update_or_create by row", fresh[by_row], "rows/s"),
        Figure("fresh: raw COPY, the limit", fresh[limit], "rows/s"),
        Figure("unchanged: ours", again[ours], "rows/s"),
        Figure("unchanged: bulk_create with update_conflicts", again[bulk], "rows/s"),
        Figure("unchanged: update_or_create by row", again[by_row], "rows/s"),
        Figure("ours against bulk_create", fresh[ours] / fresh[bulk], "×", at_least=1.8),
        Figure("ours against update_or_create", fresh[ours] / fresh[by_row], "×", at_least=25),
        Figure("ours against raw COPY", fresh[ours] / fresh[limit], "×"),
        Figure("unchanged against fresh", again[ours] / fresh[ours], "×", at_least=1.5),
        Figure("unchanged rows rewritten or locked", rewritten, "rows", at_most=0),
        Figure("hours marked for unchanged rows", marks, "hours", at_most=0),
    )


def _versions(way: Way) -> set[tuple[object, ...]]:
    """Where each row lies and who wrote or locked it: any write would change that."""
    with tenant_scope(way.tenant), connection.cursor() as cursor:
        cursor.execute(
            "SELECT id, ctid::text, xmin::text, xmax::text FROM executions WHERE tenant_id = %s",
            [way.tenant],
        )
        return set(cursor.fetchall())


def _mark_count(way: Way) -> int:
    with tenant_scope(way.tenant):
        return DirtyHour.objects.filter(tenant_id=way.tenant).count()


def write_ours(way: Way, batch: Batch) -> None:
    with tenant_scope(way.tenant):
        write_records(
            tenant_id=way.tenant,
            environment_id=way.environment,
            epoch=1,
            epochs={},
            records=batch,
            workflow_names={},
            now=timezone.now(),
        )


def write_bulk(way: Way, batch: Batch) -> None:
    rows = [
        Execution(id=uuid7(), n8n_execution_id=record.n8n_execution_id, **values)
        for record, values in _values(way, batch)
    ]
    fields = [f.attname for f in Execution._meta.concrete_fields]
    unchanging = {"id", "tenant_id", "environment_id", "epoch", "n8n_execution_id", "created_at"}
    with tenant_scope(way.tenant):
        Execution.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=KEY,
            update_fields=[name for name in fields if name not in unchanging],
        )


def write_by_row(way: Way, batch: Batch) -> None:
    with tenant_scope(way.tenant):
        for record, values in _values(way, batch):
            key = {name: values.pop(name) for name in ("tenant_id", "environment_id", "epoch")}
            Execution.objects.update_or_create(
                **key, n8n_execution_id=record.n8n_execution_id, defaults=values
            )


def write_copy(owner: "psycopg.Connection[tuple[object, ...]]", way: Way, batch: Batch) -> None:
    """As the owner, since COPY refuses tables with policies: no look-up, no second time."""
    now = timezone.now()
    statement = f"COPY executions ({', '.join(COPIED)}) FROM STDIN"
    with owner.transaction(), owner.cursor() as cursor, cursor.copy(statement) as copy:
        for record in batch:
            key = (uuid7(), way.tenant, way.environment, 1, "n8n")
            copy.write_row((*key, *_copied(record, now), *BLANK))


COPIED = (
    *("id", "tenant_id", "environment_id", "epoch", "provider"),
    *("n8n_execution_id", "id_order", "workflow_id", "status", "normalized_status", "mode"),
    *("started_at", "finished_at", "occurred_at", "execution_time", "created_at", "updated_at"),
    *(*OF_ERROR, "workflow_name", "retry_of", "retry_success_id", "workflow_version_id"),
    *("flags", "detail_state", "detail_attempts", "grouping_version"),
)
BLANK = ("",) * (len(OF_ERROR) + 4) + (0,) * 4


def _copied(record: ExecutionRecord, now: datetime) -> tuple[object, ...]:
    return (
        record.n8n_execution_id,
        record.id_order,
        record.workflow_id,
        record.status,
        record.normalized_status.value,
        record.mode,
        record.started_at,
        record.finished_at,
        record.started_at or now,
        record.execution_time_ms,
        now,
        now,
    )


def _values(way: Way, batch: Batch) -> list[tuple[ExecutionRecord, dict[str, Any]]]:
    now = timezone.now()
    return [
        (
            record,
            {
                "tenant_id": way.tenant,
                "environment_id": way.environment,
                "epoch": 1,
                "id_order": record.id_order,
                "workflow_id": record.workflow_id,
                "status": record.status,
                "normalized_status": str(record.normalized_status),
                "mode": record.mode,
                "started_at": record.started_at,
                "finished_at": record.finished_at,
                "occurred_at": record.started_at or now,
                "execution_time": record.execution_time_ms,
                "created_at": now,
                "updated_at": now,
            },
        )
        for record in batch
    ]


BENCH = Bench(
    "ingest",
    "storing executions, against bulk_create, update_or_create and a bare COPY",
    rows=20_000,
    measure=measure,
)
