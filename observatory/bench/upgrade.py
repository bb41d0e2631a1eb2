"""An upgrade over a full table of executions, and for how long it holds anybody up.

The servers begin as the first version made them: the table is filled, then `migrate` does all that
came after. Meanwhile one client reads and writes a row every few milliseconds, and another reads in
transactions of seconds, which a migration has to wait for without the first waiting behind it.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone

from observatory.bench.history import Place, Shape, fill_executions, shares, without_indexes
from observatory.bench.measuring import Bench, Options, seconds_of
from observatory.bench.report import Figure, Report
from observatory.database import as_owner
from tenants.ids import uuid7

# The earliest state that the product's own migrations of other tables start from.
FIRST = ("executions", "0003_syncstate_crash_place")
TENANTS, WORKFLOWS = 20, 40
BETWEEN_PROBES_SECONDS = 0.005
LONG_READ_SECONDS, BETWEEN_LONG_READS_SECONDS = 3.0, 1.0
QUIET_SECONDS = 5.0
HIGHEST_MS = 1000

ENTER = "SELECT set_config('app.tenant', %s, true)"
NEWEST = "SELECT id FROM executions WHERE tenant_id = %s ORDER BY occurred_at DESC LIMIT 1"
# Every way to touch a row, of whatever columns the table has by now.
PROBE = (
    """
    WITH taken AS (DELETE FROM executions WHERE tenant_id = %(tenant)s AND id = %(id)s RETURNING *)
    INSERT INTO executions SELECT * FROM taken
    """,
    "UPDATE executions SET updated_at = now() WHERE tenant_id = %(tenant)s AND id = %(id)s",
    "SELECT status FROM executions WHERE tenant_id = %(tenant)s AND id = %(id)s",
)


@dataclass
class Prober:
    """Somebody who works with one row; the longest time that this took, by phase."""

    tenant_id: UUID
    phase: str = "quiet"
    longest: dict[str, float] = field(default_factory=dict)
    turns: dict[str, int] = field(default_factory=dict)

    def work(self, is_over: threading.Event) -> None:
        with psycopg.connect(settings.DATABASE_URL, prepare_threshold=None) as client:
            client.execute(ENTER, [str(self.tenant_id)])
            (row,) = client.execute(NEWEST, [self.tenant_id]).fetchone() or (None,)
            client.commit()
            while not is_over.wait(BETWEEN_PROBES_SECONDS):
                # What was held up in a phase counts for it, wherever it ended.
                phase = self.phase
                seconds = seconds_of(lambda: self.touch(client, row))
                self.longest[phase] = max(seconds, self.longest.get(phase, 0.0))
                self.turns[phase] = self.turns.get(phase, 0) + 1

    def touch(self, client: "psycopg.Connection[tuple[object, ...]]", row: UUID) -> None:
        client.execute(ENTER, [str(self.tenant_id)])
        for statement in PROBE:
            client.execute(statement, {"tenant": self.tenant_id, "id": row})
        client.commit()


def read_long(tenant_id: UUID, is_over: threading.Event) -> None:
    """Somebody whose transactions hold the table for seconds, as an export or a backup does."""
    with psycopg.connect(settings.DATABASE_URL) as client:
        while not is_over.wait(BETWEEN_LONG_READS_SECONDS):
            client.execute(ENTER, [str(tenant_id)])
            client.execute(NEWEST, [tenant_id])
            is_over.wait(LONG_READ_SECONDS)
            client.commit()


@contextmanager
def meanwhile(*works: Callable[[threading.Event], None]) -> Iterator[None]:
    """Each in a thread of its own, until the end; what ends one early ends the bench."""
    is_over, faults = threading.Event(), list[Exception]()

    def run(work: Callable[[threading.Event], None]) -> None:
        try:
            work(is_over)
        except Exception as fault:
            faults.append(fault)

    threads = [threading.Thread(target=run, args=[work], daemon=True) for work in works]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
    if faults:
        raise faults[0]


def measure(options: Options) -> Report:
    call_command("migrate", *FIRST, verbosity=0)
    tenants = fill(options.rows)
    prober = Prober(tenants[0])
    with meanwhile(prober.work, lambda is_over: read_long(tenants[0], is_over)):
        time.sleep(QUIET_SECONDS)
        prober.phase = "upgrade"
        seconds = seconds_of(lambda: call_command("migrate", verbosity=0))
    held_up = {phase: longest * 1000 for phase, longest in prober.longest.items()}
    return Report(
        "upgrade",
        options.rows,
        (
            Figure("upgrade", seconds, "s"),
            Figure("turns of the prober meanwhile", prober.turns["upgrade"]),
            Figure("its longest turn in quiet", held_up["quiet"], "ms"),
            Figure("its longest turn meanwhile", held_up["upgrade"], "ms", at_most=HIGHEST_MS),
        ),
    )


def fill(rows: int) -> list[UUID]:
    """Rows of a few tenants, the largest of them first; the ids of the tenants."""
    tenants = make_tenants()
    places = [
        Place(tenant_id, uuid7(), share, WORKFLOWS)
        for tenant_id, share in zip(tenants, shares(TENANTS), strict=True)
    ]
    with psycopg.connect(settings.DATABASE_OWNER_URL, autocommit=True) as owner:
        with owner.transaction(), without_indexes(owner):
            fill_executions(owner, Shape(rows, TENANTS), places, timezone.now())
        owner.execute("VACUUM (ANALYZE, FREEZE) executions")
    return tenants


def make_tenants() -> list[UUID]:
    """As the first version had them, whatever columns tenants have got since."""
    with as_owner():
        model = (
            MigrationLoader(connection).project_state([FIRST]).apps.get_model("tenants", "Tenant")
        )
        return [
            model.objects.create(slug=f"bench-{number}", name=f"Bench {number}").pk
            for number in range(TENANTS)
        ]


BENCH = Bench(
    name="upgrade",
    about="every migration over a full table, and for how long it holds up who works with it",
    rows=5_000_000,
    measure=measure,
    begins_migrated=False,
)
