"""How fast a first load is, with all its bookkeeping, against what the HTTP alone allows.

The ceiling is the same pages fetched by the same client, one after another, and nothing stored.
Each load is a new environment of a server that takes 20 ms a page. Reasons of failures have a
queue of their own and are no part of this: all runs are successful.
"""

import itertools
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from statistics import median
from typing import Any
from unittest.mock import patch

import orjson
import requests

from executions.coverage import stretches
from executions.environments import connect_environment
from executions.models import DirtyHour, Environment, Execution, SyncRun
from executions.sync import open_client, run_turn
from observatory.bench.listing import PAGE
from observatory.bench.measuring import Bench, Options, in_turn, peak_memory_mib
from observatory.bench.report import Figure, Report
from tenants.audit import COMMAND_LINE
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tenants.tenancy import put_tenant

MILLISECONDS_A_PAGE = 20
ROUNDS = 3


class LoadIncomplete(Exception):
    """A load did not store what the server listed, so its time means nothing."""


def measure(options: Options) -> Report:
    with page_server(options.rows) as url:
        tenant, _ = put_tenant("bench", name="Bench", retention_days=None)
        numbers = itertools.count(1)
        loads: list[Environment] = []

        def load() -> None:
            loads.append(new_environment(tenant, url, next(numbers)))
            load_whole(loads[-1])

        def load_in_sequence() -> None:
            with patch("executions.descent.ThreadPoolExecutor", OneAfterAnother):
                load()

        listing = new_environment(tenant, url, next(numbers))
        ways: dict[str, Callable[[], None]] = {
            "ceiling": partial(list_whole, listing),
            "ours": load,
            "sequential": load_in_sequence,
        }
        taken = in_turn(ways, ROUNDS)
        most_open = orjson.loads(requests.get(f"{url}/seen", timeout=10).content)["most_open"]
    for environment in loads:
        check_load(environment, options.rows)
    return Report("sync", options.rows, _figures(options.rows, taken, most_open))


def _figures(rows: int, taken: dict[str, list[float]], most_open: int) -> tuple[Figure, ...]:
    seconds = {name: median(found) for name, found in taken.items()}
    pages = -(-rows // PAGE)
    return (
        *(Figure(f"{name}", rows / spent, "rows/s") for name, spent in seconds.items()),
        *(Figure(f"{name}, a page", spent / pages * 1000, "ms") for name, spent in seconds.items()),
        Figure("ours of the ceiling", 100 * seconds["ceiling"] / seconds["ours"], "%", at_least=90),
        Figure("sequential of the ceiling", 100 * seconds["ceiling"] / seconds["sequential"], "%"),
        Figure("memory of the process", peak_memory_mib(), "MiB", at_most=400),
        Figure("requests open at once", most_open, at_most=2),
    )


@contextmanager
def page_server(rows: int) -> Iterator[str]:
    """The address of a server in a process of its own, which ends with its standard input."""
    command = [sys.executable, "-m", "observatory.bench.page_server"]
    with subprocess.Popen(
        [*command, str(rows), str(MILLISECONDS_A_PAGE)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"


def new_environment(tenant: Tenant, url: str, number: int) -> Environment:
    with tenant_scope(tenant.pk):
        return connect_environment(
            tenant=tenant, actor=COMMAND_LINE, name=f"n8n {number}", base_url=url, api_key="key"
        )


def list_whole(environment: Environment) -> None:
    with open_client(environment) as client:
        cursor = None
        while True:
            page = client.list_executions(cursor=cursor)
            cursor = page.next_cursor
            if cursor is None:
                return


def load_whole(environment: Environment) -> None:
    while True:
        result = run_turn(
            tenant_id=environment.tenant_id, environment_id=environment.pk, owner="bench"
        )
        if result.failure or not result.ran:
            raise LoadIncomplete(f"A turn failed: {result.failure or 'it did not run'}")
        if not result.has_more:
            return


def check_load(environment: Environment, rows: int) -> None:
    """That a load stored every row, marked their hours and wrote what it saw into the ledger."""
    tenant_id = environment.tenant_id
    with tenant_scope(tenant_id):
        mine = Execution.objects.for_tenant(tenant_id).filter(environment_id=environment.pk)
        stored, hours = mine.count(), mine.dates("occurred_at", "day").count()
        marked = DirtyHour.objects.filter(environment_id=environment.pk).values("hour").distinct()
        runs = SyncRun.objects.for_tenant(tenant_id).filter(environment=environment)
        seen = sum(run.rows_seen for run in runs)
        covered = stretches(tenant_id, environment.pk)
        # A load of more than one turn sees the newest page once more at the head of each.
        if stored != rows or seen < rows or not covered or marked.count() < hours:
            raise LoadIncomplete(f"{stored} of {rows} rows were stored and {seen} were counted.")


class OneAfterAnother:
    """In place of the thread that fetches ahead: it fetches when the page is wanted."""

    def __init__(self, *_: Any, **options: Any) -> None:
        pass

    def submit(self, work: Callable[..., Any], *arguments: Any) -> "Deferred":
        return Deferred(work, arguments)

    def shutdown(self, **options: Any) -> None:
        pass


class Deferred:
    """A result that is worked out when it is asked for."""

    def __init__(self, work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self._work, self._arguments = work, arguments

    def done(self) -> bool:
        return False

    def result(self) -> Any:
        return self._work(*self._arguments)


BENCH = Bench(
    "sync",
    "a first load at 20 ms a page, against the HTTP alone and against no fetching ahead",
    rows=100_000,
    measure=measure,
)
