"""Keeps programs running: one loop in one thread reads their output, notices deaths and starts
them again, later each time they fail soon. Whoever waits for something waits by turning the loop.
"""

import os
import selectors
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import IO

from observatory.stack.logs import Log
from observatory.stack.processes import Program, kill_session, spawn

TICK = 0.2
FIRST_DELAY, LONGEST_DELAY = 0.5, 30.0
STEADY_AFTER = 60.0
KILL_SECONDS = 1.0
REMEMBERED_LINES = 40
LONGEST_LINE = 1_000_000


class StopRequested(Exception):
    """SIGTERM, SIGINT or SIGHUP arrived."""


@dataclass(eq=False)
class Child:
    """A program, the process that runs it now if any, and what became of the ones before."""

    program: Program
    process: subprocess.Popen[bytes]
    is_kept: bool
    started_at: float = field(default_factory=time.monotonic)
    failures: int = 0
    due_at: float | None = None
    exit_code: int | None = None
    rest: bytes = b""
    last_lines: deque[str] = field(default_factory=lambda: deque(maxlen=REMEMBERED_LINES))

    @property
    def output(self) -> str:
        return "\n".join(self.last_lines)

    @property
    def last_line(self) -> str:
        spoken = [line for line in self.last_lines if line.strip()]
        return spoken[-1].strip() if spoken else "it gave no reason."

    @property
    def pipe(self) -> IO[bytes]:
        assert self.process.stdout is not None
        return self.process.stdout


class Supervisor:
    """`start` starts a program, `wait_for` waits for its end, `turn` is one step of the loop."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.selector = selectors.DefaultSelector()
        self.children: list[Child] = []
        self.is_stop_requested = False
        self.is_stopping = False

    def catch_signals(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self.request_stop)

    def request_stop(self, *_: object) -> None:
        self.is_stop_requested = True

    def start(self, program: Program, *, is_kept: bool = True) -> Child:
        """One that is kept is started again whenever it ends."""
        child = Child(program, spawn(program), is_kept)
        self.watch(child)
        self.children.append(child)
        return child

    def wait_for(self, child: Child) -> None:
        """Turn the loop until it has ended."""
        while child.exit_code is None:
            self.turn()

    def watch(self, child: Child) -> None:
        os.set_blocking(child.pipe.fileno(), False)
        self.selector.register(child.pipe, selectors.EVENT_READ, child)

    def wait_until(self, is_true: Callable[[], bool], *, seconds: float) -> bool:
        """Turn the loop until the condition holds; false where it does not within the time."""
        deadline = time.monotonic() + seconds
        while not is_true():
            if time.monotonic() > deadline:
                return False
            # Asking costs something: a chatty child must not make it happen at every line.
            next_question = time.monotonic() + TICK
            while time.monotonic() < next_question:
                self.turn()
        return True

    def turn(self) -> None:
        if self.is_stop_requested and not self.is_stopping:
            raise StopRequested
        for key, _ in self.selector.select(TICK):
            self.read(key.data)
        for child in tuple(self.children):
            if child.due_at is not None:
                self.revive(child)
            elif child.process.poll() is not None:
                self.bury(child)

    def read(self, child: Child) -> bool:
        """Take what the pipe holds; false where there is nothing or nothing more will come."""
        try:
            chunk = os.read(child.pipe.fileno(), 65_536)
        except BlockingIOError:
            return False
        if not chunk:
            self.selector.unregister(child.pipe)
            return False
        *lines, child.rest = (child.rest + chunk).split(b"\n")
        for line in lines:
            self.note(child, line)
        if len(child.rest) > LONGEST_LINE:
            self.note(child, child.rest)
            child.rest = b""
        return True

    def note(self, child: Child, line: bytes) -> None:
        child.last_lines.append(line.decode(errors="replace"))
        if child.program.is_logged:
            self.log.line(child.program.name, line)

    def bury(self, child: Child) -> None:
        """The process has ended: take its last words, end what it left, plan the next start."""
        kill_session(child.process, signal.SIGKILL)
        self.drain(child)
        code = child.process.returncode
        if child.is_kept and not self.is_stopping:
            self.postpone(child, describe_end(code))
        else:
            child.exit_code = code
            self.children.remove(child)

    def postpone(self, child: Child, what_happened: str) -> None:
        ran = time.monotonic() - child.started_at
        child.failures = 1 if ran > STEADY_AFTER else child.failures + 1
        delay = restart_delay(child.failures)
        child.due_at = time.monotonic() + delay
        self.log.say(f"{child.program.name} {what_happened}; starting it again in {delay:g} s")

    def drain(self, child: Child) -> None:
        while child.pipe in self.selector.get_map() and self.read(child):
            continue
        if child.pipe in self.selector.get_map():
            self.selector.unregister(child.pipe)
        if child.rest:
            self.note(child, child.rest)
        child.rest = b""
        child.pipe.close()

    def revive(self, child: Child) -> None:
        if self.is_stopping or child.due_at is None or time.monotonic() < child.due_at:
            return
        child.started_at = time.monotonic()
        try:
            child.process = spawn(child.program)
        except OSError as fault:
            self.postpone(child, f"cannot be started ({fault})")
            return
        child.due_at = None
        self.watch(child)

    def stop(self, *, seconds: float, spare: Collection[str] = ()) -> None:
        """Ask all but the named ones to end, and end those that have not in time."""
        self.is_stopping = True
        leaving = [child for child in self.children if child.program.name not in spare]
        for child in leaving:
            if child.due_at is not None:
                self.children.remove(child)
            else:
                child.process.send_signal(child.program.stop_signal)
        if not self.wait_until(lambda: self.have_left(leaving), seconds=seconds):
            for child in leaving:
                kill_session(child.process, signal.SIGKILL)
            self.wait_until(lambda: self.have_left(leaving), seconds=KILL_SECONDS)

    def have_left(self, leaving: Collection[Child]) -> bool:
        return not any(child in self.children for child in leaving)


def restart_delay(failures: int) -> float:
    return float(min(FIRST_DELAY * 2 ** (failures - 1), LONGEST_DELAY))


def describe_end(code: int) -> str:
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"
