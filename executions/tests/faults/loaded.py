"""A process that has loaded Observatory, and forks the programs that tests start.

A worker or web server needs two seconds of a core for its imports alone. Forked from here, each is
still a process of its own, in a session of its own, that opens its own connections and can be
killed alone; only where its imports come from differs. A program whose environment is another than
what was loaded begins anew, as in production.
"""

import atexit
import ctypes
import gc
import json
import mmap
import os
import random
import runpy
import signal
import subprocess
import sys
from functools import cache
from importlib import import_module
from pathlib import Path

import django
from django.conf import settings

from executions import stopping

PR_SET_PDEATHSIG = 1
# With what they import only once they run.
PROGRAMS = (
    *("celery.bin.celery", "celery.worker.consumer", "celery.app.control", "celery.events"),
    *("kombu.transport.redis", "uvicorn.main", "django_grip"),
)
# Names that differ from test to test and say nothing to a program.
OF_A_TEST = ("PYTEST_CURRENT_TEST",)
Environment = dict[str, str]


class Loaded:
    """The test's end of it."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            cwd=settings.BASE_DIR,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            preexec_fn=die_with_the_parent,
        )
        atexit.register(self.end)

    def fork(self, command: tuple[str, ...], environment: Environment, log: Path) -> int:
        """Begin ``python -m command``; the number of its process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        own = None if environment == self.environment else environment
        asked = {"command": command, "environment": own, "log": str(log)}
        self._process.stdin.write(json.dumps(asked).encode() + b"\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def end(self) -> None:
        self._process.communicate()


def begin(command: tuple[str, ...], environment: Environment, log: Path, usual: Environment) -> int:
    """Begin a program in an environment; in the usual one it is forked with everything loaded."""
    usual, environment = _of_no_test(usual), _of_no_test(environment)
    return _loaded(tuple(sorted(usual.items()))).fork(command, environment, log)


@cache
def _loaded(environment: tuple[tuple[str, str], ...]) -> Loaded:
    return Loaded(dict(environment))


def _of_no_test(environment: Environment) -> Environment:
    return {name: value for name, value in environment.items() if name not in OF_A_TEST}


def die_with_the_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


# --- The other end ------------------------------------------------------------------------------


def serve() -> None:
    """Fork what is asked for, until nobody can ask any more."""
    load()
    # Nobody here waits for a forked program: the system may forget it as it ends.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin.buffer:
        if os.fork() == 0:
            become(**json.loads(line))
            return


def load() -> None:
    """Whatever our programs import, but no connection and no thread."""
    for name in PROGRAMS:
        import_module(name)
    django.setup()
    import_module("observatory.celery").app.loader.import_default_modules()
    import_module(settings.ROOT_URLCONF)
    # Celery collects garbage before each fork, and would go through all of this each time.
    gc.freeze()


def become(command: list[str], environment: Environment | None, log: str) -> None:
    """In the forked process: be the program until it ends."""
    os.setsid()
    die_with_the_parent()
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    # Only now: whoever knows of the process may read its log.
    os.write(sys.stdout.fileno(), b"%d\n" % os.getpid())
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for number, file in enumerate((os.open(os.devnull, os.O_RDONLY), output, output)):
        os.dup2(file, number)
    if environment is not None:
        os.execve(sys.executable, [sys.executable, "-m", *command], environment)
    # What a program shares with its own children only, and what differs between any two.
    stopping._shared = mmap.mmap(-1, 1)
    random.seed()
    sys.argv = list(command)
    runpy.run_module(command[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    serve()
