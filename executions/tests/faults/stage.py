"""Real workers that a test lets die: their processes, their broker, and the clock of the database.

A test that commits gives them its own database; the broker's database is the test process's own
too, so that tests running side by side never take each other's tasks.
"""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import redis
from celery import Celery
from django.conf import settings
from django.db import connection

from executions.tests.faults import loaded
from tenants.scope import operator_scope

PROC = Path("/proc")
DISPATCH = "executions.tasks.dispatch_syncs"
SYNC = "executions.tasks.sync_environment"
WORKER = (
    *("celery", "-A", "observatory.celery", "worker", "--loglevel", "INFO"),
    *("--without-gossip", "--without-mingle", "--without-heartbeat"),
)
BEAT = (
    *("celery", "-A", "observatory.celery", "beat", "--scheduler"),
    "django_celery_beat.schedulers:DatabaseScheduler",
)

# Celery asked too early whether a process has ended, and does not look again by itself.
TOLD_TOO_EARLY = """
from celery.concurrency.asynpool import AsynPool

AsynPool._event_process_exit = lambda self, hub, proc: self._untrack_child_process(proc, hub)
AsynPool.timers = {}
"""
# Loaded by Python itself: each new page of the environment is met by SIGKILL from within, as by
# a fault of a library or by the system where memory runs out.
POISON = """
import os, pathlib, signal, sys
from importlib.abc import MetaPathFinder

class Finder(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name != "executions.sync":
            return None
        sys.meta_path.remove(self)
        import executions.walks as walks
        write, deadly = walks._write, pathlib.Path(__file__).with_name("deadly")
        def poisoned(turn, run, pages):
            if deadly.exists() and deadly.read_text() == str(turn.environment.pk):
                os.kill(os.getpid(), signal.SIGKILL)
            return write(turn, run, pages)
        walks._write = poisoned
        return None

sys.meta_path.insert(0, Finder())
"""


def eventually(is_true: Callable[[], object], *, seconds: float = 60.0, every: float = 0.05):
    """Wait as short as the others allow; what was found at last."""
    deadline = time.monotonic() + seconds
    while not (found := is_true()):
        assert time.monotonic() < deadline, "what was waited for did not happen"
        time.sleep(every)
    return found


class Process:
    """A program of ours and the processes that it forked, in a session of their own."""

    def __init__(self, pid: int, log: Path) -> None:
        self.pid, self.log = pid, log

    def children(self) -> list[int]:
        return [int(child) for child in _children_of(self.pid)]

    def signal(self, number: signal.Signals) -> None:
        """To all of them."""
        os.killpg(self.pid, number)

    def kill_children(self) -> None:
        """The processes that do the work; the one above them begins others."""
        for child in self.children():
            os.kill(child, signal.SIGKILL)

    def peak_memory_mib(self) -> list[int]:
        """The most that each of the processes that do the work has ever held."""
        return [_peak_memory_kib(child) // 1024 for child in self.children()]

    def ask_to_stop(self) -> None:
        os.kill(self.pid, signal.SIGTERM)

    def has_ended(self) -> bool:
        return not (PROC / str(self.pid)).exists()

    def end(self) -> None:
        with suppress(ProcessLookupError):
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGKILL)
        eventually(self.has_ended, every=0.005)


def _children_of(pid: int) -> list[str]:
    try:
        return (PROC / str(pid) / "task" / str(pid) / "children").read_text().split()
    except FileNotFoundError:
        return []


