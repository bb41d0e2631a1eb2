"""`manage.py demo`: stand-in n8n servers with a believable life, until SIGTERM or Ctrl-C."""

import argparse
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from executions.demo import DemoEnvironment, connect_demo, demo_began_at
from executions.n8n.fake import FakeN8n
from executions.n8n.fake_companies import DEMO, DemoServer
from executions.n8n.fake_history import Life
from executions.n8n.fake_server import FakeServer

TICK_SECONDS = 1.0


def first_port(text: str) -> int:
    highest = 65_535 - len(DEMO) + 1
    if text.isdecimal() and 1 <= int(text) <= highest:
        return int(text)
    raise argparse.ArgumentTypeError(
        f"{text!r} is no port to begin at; allowed are numbers from 1 to {highest}"
    )


class Command(BaseCommand):
    help = (
        "Runs three stand-in n8n servers of two companies on this machine, with 30 days of history"
        " and new executions every few seconds, and connects them as tenants acme and globex."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--port",
            type=first_port,
            default=0,
            help="port of the first server, the others follow; left out: any free ones",
        )

    def handle(self, *_: Any, **options: Any) -> None:
        fakes = [FakeN8n(first_id=demo.first_id, api_key=demo.key) for demo in DEMO]
        with stopped() as is_stopped, ExitStack() as servers:
            with ExitStack() as locks:
                # Who calls now waits until the past is there, instead of being refused.
                for fake in fakes:
                    locks.enter_context(fake.lock)
                self._connect(fakes, servers, options["port"])
                # Asked for after the tenants are made, so that the next start gets the same.
                began_at = demo_began_at({demo.tenant_slug for demo in DEMO})
                lives = [live(demo, fake, began_at) for demo, fake in zip(DEMO, fakes, strict=True)]
            while not is_stopped.wait(TICK_SECONDS):
                for life in lives:
                    life.advance(datetime.now(UTC))

    def _connect(self, fakes: list[FakeN8n], servers: ExitStack, port: int) -> None:
        """Let the stand-ins listen, and make them known as environments."""
        environments = []
        for index, (demo, fake) in enumerate(zip(DEMO, fakes, strict=True)):
            server = servers.enter_context(serve(fake, port + index if port else 0))
            environments.append(environment_of(demo, server))
        connect_demo(environments)
        for environment in environments:
            self._tell(environment)

    def _tell(self, environment: DemoEnvironment) -> None:
        self.stdout.write(
            f"{environment.tenant_slug}/{environment.name}: {environment.base_url} "
            f"{environment.api_key}"
        )
        self.stdout.flush()


def live(demo: DemoServer, fake: FakeN8n, began_at: datetime) -> Life:
    """The server's life from thirty days before the demo was first started until now."""
    folder = settings.STATE_DIR / "demo"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    life = Life(
        fake,
        demo.plans,
        began_at,
        seed=demo.seed,
        incidents=demo.incidents,
        # Of this life only: another database of ours means another beginning.
        diary=folder / f"{demo.key}-{began_at:%Y%m%d%H%M%S}.diary",
    )
    life.advance(datetime.now(UTC))
    return life


def serve(fake: FakeN8n, port: int) -> FakeServer:
    try:
        return FakeServer(fake, port)
    except OSError as error:
        raise CommandError(
            f"Port {port} is taken; give another one with --port, or leave it out."
        ) from error


def environment_of(demo: DemoServer, server: FakeServer) -> DemoEnvironment:
    return DemoEnvironment(
        tenant_slug=demo.tenant_slug,
        tenant_name=demo.tenant_name,
        name=demo.name,
        base_url=server.url,
        api_key=demo.key,
    )


@contextmanager
def stopped() -> Iterator[threading.Event]:
    """An event that SIGTERM, SIGINT and SIGHUP set; their handlers of before come back after."""
    event = threading.Event()
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = {number: signal.signal(number, lambda *_: event.set()) for number in numbers}
    try:
        yield event
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
