"""A web server in a process of its own, and clients that listen to it from a loop of their own."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis

from executions.tests.faults.stage import Process, Stage, eventually, open_stage
from observatory.bench.listening import Client
from tenants.models import Membership, Role
from tenants.scope import operator_scope, tenant_scope
from tenants.tests.factories import MembershipFactory
from tenants.tokens import create_token


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Web:
    """Starts on the same port again, as after a deploy."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.port = stage, free_port()
        self.process: Process | None = None

    def start(self, **environment: str) -> None:
        command = ("uvicorn", "observatory.asgi:application", "--timeout-graceful-shutdown", "1")
        where = ("--port", str(self.port), "--log-level", "warning")
        self.process = self.stage.begin((*command, *where), **environment)
        eventually(self.answers, seconds=60)

    def answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def kill(self) -> None:
        assert self.process is not None
        self.process.end()

    def stop(self) -> None:
        assert self.process is not None
        self.process.ask_to_stop()
        eventually(self.process.has_ended)


class Audience:
    """Listens in a thread, while the test goes on."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.loop = asyncio.new_event_loop()
        self.tasks: dict[int, asyncio.Task[None]] = {}
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def join(
        self, tenant_id: object, token: str = "", *, last_id: str = "", session: str = ""
    ) -> Client:
        client = Client(self.port, f"/api/v1/sse/counts/{tenant_id}", token, last_id, session)
        client.longest_wait = 0.2

        async def begin() -> None:
            self.tasks[id(client)] = self.loop.create_task(client.run())

        asyncio.run_coroutine_threadsafe(begin(), self.loop).result()
        return client

    def leave(self, client: Client) -> None:
        async def end() -> None:
            task = self.tasks.pop(id(client))
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self.loop).result()

    def end(self) -> None:
        async def end_all() -> None:
            for task in self.tasks.values():
                task.cancel()
            await asyncio.gather(*self.tasks.values(), return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end_all(), self.loop).result()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


@pytest.fixture
def stage(transactional_db: None, tmp_path: Path) -> Iterator[Stage]:
    with open_stage(tmp_path) as stage:
        yield stage


@pytest.fixture
def web(stage: Stage) -> Web:
    return Web(stage)


@pytest.fixture
def audience(web: Web) -> Iterator[Audience]:
    audience = Audience(web.port)
    yield audience
    audience.end()


@pytest.fixture
def membership(stage: Stage) -> Membership:
    with operator_scope():
        return MembershipFactory(role=Role.OWNER, tenant__slug="acme", tenant__name="Acme")


@pytest.fixture
def token(membership: Membership) -> str:
    with tenant_scope(membership.tenant_id):
        return create_token(tenant=membership.tenant, name="page", role=Role.VIEWER)[1]


@pytest.fixture
def listen(audience: Audience, membership: Membership, token: str) -> Callable[..., Client]:
    """A client that has begun to hear."""

    def begin(*, last_id: str = "") -> Client:
        client = audience.join(membership.tenant_id, token, last_id=last_id)
        eventually(lambda: client.is_open and (client.heard or last_id))
        return client

    return begin


@pytest.fixture
def redis_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """For the sender in this process."""
    nobody = Redis(host="127.0.0.1", port=free_port())
    monkeypatch.setattr("django_eventstream.eventstream.redis_client", nobody)
