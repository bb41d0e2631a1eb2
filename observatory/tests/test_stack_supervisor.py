import errno
import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from observatory.stack import supervisor as module
from observatory.stack.logs import Log, LogFile
from observatory.stack.processes import Program
from observatory.stack.supervisor import Child, StopRequested, Supervisor, restart_delay
from observatory.tests.deadlines import eventually

LAUNCHER = """
import sys
from pathlib import Path
from observatory.stack.logs import Log
from observatory.stack.processes import Program
from observatory.stack.supervisor import Supervisor
folder = Path(sys.argv[1])
supervisor = Supervisor(Log(folder))
for name in ("one", "two"):
    supervisor.start(Program(name, ("sh", "-c", "echo pid $$; exec sleep 1000"), {}, folder))
while True:
    supervisor.turn()
"""


@pytest.fixture
def screen() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def supervisor(
    tmp_path: Path, screen: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Supervisor]:
    monkeypatch.setattr(module, "FIRST_DELAY", 0.01)
    log = Log(tmp_path, screen)
    supervisor = Supervisor(log)
    yield supervisor
    supervisor.stop(seconds=0)
    log.close()
    supervisor.selector.close()


class ClosedTerminal(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(errno.EIO, "Input/output error")


def shell(script: str, **options: object) -> Program:
    return Program("child", ("sh", "-c", script), dict(os.environ), Path("/"), **options)


def run(supervisor: Supervisor, program: Program) -> Child:
    child = supervisor.start(program, is_kept=False)
    supervisor.wait_for(child)
    return child


def is_alive(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def test_it_starts_a_killed_child_again(supervisor: Supervisor) -> None:
    child = supervisor.start(shell("exec sleep 1000"))
    first = child.process.pid

    os.kill(first, signal.SIGKILL)

    assert supervisor.wait_until(lambda: child.process.pid != first, seconds=30)
    assert child.process.poll() is None


def test_it_ends_what_a_killed_child_left(supervisor: Supervisor) -> None:
    child = supervisor.start(shell("sleep 1000 & echo $!; wait"))
    assert supervisor.wait_until(lambda: bool(child.output), seconds=30)
    grandchild = int(child.output)

    os.kill(child.process.pid, signal.SIGKILL)

    assert supervisor.wait_until(lambda: not is_alive(grandchild), seconds=30)


def test_a_killed_launcher_leaves_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LAUNCHER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as launcher:
        assert launcher.stdout is not None
        pids = [int(launcher.stdout.readline().split()[-1]) for _ in range(2)]
        assert all(map(is_alive, pids))

        launcher.kill()

        eventually(lambda: not any(map(is_alive, pids)))


def test_it_waits_longer_after_each_failure() -> None:
    assert [restart_delay(failures) for failures in (1, 2, 3, 7, 50)] == [0.5, 1, 2, 30, 30]


def test_it_says_what_became_of_a_child(supervisor: Supervisor, screen: io.StringIO) -> None:
    child = supervisor.start(shell("exit 3"))

    assert supervisor.wait_until(lambda: child.failures >= 2, seconds=30)
    assert "child ended with code 3; starting it again in 0.02 s" in screen.getvalue()


def test_it_keeps_trying_a_program_that_is_missing_for_a_while(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    script = tmp_path / "program"
    script.write_text("#!/bin/sh\nexit 1\n")
    script.chmod(0o755)
    child = supervisor.start(Program("child", (str(script),), {}, Path("/")))
    script.unlink()

    assert supervisor.wait_until(lambda: child.failures >= 3, seconds=30)


def test_it_ends_a_child_that_does_not_listen(supervisor: Supervisor) -> None:
    child = supervisor.start(shell("trap '' TERM; echo deaf; while :; do sleep 1; done"))
    assert supervisor.wait_until(lambda: child.output == "deaf", seconds=30)

    supervisor.stop(seconds=0.1)

    assert child.process.returncode == -signal.SIGKILL


def test_it_stops_the_servers_after_the_others(supervisor: Supervisor) -> None:
    server = supervisor.start(Program("server", ("sleep", "1000"), dict(os.environ), Path("/")))
    child = supervisor.start(shell("exec sleep 1000"))

    supervisor.stop(seconds=5, spare=("server",))

    assert child.process.poll() == -signal.SIGTERM
    assert server.process.poll() is None


def test_it_runs_a_step_to_its_end(supervisor: Supervisor) -> None:
    child = run(supervisor, shell("echo one; echo two >&2; exit 4"))

    assert (child.exit_code, child.output) == (4, "one\ntwo")


def test_a_request_to_stop_ends_the_wait(supervisor: Supervisor) -> None:
    supervisor.request_stop()

    with pytest.raises(StopRequested):
        run(supervisor, shell("exec sleep 1000"))


def test_each_line_is_on_the_screen_and_in_the_childs_file(
    supervisor: Supervisor, screen: io.StringIO, tmp_path: Path
) -> None:
    run(supervisor, shell("echo one; printf two"))

    assert screen.getvalue() == "child    | one\nchild    | two\n"
    assert (tmp_path / "child.log").read_text() == "one\ntwo\n"


def test_a_step_that_tells_a_secret_is_not_logged(
    supervisor: Supervisor, screen: io.StringIO, tmp_path: Path
) -> None:
    child = run(supervisor, shell("echo password", is_logged=False))

    assert child.output == "password"
    assert screen.getvalue() == ""
    assert list(tmp_path.iterdir()) == []


def test_a_log_file_stays_below_its_limit(tmp_path: Path) -> None:
    file = LogFile(tmp_path / "web.log", limit=25)

    for number in range(5):
        file.write(f"line {number}".encode())
    file.close()

    assert (tmp_path / "web.log").read_text() == "line 3\nline 4\n"
    assert (tmp_path / "web.log.1").read_text() == "line 0\nline 1\nline 2\n"


def test_a_closed_terminal_loses_no_line_of_the_files(tmp_path: Path) -> None:
    log = Log(tmp_path, ClosedTerminal())

    log.line("web", b"one")
    log.line("web", b"two")
    log.close()

    assert (tmp_path / "web.log").read_text() == "one\ntwo\n"
