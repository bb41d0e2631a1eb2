"""pytest plugin: throw-away PostgreSQL and Valkey for each run, and no way to the network.

The servers are started before Django's settings are read, by the process that the person started;
the processes of pytest-xdist inherit their addresses.
"""

import fcntl
import ipaddress
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from observatory.bootstrap import is_locked
from observatory.stack.homes import can_enter, find_home, open_folder, server_user
from observatory.stack.ports import private_ports
from observatory.stack.postgres import DEFAULT_SETTINGS, Postgres
from observatory.stack.processes import Program, spawn
from observatory.stack.servers import WEB_ROLE, Addresses
from observatory.stack.state import new_secrets
from observatory.stack.valkey import Valkey

PREFIX = "observatory-test-"
# Data that live for minutes need not survive a power cut.
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
START_SECONDS = 60.0
SWEEP_AFTER = 60.0


class NetworkRefused(RuntimeError):
    """A test tried to leave this machine."""


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    """As a wrapper it comes before pytest-django, which reads the settings here."""
    options = early_config.known_args_namespace
    if not (is_worker() or options.help or options.version or options.collectonly):
        servers = ExitStack()
        early_config.add_cleanup(servers.close)
        addresses = servers.enter_context(throwaway_servers())
        os.environ |= test_environment(addresses)
    return (yield)


def pytest_configure() -> None:
    sys.addaudithook(refuse_network)


def is_worker() -> bool:
    return "PYTEST_XDIST_WORKER" in os.environ


def test_environment(addresses: Addresses) -> dict[str, str]:
    return {
        "DATABASE_URL": addresses.database,
        "DATABASE_OWNER_URL": addresses.database_owner,
        "REDIS_URL": addresses.redis,
        # Static files from where they are written; pytest-django turns the rest of it off again.
        "OBSERVATORY_DEBUG": "true",
        "OBSERVATORY_SECRET_KEY": "tests-only-" + "x" * 50,
        "OBSERVATORY_ENCRYPTION_KEYS": new_secrets().encryption_key,
    }


@contextmanager
def throwaway_servers() -> Iterator[Addresses]:
    """PostgreSQL and Valkey with new data, gone at the end; killed with us if we are killed."""
    secrets, ports = new_secrets(), private_ports()
    with throwaway_folder() as folder:
        home = find_home(folder, secrets.installation)
        postgres = Postgres(
            home,
            next(ports),
            secrets.database_owner_password,
            settings=DEFAULT_SETTINGS | FAST,
            initdb_options=("--no-sync",),
        )
        valkey = Valkey(folder / "valkey", next(ports), secrets.redis_password, is_durable=False)
        postgres.prepare()
        valkey.prepare()
        with (
            running(postgres.program(), folder, postgres.is_ready),
            running(valkey.program(), folder, valkey.is_ready),
        ):
            postgres.create_database()
            web = postgres.url(WEB_ROLE, secrets.database_web_password)
            yield Addresses(web, postgres.owner_url, valkey.url)


@contextmanager
def throwaway_folder() -> Iterator[Path]:
    """A folder that PostgreSQL's user can enter; those left by runs that were killed go first."""
    temporary, user = Path(tempfile.gettempdir()), server_user()
    parent = temporary if can_enter(user, temporary) else open_folder()
    for left in parent.glob(f"{PREFIX}*"):
        if left.stat().st_mtime < time.time() - SWEEP_AFTER and not is_locked(left / "lock"):
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    folder.chmod(0o711)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running(program: Program, folder: Path, is_ready: Callable[[], bool]) -> Iterator[None]:
    log = folder / f"{program.name}.log"
    with log.open("wb") as output:
        process = spawn(program, output.fileno())
    try:
        await_ready(process, log, is_ready)
        yield
    finally:
        process.send_signal(program.stop_signal)
        process.wait()


def await_ready(process: subprocess.Popen[bytes], log: Path, is_ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not is_ready():
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.exit(f"A server for the tests did not start: {log.read_text()}", returncode=3)
        time.sleep(0.02)


def refuse_network(event: str, arguments: tuple[Any, ...]) -> None:
    """Python's audit hook: sees every connection, whichever library makes it."""
    if event in ("socket.connect", "socket.sendto") and not is_local(arguments[1]):
        raise NetworkRefused(f"Tests reach this machine only, and this one wanted {arguments[1]}.")


def is_local(address: Any) -> bool:
    """Unix sockets, netlink and the loopback address; a name is no address until resolved."""
    if not isinstance(address, tuple) or not isinstance(address[0], str):
        return True
    if address[0] in ("localhost", ""):
        return True
    try:
        return ipaddress.ip_address(address[0].partition("%")[0]).is_loopback
    except ValueError:
        return False
