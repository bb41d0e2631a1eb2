"""A day of 333,000 executions deleted: the product's batches against batches of 1,000 by id.

Both ways take stretches of one tenant in turn, the oldest first, while somebody reads the newest
page again and again. The vacuum at the end counts for the readers, not for either way's time: what
it has to clean is the same.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import quantiles
from uuid import UUID

import psycopg
from django.conf import settings
from django.db import connection

from analytics.pruning import READ, Pace, reading_seconds
from executions import retention
from executions.retention import Slice
from executions.statuses import NormalizedStatus
from observatory.bench.history import SPREAD, History, Shape, make_histories
from observatory.bench.measuring import Bench, Options, seconds_of
from observatory.bench.report import Figure, Report
from tenants.scope import tenant_scope

Way = Callable[[Slice, datetime], int]

# Both ways take two of the oldest four stretches: of a million rows in thirty days a third each, so
# many as a day has where there are ten million.
STRETCH, STRETCHES = timedelta(days=5), 4
QUIET_SECONDS = 3.0
BY_ID = """
DELETE FROM executions WHERE tenant_id = %(tenant)s AND id IN (
    SELECT id FROM executions
    WHERE tenant_id = %(tenant)s AND environment_id = %(environment)s
      AND occurred_at >= %(after)s AND occurred_at < %(before)s LIMIT 1000
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
    taken = {"by id": 0.0, "ours": 0.0}
    ways: dict[str, Callable[[Slice, datetime], int]] = {
        "by id": by_id,
        "ours": in_batches(history),
    }
    rows = dict.fromkeys(ways, 0)
    with reading(history.largest.pk) as reader:
        time.sleep(QUIET_SECONDS)
        for number in range(STRETCHES):
            name = list(ways)[number % 2]
            reader.phase = name
            for part, after in stretch_of(history, number):
                began = time.perf_counter()
                rows[name] += ways[name](part, after)
                taken[name] += time.perf_counter() - began
        reader.phase = "vacuum"
        vacuum = seconds_of(clean)
    per_row = {name: taken[name] / max(rows[name], 1) for name in ways}
    return Report(
        "retention",
        options.rows,
        (
            *(Figure(f"rows a second, {name}", 1 / per_row[name]) for name in ways),
            Figure("times as fast as 1,000 by id", per_row["by id"] / per_row["ours"], "×", 5),
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


def stretch_of(history: History, number: int) -> Iterator[tuple[Slice, datetime]]:
    """The executions of some days, by environment, and when they begin."""
    begin = history.end - SPREAD + number * STRETCH
    for place in history.places:
        yield Slice(place.tenant_id, place.environment_id, begin + STRETCH, STATUSES), begin


def by_id(part: Slice, after: datetime) -> int:
    deleted = 0
    while True:
        with tenant_scope(part.tenant_id), connection.cursor() as cursor:
            cursor.execute(BY_ID, {**part.parameters(), "after": after})
            if cursor.rowcount == 0:
                return deleted
            deleted += cursor.rowcount


def in_batches(history: History) -> Way:
    """As the nightly run does it, pauses included."""
    pace = Pace(lambda: reading_seconds(history.largest.pk))

    def delete(part: Slice, after: datetime) -> int:
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

    return delete


def clean() -> None:
    with psycopg.connect(settings.DATABASE_OWNER_URL, autocommit=True) as owner:
        owner.execute("VACUUM executions")


BENCH = Bench(
    name="retention",
    about="a day of executions deleted, and what readers notice of it",
    rows=1_000_000,
    measure=measure,
)
