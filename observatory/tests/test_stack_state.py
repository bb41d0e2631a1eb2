import json
import os
from pathlib import Path

import pytest

from observatory.bootstrap import is_locked
from observatory.stack import StackError
from observatory.stack import state as module
from observatory.stack.state import State


@pytest.fixture
def state(tmp_path: Path) -> State:
    state = State(tmp_path / ".observatory")
    state.create()
    return state


def test_a_second_up_says_where_the_first_one_runs(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOCK_PATIENCE", 0)

    with state.hold() as tenure:
        tenure.announce(" as process 7, at http://127.0.0.1:8000")

        with (
            pytest.raises(StackError, match=r"already runs here as process 7, at http://127.0.0"),
            state.hold(),
        ):
            pytest.fail("two hold the lock")


def test_the_next_up_can_start_after_the_first(state: State) -> None:
    for _ in range(2):
        with state.hold():
            assert is_locked(state.lock)

    assert not is_locked(state.lock)


def test_addresses_are_there_only_while_up_runs(state: State) -> None:
    state.run_environment.write_text("DATABASE_URL=left by one that was killed\n")

    with state.hold():
        assert not state.run_environment.exists()
        state.write_run_environment({"B": "2", "A": "1"})
        assert state.run_environment.read_text() == "A=1\nB=2\n"

    assert not state.run_environment.exists()


def test_secrets_are_made_once(state: State) -> None:
    assert state.secrets() == state.secrets()


def test_nobody_else_can_read_secrets_and_addresses(state: State) -> None:
    state.secrets()
    state.write_run_environment({"A": "1"})

    modes = {path.name: path.stat().st_mode & 0o777 for path in state.folder.iterdir()}

    assert modes == {"logs": 0o700, "run.env": 0o600, "secrets.json": 0o600}


def test_secrets_are_not_shown(state: State) -> None:
    secrets = state.secrets()

    assert secrets.secret_key not in repr(secrets)
    assert secrets.database_owner_password not in repr(secrets)


@pytest.mark.parametrize("content", ["", "[]", json.dumps({"secret_key": "only one"})])
def test_damaged_secrets_are_never_replaced(state: State, content: str) -> None:
    path = state.folder / "secrets.json"
    path.write_text(content)

    with pytest.raises(StackError, match="restore it from a backup"):
        state.secrets()
    assert path.read_text() == content


def test_it_refuses_the_folder_of_another_user(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: state.folder.stat().st_uid + 1)

    with pytest.raises(StackError, match="belongs to another user"):
        state.create()
