"""How long answers and pages take over real HTTP, beyond an empty request, from the web server as
`up` runs it.

Clients are threads that ask again as soon as they are answered, each with a token of its own. The
empty request is the probe that asks nothing, by as many clients in the same round. Of the rounds
the best one counts, since whatever else the machine does can only add.

One client asks for answers that are made anew; eight are given those that they share
(tenants.sharing), as they are in life, and the first of each time are made for them.
"""

import http.client
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from statistics import quantiles

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.core.management import call_command

from analytics.models import ErrorGroup
from executions.models import Execution
from observatory.bench.history import History, Shape, make_histories
from observatory.bench.measuring import Bench, Options, seconds_of
from observatory.bench.report import Figure, Report
from observatory.stack.ports import private_ports
from observatory.stack.services import WEB
from tenants.models import Membership, Role, Tenant, User
from tenants.scope import operator_scope, tenant_scope
from tenants.tokens import create_token

EMPTY = "/livez"
OF_RANGE = "time_range=30d"
# Path, milliseconds that it may take beyond an empty request at a million rows.
ENDPOINTS = {
    f"/api/v1/observability/overview?{OF_RANGE}": 100,
    f"/api/v1/observability/kpis?{OF_RANGE}": 50,
    f"/api/v1/observability/workflows?{OF_RANGE}": 120,
    f"/api/v1/observability/environments?{OF_RANGE}": 120,
    f"/api/v1/analytics/executions?{OF_RANGE}": 120,
    "/api/v1/executions": 50,
    "/api/v1/executions?status=error": 50,
}
# Pages of the largest tenant, with one client.
PAGES = {
    f"/?{OF_RANGE}": 150,
    f"/workflows?{OF_RANGE}": 150,
    f"/workflows/{{environment}}/{{workflow}}?{OF_RANGE}": 150,
    f"/environments?{OF_RANGE}": 150,
    "/environments/{environment}": 150,
    f"/errors?{OF_RANGE}": 150,
    "/errors/{error}": 150,
    "/errors/credentials": 150,
    "/executions": 150,
    "/executions?query=status:error": 150,
    "/executions/over-time": 150,
    "/executions/{execution}": 150,
    "/settings": 150,
    "/settings/retention": 150,
}
CLIENTS = 8
ROUNDS = 3
REQUESTS = 40
START_SECONDS = 30.0


class ServerSilent(Exception):
    """The web server did not start, or refused a request."""


def measure(options: Options) -> Report:
    history = make_histories([Shape(options.rows)])[0]
    callers = [{"Authorization": f"Bearer {token_of(history.largest)}"} for _ in range(CLIENTS)]
    alone = {
        **callers[0],
        "Cookie": f"{settings.SESSION_COOKIE_NAME}={session_of(history.largest)}",
        "Cache-Control": "no-cache",
    }
    pages = pages_of(history)
    call_command("collectstatic", interactive=False, verbosity=0)
    asked = {1: (EMPTY, *ENDPOINTS, *pages), CLIENTS: (EMPTY, *ENDPOINTS)}
    best: dict[tuple[str, int], float] = {}
    with web_server() as port:
        for path in asked[1]:
            ask(port, path, alone, 3)
        for _ in range(ROUNDS):
            for clients, paths in asked.items():
                for path in paths:
                    headers = [alone] if clients == 1 else callers
                    found = p95(seconds_by(headers, port, path))
                    best[path, clients] = min(found, best.get((path, clients), found))
    return Report("http", options.rows, tuple(figures(best, ENDPOINTS | pages)))


def figures(best: dict[tuple[str, int], float], goals: dict[str, int]) -> Iterator[Figure]:
    for (path, clients), seconds in best.items():
        by = "1 client, made anew" if clients == 1 else f"{clients} clients, shared"
        empty = best[EMPTY, clients]
        if path == EMPTY:
            yield Figure(f"{by.partition(',')[0]}: {EMPTY}, the empty request", 1000 * empty, "ms")
        else:
            beyond = 1000 * (seconds - empty)
            yield Figure(f"{by}: {path}", beyond, "ms", at_most=goals[path])


def pages_of(history: History) -> dict[str, int]:
    """The pages' paths with one of everything, and their goals."""
    tenant = history.largest
    with tenant_scope(tenant.pk):
        failures = Execution.objects.for_tenant(tenant.pk).filter(normalized_status="error")
        failure = failures.order_by("-occurred_at", "-id")[0]
        group = ErrorGroup.objects.for_tenant(tenant.pk).get(fingerprint=failure.fingerprint)
    names = {
        "environment": failure.environment_id,
        "workflow": failure.workflow_id,
        "execution": failure.pk,
        "error": group.pk,
    }
    return {f"/t/{tenant.slug}{path.format(**names)}": goal for path, goal in PAGES.items()}


def session_of(tenant: Tenant) -> str:
    """The key of a session of one of the tenant's owners."""
    with operator_scope():
        user = User.objects.create_user("bench", password=None)
        Membership.objects.create(tenant=tenant, user=user, role=Role.OWNER)
        session = SessionStore()
        session[SESSION_KEY] = str(user.pk)
        session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[-1]
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session.save()
    return str(session.session_key)


def token_of(tenant: Tenant) -> str:
    """The secret of a new token."""
    with tenant_scope(tenant.pk):
        return create_token(tenant=tenant, name="bench", role=Role.VIEWER)[1]


@contextmanager
def web_server() -> Iterator[int]:
    """The port of a web server of its own, which ends with the block."""
    port = next(private_ports())
    environment = {
        **os.environ,
        "UVICORN_HOST": "127.0.0.1",
        "UVICORN_PORT": str(port),
        "UVICORN_LOG_LEVEL": "warning",
        # More than a client of ours may ask in a minute.
        "OBSERVATORY_API_RATE": "1000000/min",
    }
    command = [sys.executable, "-m", *WEB.command]
    process = subprocess.Popen(command, cwd=settings.BASE_DIR, env=environment)
    try:
        await_answer(process, port)
        yield port
    finally:
        process.terminate()
        process.wait()


def await_answer(process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            ask(port, EMPTY, {}, 1)
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise ServerSilent("The web server did not start.")


def seconds_by(clients: list[dict[str, str]], port: int, path: str) -> list[float]:
    """The seconds of each request, with a client for each of these headers at once."""
    with ThreadPoolExecutor(len(clients)) as threads:
        taken = [threads.submit(ask, port, path, headers, REQUESTS) for headers in clients]
        return [seconds for one in taken for seconds in one.result()]


def ask(port: int, path: str, headers: dict[str, str], count: int) -> list[float]:
    """The seconds of requests one after another on one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        return [seconds_of(partial(get, connection, path, headers)) for _ in range(count)]
    finally:
        connection.close()


def get(connection: http.client.HTTPConnection, path: str, headers: dict[str, str]) -> None:
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != http.HTTPStatus.OK:
        raise ServerSilent(f"{path} answered {answer.status}: {body[:200]!r}")


def p95(seconds: list[float]) -> float:
    return quantiles(seconds, n=20, method="inclusive")[18]


BENCH = Bench(
    "http",
    "endpoints over HTTP beyond an empty request, with one client and with eight",
    1_000_000,
    measure,
)
