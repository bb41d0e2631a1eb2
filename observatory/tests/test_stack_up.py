"""`manage.py up` as a person meets it: the whole of it, with every process real."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from observatory.bootstrap import PROJECT, is_locked
from observatory.stack.ports import private_ports
from observatory.stack.throwaway import throwaway_folder
from observatory.tests.deadlines import eventually

OURS = ("DATABASE_", "OBSERVATORY_", "REDIS_", "PYTEST_")

pytestmark = pytest.mark.slow


@pytest.fixture
def environment() -> Iterator[dict[str, str]]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(OURS)}
    with throwaway_folder() as folder:
        yield inherited | {"OBSERVATORY_STATE_DIR": str(folder / "state")}


def manage(*command: str) -> list[str]:
    return [sys.executable, str(PROJECT / "manage.py"), *command]


def start(environment: dict[str, str], *options: str) -> tuple[subprocess.Popen[str], str]:
    """The running `up`, and all that it printed up to its greeting's last line."""
    port = str(next(private_ports()))
    up = subprocess.Popen(
        manage("up", "--port", port, *options), env=environment, stdout=subprocess.PIPE, text=True
    )
    assert up.stdout is not None
    printed = ""
    for line in up.stdout:
        printed += line
        if line.startswith("Ctrl-C stops it"):
            return up, printed
    pytest.fail(f"up ended with code {up.wait()}:\n{printed}")


def processes_of(parent: int) -> dict[int, str]:
    """Living children and their commands."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, ppid = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            command = (folder / "cmdline").read_text().replace("\0", " ")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(ppid) == parent and state != "Z":
            found[int(folder.name)] = command
    return found


def pid_of(up: subprocess.Popen[str], words: str) -> int:
    return next(pid for pid, command in processes_of(up.pid).items() if words in command)


def is_ready(address: str) -> bool:
    try:
        with urlopen(f"{address}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def test_up_survives_the_death_of_each_process_and_then_of_itself(
    environment: dict[str, str],
) -> None:
    up, printed = start(environment)
    try:
        address = re.search(r"runs at (\S+)", printed)
        assert address and re.search(r"password: \S+", printed)
        assert is_ready(address[1])
        assert "FATAL" not in printed

        second = subprocess.run(manage("up"), env=environment, capture_output=True, text=True)
        assert (second.returncode, address[1] in second.stderr) == (1, True)

        shell = [
            "shell",
            "--no-imports",
            "-c",
            "import tenants.models as t; print(t.User.objects.count())",
        ]
        counted = subprocess.run(manage(*shell), env=environment, capture_output=True, text=True)
        assert counted.stdout.strip() == "1"

        for words in ("uvicorn", "celery", "beat", "valkey-server", "postgres"):
            old = pid_of(up, words)
            os.kill(old, signal.SIGKILL)
            eventually(lambda old=old: old not in processes_of(up.pid))
            eventually(lambda words=words: words in str(processes_of(up.pid)))
            eventually(lambda: is_ready(address[1]))
    finally:
        children = processes_of(up.pid)
        up.kill()
        up.communicate()
    eventually(lambda: not any(Path(f"/proc/{pid}/exe").exists() for pid in children))

    again, printed = start(environment)
    try:
        assert "password:" not in printed
    finally:
        again.terminate()
        rest, _ = again.communicate(timeout=20)
    assert (again.returncode, rest.splitlines()[-1]) == (0, "Stopped.")
    assert not is_locked(Path(environment["OBSERVATORY_STATE_DIR"]) / "up.lock")


def test_a_backup_is_restored_while_the_servers_run_alone(
    environment: dict[str, str], tmp_path: Path
) -> None:
    def run(*command: str) -> str:
        ran = subprocess.run(manage(*command), env=environment, capture_output=True, text=True)
        return ran.stdout + ran.stderr

    file = str(tmp_path / "observatory.backup")
    up, _ = start(environment, "--servers-only")
    try:
        run("migrate")
        run("add_tenant", "acme")
        run("backup", file)
        run("add_tenant", "later")

        assert not [c for c in processes_of(up.pid).values() if "uvicorn" in c or "celery" in c]
        assert run("restore", file, "--replace").splitlines()[-1] == "Restored."
        assert run("add_tenant", "acme") == run("add_tenant", "acme")
        assert "there is no tenant" in run("prune_executions", "--tenant", "later").lower()
    finally:
        up.terminate()
        up.communicate(timeout=20)
