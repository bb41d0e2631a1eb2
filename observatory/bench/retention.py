"""A day of 333,000 executions deleted: the product's batches against batches of 1,000 by id.

By id is meant as Django does it: a thousand ids are read, and the rows with them deleted. The same
in one statement of SQL is measured beside it. All ways take stretches of one tenant in turn, the
oldest first, while somebody reads the newest page again and again. The vacuum at the end counts for
the readers, not for any way's time: what it has to clean is the same.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from statistics import quantiles
from uuid import UUID

import psycopg
from django.conf import settings
from django.db import connection

from analytics.pruning import READ, Pace, reading_seconds
from executions import retention
from executions.models import Execution
from executions.retention import Slice
from executions.statuses import NormalizedStatus
from observatory.bench.history import SPREAD, History, Shape, make_histories
from observatory.bench.measuring import Bench, Options, seconds_of
from observatory.bench.report import Figure, Report
from tenants.scope import tenant_scope

Way = Callable[[datetime, datetime], int]

# Each way takes two stretches: of a million rows in thirty days a third, as many as a day has where
# there are ten million. The newest day stays for who reads.
STRETCH, STRETCHES = timedelta(days=4.8), 6
QUIET_SECONDS = 3.0
BY_ID = """
DELETE FROM executions WHERE tenant_id = %(tenant)s AND id IN (
    SELECT id FROM executions
    WHERE tenant_id = %(tenant)s AND occurred_at >= %(after)s AND occurred_at < %(before)s
    LIMIT 1000
)
"""
STATUSES = tuple(status.value for status in NormalizedStatus)


@dataclass
class Reader:
    """Somebody who looks at the newest executions, in a thread and on a connection of its own."""

    tenant_id: UUID
    phase: str = "quiet"
    seconds: dict[str, list[float]] = field(default_factory=dict)
    is_over: threading.Event = field(default_factory=threading.Event)

    def read(self) -> None:
        with psycopg.connect(settings.DATABASE_URL) as client:
            while not self.is_over.wait(0.01):
                began = time.perf_counter()
                client.execute("SELECT set_config('app.tenant', %s, true)", [str(self.tenant_id)])
                client.execute(READ, [self.tenant_id]).fetchall()
                client.commit()
                self.seconds.setdefault(self.phase, []).append(time.perf_counter() - began)

    def p95(self, *phases: str) -> float:
        return quantiles([s for phase in phases for s in self.seconds[phase]], n=20)[-1]


@contextmanager
def reading(tenant_id: UUID) -> Iterator[Reader]:
    reader = Reader(tenant_id)
    thread = threading.Thread(target=reader.read, daemon=True)
    thread.start()
    try:
        yield reader
    finally:
        reader.is_over.set()
        thread.join()


def measure(options: Options) -> Report:
    (history,) = make_histories([Shape(options.rows, tenants=1)])
    ways: dict[str, Way] = {
        "1,000 by id": by_id(history),
        "1,000 by id in SQL": by_id_in_sql(history),
        "ours": in_batches(history),
    }
    taken = dict.fromkeys(ways, 0.0)
    rows = dict.fromkeys(ways, 0)
    with reading(history.largest.pk) as reader:
        time.sleep(QUIET_SECONDS)
        for number in range(STRETCHES):
            name = list(ways)[number % len(ways)]
            reader.phase = name
            begin = history.end - SPREAD + number * STRETCH
            began = time.perf_counter()
            rows[name] += ways[name](begin, begin + STRETCH)
            taken[name] += time.perf_counter() - began
        reader.phase = "vacuum"
        vacuum = seconds_of(clean)
    pace = {name: rows[name] / taken[name] for name in ways}
    return Report(
        "retention",
        options.rows,
        (
            *(Figure(name, pace[name], "rows/s") for name in ways),
            Figure("ours against 1,000 by id", pace["ours"] / pace["1,000 by id"], "×", 5),
            Figure("ours against SQL by id", pace["ours"] / pace["1,000 by id in SQL"], "×"),
            Figure("vacuum", vacuum * 1000, "ms"),
            Figure("readers' p95 in quiet", reader.p95("quiet") * 1000, "ms"),
            Figure("readers' p95 meanwhile", reader.p95("ours", "vacuum") * 1000, "ms"),
            Figure(
                "readers' p95, of quiet",
                reader.p95("ours", "vacuum") / reader.p95("quiet"),
                "×",
                at_most=1.3,
            ),
        ),
    )


def by_id(history: History) -> Way:
    """Any thousand that are old enough, until there are none."""
    tenant_id = history.largest.pk

    def delete_some(after: datetime, before: datetime) -> int:
        rows = Execution.objects.for_tenant(tenant_id)
        old = rows.filter(occurred_at__gte=after, occurred_at__lt=before)
        found = rows.filter(pk__in=list(old.values_list("pk", flat=True)[:1000]))
        return found.delete()[0]

    return partial(_until_none, tenant_id, delete_some)


def by_id_in_sql(history: History) -> Way:
    tenant_id = history.largest.pk

    def delete_some(after: datetime, before: datetime) -> int:
        with connection.cursor() as cursor:
            cursor.execute(BY_ID, {"tenant": tenant_id, "after": after, "before": before})
            deleted: int = cursor.rowcount
        return deleted

    return partial(_until_none, tenant_id, delete_some)


def _until_none(tenant_id: UUID, delete_some: Way, after: datetime, before: datetime) -> int:
    deleted = 0
    while True:
        with tenant_scope(tenant_id):
            some = delete_some(after, before)
        if some == 0:
            return deleted
        deleted += some


def in_batches(history: History) -> Way:
    """As the nightly run does it, environment by environment, pauses included."""
    pace = Pace(lambda: reading_seconds(history.largest.pk))

    def delete(after: datetime, before: datetime) -> int:
        parts = [
            Slice(place.tenant_id, place.environment_id, before, STATUSES)
            for place in history.places
        ]
        return sum(delete_slice(part, after, pace) for part in parts)

    return delete


def delete_slice(part: Slice, after: datetime, pace: Pace) -> int:
    deleted, limit = 0, retention.ROWS_OF_A_BATCH
    while True:
        began = time.monotonic()
        with tenant_scope(part.tenant_id):
            rows, newest = retention.delete_batch(part, after=after, limit=limit)
        deleted += rows
        if newest is None or rows < limit:
            return deleted
        after = newest
        time.sleep(pace.pause_after(time.monotonic() - began))


def clean() -> None:
    """As PostgreSQL does it by itself, with its pauses: nobody does it by hand."""
    with psycopg.connect(settings.DATABASE_OWNER_URL, autocommit=True) as owner:
        owner.execute(
            "SELECT set_config('vacuum_cost_delay',"
            " current_setting('autovacuum_vacuum_cost_delay'), false)"
        )
        owner.execute("VACUUM executions")


BENCH = Bench(
    name="retention",
    about="a day of executions deleted, and what readers notice of it",
    rows=1_000_000,
    measure=measure,
)
