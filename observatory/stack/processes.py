"""How a program is started so that it never outlives this one, by whatever death.

On Linux the kernel ends each child when the launcher dies (PR_SET_PDEATHSIG), kill -9 included.
The signal is tied to the thread that forked, so programs are started from the main thread only.
"""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


@dataclass(frozen=True)
class ServerUser:
    """The ordinary user as whom root runs PostgreSQL, which refuses to run as root."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True)
class Program:
    """A command with all that it needs; secrets go by environment or standard input only."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    folder: Path
    user: ServerUser | None = None
    standard_input: bytes = field(default=b"", repr=False)
    is_logged: bool = True
    stop_signal: signal.Signals = signal.SIGTERM
    orphan_signal: signal.Signals = signal.SIGKILL


def spawn(program: Program, output: int = subprocess.PIPE) -> subprocess.Popen[bytes]:
    """Start it in a session of its own, its output joined in one pipe or the file given."""
    user = program.user
    process = subprocess.Popen(
        program.command,
        env=program.environment,
        cwd=program.folder,
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        user=user.uid if user else None,
        group=user.gid if user else None,
        extra_groups=[] if user else None,
        preexec_fn=end_with_parent(program.orphan_signal),
    )
    assert process.stdin is not None
    process.stdin.write(program.standard_input)
    process.stdin.close()
    return process


def end_with_parent(number: signal.Signals) -> Callable[[], None]:
    """For the child between fork and exec: it asks for the signal at its parent's death."""
    parent = os.getpid()

    def ask() -> None:
        if LIBC is not None:
            LIBC.prctl(PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:
            os._exit(1)

    return ask


def kill_session(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Signal the program and every child it left in its process group."""
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return
