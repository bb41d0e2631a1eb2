"""PostgreSQL and Valkey with new data for the length of a `with`, for tests and benches.

They touch no installation: data, ports and passwords are new each time, and all of it is gone at
the end, also where this process is killed.
"""

import fcntl
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psycopg

from observatory.bootstrap import is_locked
from observatory.database import prepare_roles
from observatory.stack import StackError
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


@contextmanager
def throwaway_servers(settings: Mapping[str, str] = FAST) -> Iterator[Addresses]:
    """PostgreSQL and Valkey with new data, gone at the end; killed with us if we are killed.

    The settings are PostgreSQL's, on top of those of an installation. Raises StackError.
    """
    secrets, ports = new_secrets(), private_ports()
    with throwaway_folder() as folder:
        home = find_home(folder, secrets.installation)
        postgres = Postgres(
            home,
            next(ports),
            secrets.database_owner_password,
            settings={**DEFAULT_SETTINGS, **settings},
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
            # Before several processes migrate at once: roles belong to the whole server.
            with psycopg.connect(postgres.owner_url, autocommit=True) as owner:
                prepare_roles(owner, WEB_ROLE, secrets.database_web_password)
            web = postgres.url(WEB_ROLE, secrets.database_web_password)
            yield Addresses(web, postgres.owner_url, valkey.url)


def environment_of(addresses: Addresses) -> dict[str, str]:
    """What settings read, for a process that uses the servers and never met an installation."""
    return {
        "DATABASE_URL": addresses.database,
        "DATABASE_OWNER_URL": addresses.database_owner,
        "REDIS_URL": addresses.redis,
        # Static files from where they are written; pytest-django turns the rest of it off again.
        "OBSERVATORY_DEBUG": "true",
        "OBSERVATORY_SECRET_KEY": "throw-away-" + "x" * 50,
        "OBSERVATORY_ENCRYPTION_KEYS": new_secrets().encryption_key,
    }


@contextmanager
def throwaway_folder() -> Iterator[Path]:
    """A folder that PostgreSQL's user can enter; those left by runs that were killed go first."""
    temporary, user = Path(tempfile.gettempdir()), server_user()
    parent = temporary if can_enter(user, temporary) else open_folder()
    for left in parent.glob(f"{PREFIX}*"):
        if is_old(left) and not is_locked(left / "lock"):
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    folder.chmod(0o711)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def is_old(folder: Path) -> bool:
    """Old enough to have been locked long ago; false too for one that goes just now."""
    try:
        return folder.stat().st_mtime < time.time() - SWEEP_AFTER
    except FileNotFoundError:
        return False


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
            raise StackError(f"A throw-away server did not start: {log.read_text()}")
        time.sleep(0.02)