def _peak_memory_kib(pid: int) -> int:
    try:
        lines = (PROC / str(pid) / "status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)


class Stage:
    """The broker and every process that a test begins; all of them end with it."""

    def __init__(self, folder: Path) -> None:
        # The first eight databases belong to the processes of a run.
        url, _, number = settings.REDIS_URL.rpartition("/")
        self.broker_url = f"{url}/{int(number) + 8}"
        self.broker = redis.Redis.from_url(self.broker_url)
        self.broker.flushdb()
        self.queues = ["sync", "maintenance"]
        # Of all programs of the test.
        self.settings = {"OBSERVATORY_SYNC_SECONDS": "5"}
        self._folder = folder
        self._processes: list[Process] = []
        self._sender = Celery(broker=self.broker_url, set_as_current=False)
        self._sender.conf.broker_transport_options = {"global_keyprefix": "observatory:"}

    def worker(self, *, concurrency: int = 2, **environment: str) -> Process:
        chosen = ("--queues", ",".join(self.queues), "--concurrency", str(concurrency))
        return self.begin((*WORKER, *chosen), **environment)

    def beat(self) -> Process:
        schedule = str(self._folder / f"beat{len(self._processes)}.pid")
        return self.begin((*BEAT, "--pidfile", schedule))

    def begin(self, command: tuple[str, ...], **environment: str) -> Process:
        log = self._folder / f"{command[3]}-{len(self._processes)}.log"
        usual = self._environment()
        process = Process(loaded.begin(command, usual | environment, log, usual), log)
        self._processes.append(process)
        return process

    def _environment(self) -> dict[str, str]:
        address = urlsplit(settings.DATABASE_URL)
        return os.environ | {
            "DATABASE_URL": address._replace(path=f"/{connection.settings_dict['NAME']}").geturl(),
            "REDIS_URL": self.broker_url,
            "OBSERVATORY_ALLOWED_NETWORKS": "loopback",
            "PYTHONWARNINGS": "ignore",
            **self.settings,
        }

    def customized(self, code: str) -> str:
        """A folder for PYTHONPATH that lets programs do this first."""
        (self._folder / "sitecustomize.py").write_text(code)
        return str(self._folder)

    def poison(self, environment) -> str:
        """Lets workers die over a page of this environment."""
        (self._folder / "deadly").write_text(str(environment.pk))
        return self.customized(POISON)

    def heal(self) -> None:
        (self._folder / "deadly").unlink()

    def dispatch(self) -> None:
        """What beat does every few seconds."""
        self.send(DISPATCH, "maintenance")

    def send_sync(self, environment) -> None:
        self.send(SYNC, "sync", str(environment.tenant_id), str(environment.pk))

    def send(self, task: str, queue: str, *arguments: str) -> None:
        self._sender.send_task(task, args=arguments, queue=queue, ignore_result=True)

    def restart_broker(self) -> None:
        """What a broker's restart without its disk does to us: nothing is known, nobody is
        connected. Others keep their part of the server that all tests share.
        """
        self.broker.flushdb()
        mine = str(self.broker.connection_pool.connection_kwargs["db"])
        for client in self.broker.client_list():
            if client["db"] == mine and client["id"] != str(self.broker.client_id()):
                self.broker.client_kill_filter(_id=client["id"])

    def senders(self, queue: str) -> set[str]:
        """The processes whose tasks wait in a queue."""
        waiting = self.broker.lrange(f"observatory:{queue}", 0, -1)
        return {json.loads(task)["headers"]["origin"] for task in waiting}

    def is_idle(self) -> bool:
        """Whether no task waits and none is in a worker's hands."""
        waiting = [f"observatory:{queue}" for queue in self.queues]
        return not self.broker.exists(*waiting, "observatory:unacked")

    def end(self) -> None:
        for process in self._processes:
            process.end()
        await_quiet()
        self._sender.close()
        self.broker.flushdb()
        self.broker.close()

    def logs(self) -> str:
        return "\n".join(process.log.read_text() for process in self._processes)


@contextmanager
def open_stage(folder: Path) -> Iterator[Stage]:
    """A stage whose broker no other process of the same run uses."""
    stage = Stage(folder)
    try:
        yield stage
    finally:
        stage.end()


# --- The database's clock: what a test does not want to wait for --------------------------------

DUE_NOW = "UPDATE executions_syncstate SET due_at = clock_timestamp()"
# Also what a failing environment that was dispatched to a dead worker waits for.
EXPIRE_LEASES = """
UPDATE executions_syncstate SET
    lease_expires_at = CASE WHEN lease_owner = '' THEN lease_expires_at
        ELSE clock_timestamp() - interval '1 s' END,
    dispatched_at = dispatched_at - interval '1 minute'
"""
OF_THE_DEAD = "WHERE lease_owner = '' OR split_part(lease_owner, ':', 2) <> ALL(%s)"
RECHECK_NOW = """
UPDATE executions SET recheck_at = clock_timestamp() WHERE recheck_at > clock_timestamp()
"""
OPEN_WRITES = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
  AND (state = 'active' OR state LIKE 'idle in transaction%')
"""
PROBE_NOW = "UPDATE executions_missingid SET probe_at = clock_timestamp()"


def as_operator(*statements: str) -> None:
    with operator_scope(), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def expire_leases_of_the_dead(worker: Process) -> None:
    """Again and again after a kill: what a process had asked of the database is still done, and
    may prolong its lease once more.
    """
    alive = [str(child) for child in worker.children()]
    with operator_scope(), connection.cursor() as cursor:
        cursor.execute(EXPIRE_LEASES + OF_THE_DEAD, [alive])


def writes_are_open() -> bool:
    """Whether any other connection is within a transaction."""
    with connection.cursor() as cursor:
        cursor.execute(OPEN_WRITES)
        return bool(cursor.fetchone()[0])


def await_quiet() -> None:
    """Until nobody else asks the database anything: emptying it would meet them in a deadlock."""
    eventually(lambda: not writes_are_open())


@contextmanager
def refused_connections() -> Iterator[None]:
    """The database as it is while PostgreSQL restarts: all connections end, none begins."""
    name = connection.settings_dict["NAME"]
    with _owner() as cursor:
        cursor.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
        )
        try:
            yield
        finally:
            cursor.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
            connection.close()


@contextmanager
def _owner():
    with connection.Database.connect(settings.DATABASE_OWNER_URL, autocommit=True) as owner:
        yield owner.cursor()
