"""How many streams one web process holds, how soon they hear, and how they come back.

Server and clients are real and on one machine, so the clients' work is part of every figure. An
event's time is counted from before it is stored, which is right after the commit it tells of.
"""

import asyncio
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from statistics import quantiles
from threading import Event, Thread

import orjson
import psycopg
import requests
from django.conf import settings
from django_eventstream.utils import get_storage

from observatory.bench.listening import Client, Heard
from observatory.bench.measuring import Bench, Options
from observatory.bench.report import Figure, Report
from observatory.files import allow_many_open_files
from observatory.stack.processes import end_with_parent
from tenants.models import Role, Tenant
from tenants.realtime import channel_of, tell
from tenants.scope import tenant_scope
from tenants.tenancy import put_tenant
from tenants.tokens import create_token

PATIENCE = 90.0
REQUESTS, EVENTS, EVENTS_WHILE_AWAY = 200, 30, 5
NAME_AT_POSTGRES = "live-bench-web"


class Web:
    """One web process; a restart keeps its port."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.process = self._start()

    def _start(self) -> "subprocess.Popen[bytes]":
        command = (sys.executable, "-m", "uvicorn", "observatory.asgi:application")
        process = subprocess.Popen(
            [*command, "--port", str(self.port), "--timeout-graceful-shutdown", "3"],
            env={
                **os.environ,
                "OBSERVATORY_STREAMS_PER_USER": "100000",
                "OBSERVATORY_API_RATE": "1000000/min",
                "PGAPPNAME": NAME_AT_POSTGRES,
                # What it says of itself is no part of the report.
                "UVICORN_LOG_LEVEL": "error",
            },
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=end_with_parent(signal.SIGKILL),
        )
        wait_until(self.answers)
        return process

    def answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()

    def start_again(self) -> None:
        self.process = self._start()

    def memory_mib(self) -> float:
        """What it holds now."""
        command = ["ps", "-o", "rss=", "-p", str(self.process.pid)]
        return int(subprocess.check_output(command)) / 1024


class Audience:
    """Many clients in a loop of their own."""

    def __init__(self, port: int) -> None:
        self.port, self.clients = port, list[Client]()
        # A loop does not keep its tasks from being collected.
        self.running: list[Future[None]] = []
        self.loop = asyncio.new_event_loop()
        Thread(target=self.loop.run_forever, daemon=True).start()

    def add(self, tenant: Tenant, token: str, count: int) -> None:
        """Spread over a few seconds, as people come."""

        async def begin(client: Client) -> None:
            await asyncio.sleep(random.uniform(0, count / 100))
            await client.run()

        for _ in range(count):
            client = Client(self.port, f"/api/v1/sse/counts/{tenant.pk}", token)
            self.clients.append(client)
            self.running.append(asyncio.run_coroutine_threadsafe(begin(client), self.loop))
        wait_until(lambda: all(client.is_open and client.heard for client in self.clients))

    def dismiss(self, kept: int) -> None:
        """All but the first so many."""
        for future in self.running[kept:]:
            future.cancel()
        del self.running[kept:], self.clients[kept:]

    def end(self) -> None:
        async def end_all() -> None:
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end_all(), self.loop).result()
        self.loop.call_soon_threadsafe(self.loop.stop)


def wait_until(is_true: Callable[[], object], seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not is_true():
        if time.monotonic() > deadline:
            raise TimeoutError("The clients did not get there.")
        time.sleep(0.01)


def measure(options: Options) -> Report:
    allow_many_open_files()
    half = options.rows // 2
    (tenant, token), (others, their_token) = _listeners("bench"), _listeners("others")
    web = Web()
    audience = Audience(web.port)
    try:
        api_milliseconds(web, token)
        idle = api_milliseconds(web, token)
        audience.add(tenant, token, half)
        delivered = delivery(tenant, audience.clients)
        audience.add(others, their_token, options.rows - half)
        held = holding(web, token, idle, (tenant, others))
        audience.dismiss(half)
        back = restart(web, tenant, audience.clients)
    finally:
        audience.end()
        web.stop()
    return Report("live", options.rows, (*held, *delivered, *back))


def _listeners(slug: str) -> tuple[Tenant, str]:
    tenant, _ = put_tenant(slug, name=slug.capitalize(), retention_days=None)
    with tenant_scope(tenant.pk):
        return tenant, create_token(tenant=tenant, name="bench", role=Role.VIEWER)[1]


def p95(values: Sequence[float]) -> float:
    return quantiles(values, n=20)[-1]


def api_milliseconds(web: Web, token: str) -> list[float]:
    address, found = f"http://127.0.0.1:{web.port}/api/v1/executions?limit=10", []
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {token}"
        for _ in range(REQUESTS):
            answer = session.get(address, timeout=30)
            answer.raise_for_status()
            found.append(answer.elapsed.total_seconds() * 1000)
    return found


def holding(
    web: Web, token: str, idle: Sequence[float], tenants: Sequence[Tenant]
) -> tuple[Figure, ...]:
    """What all streams together cost the process."""
    busy = api_milliseconds(web, token)
    with told_each_second(tenants):
        told = api_milliseconds(web, token)
    return (
        Figure("API, p95, nobody listens", p95(idle), "ms"),
        Figure("API, p95, all listen", p95(busy), "ms"),
        Figure("API, p95, against nobody", p95(busy) / p95(idle), "×", at_most=2),
        Figure("API, p95, all hear an event each second", p95(told), "ms"),
        Figure("database connections of the process", open_connections(), at_most=20),
        Figure("memory of the process", web.memory_mib(), "MiB", at_most=250),
    )


@contextmanager
def told_each_second(tenants: Sequence[Tenant]) -> Iterator[None]:
    """The most that there is of counts, in every channel."""
    end = Event()

    def tell_all() -> None:
        while not end.wait(1):
            for tenant in tenants:
                say(tenant)

    with ThreadPoolExecutor(1) as teller:
        telling = teller.submit(tell_all)
        try:
            yield
        finally:
            end.set()
        telling.result()


def delivery(tenant: Tenant, clients: Sequence[Client]) -> tuple[Figure, ...]:
    """Of one event after another to all of them, as far apart as counts are."""
    for number in range(EVENTS):
        say(tenant)
        wait_until(partial(_all_heard, clients, number))
        time.sleep(random.uniform(0, 0.2))
    delays = [one.at - orjson.loads(one.data)["at"] for client in clients for one in _told(client)]
    return (Figure("commit to client, p95", p95(delays), "s", at_most=1),)


def _all_heard(clients: Sequence[Client], number: int) -> bool:
    return all(len(_told(one)) > number for one in clients)


def say(tenant: Tenant) -> None:
    if not tell(tenant.pk, "counts.update", {"at": time.time()}):
        raise RuntimeError("An event was not stored.")


def _told(client: Client) -> list[Heard]:
    return [one for one in client.heard if one.kind == "counts.update"]


def open_connections() -> int:
    with psycopg.connect(settings.DATABASE_OWNER_URL) as owner:
        found = owner.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s", [NAME_AT_POSTGRES]
        ).fetchone()
    return int(found[0]) if found else 0


def restart(web: Web, tenant: Tenant, clients: Sequence[Client]) -> tuple[Figure, ...]:
    """Stop it, tell what nobody hears, start it again, and wait for everybody."""
    before = len(_told(clients[0]))
    began = time.time()
    web.stop()
    for _ in range(EVENTS_WHILE_AWAY):
        say(tenant)
    web.start_again()
    up = time.time()
    wait_until(lambda: all(client.connected_at[-1] > began for client in clients))
    say(tenant)
    newest = get_storage().get_current_id(channel_of(tenant.pk))
    wait_until(lambda: all(client.heard[-1].number == newest for client in clients))
    moments = sorted(client.connected_at[-1] for client in clients)
    expected = before + EVENTS_WHILE_AWAY + 1
    wrong = sum(len(_told(one)) != expected or one.missed_or_doubled > 0 for one in clients)
    return (
        Figure("restart: the server was away", up - began, "s"),
        Figure("restart: the last client is back after it", moments[-1] - up, "s", at_most=15),
        Figure("restart: middle half of them comes within", _middle_half(moments), "s"),
        Figure("restart: clients that missed or doubled", wrong, at_most=0),
    )


def _middle_half(moments: Sequence[float]) -> float:
    first, _, last = quantiles(moments, n=4)
    return last - first


BENCH = Bench(
    "live",
    "event streams of one web process: how many, how soon, and back after a restart",
    rows=1000,
    measure=measure,
)
