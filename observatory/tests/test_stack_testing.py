import os
import socket
import tempfile
from pathlib import Path
from typing import Any

import pytest

from observatory.bootstrap import is_locked
from observatory.stack.testing import NetworkRefused, is_local, redis_of_worker
from observatory.stack.throwaway import PREFIX, SWEEP_AFTER, throwaway_folder


@pytest.mark.parametrize(
    ("address", "local"),
    [
        (("127.0.0.1", 80), True),
        (("127.8.8.8", 80), True),
        (("::1", 80, 0, 0), True),
        (("localhost", 80), True),
        ("/run/socket", True),
        (("192.0.2.1", 80), False),
        (("10.0.0.1", 80), False),
        (("2001:db8::1", 80, 0, 0), False),
        (("example.org", 80), False),
    ],
)
def test_only_this_machine_is_local(address: Any, local: bool) -> None:
    assert is_local(address) is local


def test_a_test_cannot_leave_this_machine() -> None:
    with socket.socket() as outside, pytest.raises(NetworkRefused, match=r"192\.0\.2\.1"):
        outside.connect(("192.0.2.1", 80))


def test_a_test_can_reach_a_server_of_its_own() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        assert client.getpeername() == server.getsockname()


def test_tests_have_servers_of_their_own() -> None:
    assert "@127.0.0.1:" in os.environ["DATABASE_URL"]
    assert "@127.0.0.1:" in os.environ["REDIS_URL"]


def test_processes_of_a_run_share_no_database_of_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    url, found = "redis://:secret@127.0.0.1:6379/0", []
    for worker in ("gw0", "gw1"):
        monkeypatch.setenv("PYTEST_XDIST_WORKER", worker)
        found.append(redis_of_worker(url))

    assert [one.rpartition("/")[2] for one in found] == ["0", "1"]


def test_folders_of_killed_runs_are_removed_and_those_of_others_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr("observatory.stack.throwaway.can_enter", lambda *_: True)
    left = tmp_path / f"{PREFIX}left"
    left.mkdir()
    with throwaway_folder() as used:
        for folder in (left, used):
            os.utime(folder, (0, folder.stat().st_mtime - 2 * SWEEP_AFTER))

        with throwaway_folder():
            assert not left.exists()
            assert is_locked(used / "lock")

    assert list(tmp_path.iterdir()) == []
