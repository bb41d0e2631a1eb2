import ast
import fcntl
import json
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from observatory import bootstrap
from observatory.tests.deadlines import eventually

OLD_PIP = "ERROR: Could not find a version that satisfies the requirement django==5.2.19"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    venv = tmp_path / ".venv"
    monkeypatch.setattr(bootstrap, "PROJECT", tmp_path)
    monkeypatch.setattr(bootstrap, "VENV", venv)
    monkeypatch.setattr(bootstrap, "PYTHON", venv / "bin" / "python")
    monkeypatch.setattr(bootstrap, "STAMP", venv / "installed.json")
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to(sys.executable)
    return tmp_path


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OBSERVATORY_STATE_DIR", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL")
    return tmp_path


@pytest.fixture
def running_up(state: Path) -> Iterator[Path]:
    with (state / "up.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield state


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        pytest.param("OSError: [Errno 28] No space left on device", "is full", id="disk"),
        pytest.param("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES", "differs", id="hash"),
        pytest.param(
            "error: [Errno 13] Permission denied: '.venv'", "cannot be written", id="rights"
        ),
        pytest.param(
            f"WARNING: Retrying after connection broken by 'New…'\n{OLD_PIP}",
            "cannot reach",
            id="network",
        ),
        pytest.param(f"Looking in indexes\n{OLD_PIP}", "Could not find a version", id="other"),
        pytest.param("", "no reason given", id="silence"),
    ],
)
def test_it_explains_a_failed_install_in_one_sentence(output: str, sentence: str) -> None:
    told = bootstrap.explain(output)

    assert sentence in told
    assert "\n" not in told


@pytest.mark.parametrize(
    ("stamp", "is_current"),
    [
        pytest.param(None, False, id="half made"),
        pytest.param({"requirements.txt": "old"}, False, id="other lock"),
        pytest.param({"requirements.txt": "new"}, True, id="same lock"),
        pytest.param({"requirements.txt": "new", "requirements-dev.txt": "x"}, True, id="more"),
    ],
)
def test_it_installs_only_where_the_lock_differs(
    stamp: dict[str, str] | None, is_current: bool
) -> None:
    assert bootstrap.is_current(stamp, {"requirements.txt": "new"}) is is_current


@pytest.mark.parametrize(
    ("argv", "locks"),
    [
        pytest.param(["manage.py", "up"], bootstrap.RUNTIME, id="up"),
        pytest.param(["manage.py", "test", "-q"], bootstrap.DEVELOPMENT, id="test"),
        pytest.param(["manage.py", "screenshots"], bootstrap.DEVELOPMENT, id="screenshots"),
        pytest.param(["manage.py", "bench", "kpis"], bootstrap.RUNTIME, id="bench"),
        pytest.param(["manage.py", "bench", "kpis", "--peers"], bootstrap.PEERS, id="peers"),
        pytest.param(["manage.py"], bootstrap.RUNTIME, id="no command"),
    ],
)
def test_a_command_installs_what_it_needs(argv: list[str], locks: tuple[str, ...]) -> None:
    assert bootstrap.locks_of(argv) == locks


def test_it_believes_a_stamp_that_it_wrote(project: Path) -> None:
    bootstrap.write_stamp({"requirements.txt": "abc"})

    assert bootstrap.read_stamp() == {"requirements.txt": "abc"}


@pytest.mark.parametrize("content", [None, "", '{"requirem'])
def test_it_believes_no_venv_without_a_whole_stamp(project: Path, content: str | None) -> None:
    if content is not None:
        bootstrap.STAMP.write_text(content)

    assert bootstrap.read_stamp() is None


def test_it_believes_no_venv_whose_python_is_gone(project: Path) -> None:
    bootstrap.write_stamp({"requirements.txt": "abc"})
    bootstrap.PYTHON.unlink()

    assert bootstrap.read_stamp() is None


def test_it_takes_the_stamp_away_before_pip_changes_anything(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "requirements.txt").write_text("django==5")
    bootstrap.write_stamp({"requirements.txt": "of another lock"})

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(bootstrap, "install_locks", killed)
    with pytest.raises(KeyboardInterrupt):
        bootstrap.install(bootstrap.RUNTIME)

    assert bootstrap.read_stamp() is None


def test_it_names_what_a_python_without_pip_needs(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "is_importable", lambda name: name == "venv")

    with pytest.raises(bootstrap.BootstrapError, match="apt-get install python3-venv"):
        bootstrap.make_venv(0)


def test_it_uses_the_machines_pip_where_the_venv_has_none(project: Path) -> None:
    assert bootstrap.pip_command()[1:] == ["-m", "pip", "--python", str(bootstrap.PYTHON)]


def test_it_installs_alone(project: Path) -> None:
    with bootstrap.sole_installer():
        assert bootstrap.is_locked(project)

    assert not bootstrap.is_locked(project)


def test_a_pip_left_by_a_killed_installer_keeps_the_lock(project: Path) -> None:
    script = (
        "from pathlib import Path; from observatory import bootstrap as b;"
        f"b.PROJECT = Path({str(project)!r})\n"
        "with b.sole_installer() as held:"
        f" b.execute(['sh', '-c', 'touch {project}/begun; exec sleep 1000'], held)"
    )
    installer = subprocess.Popen([sys.executable, "-c", script], start_new_session=True)
    try:
        eventually((project / "begun").exists)
        installer.kill()
        installer.wait()

        assert bootstrap.is_locked(project)
    finally:
        os.killpg(installer.pid, signal.SIGKILL)
    eventually(lambda: not bootstrap.is_locked(project))


def test_commands_take_the_addresses_of_a_running_up(
    running_up: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (running_up / "run.env").write_text("DATABASE_URL=postgres://a:b=@c/d\nREDIS_URL=redis://up\n")
    monkeypatch.setenv("REDIS_URL", "redis://mine")

    assert bootstrap.load_run_environment(["manage.py", "shell"]) == ""
    assert os.environ["DATABASE_URL"] == "postgres://a:b=@c/d"
    assert os.environ["REDIS_URL"] == "redis://mine"


def test_commands_do_not_believe_what_a_killed_up_left(state: Path) -> None:
    (state / "up.lock").write_text(" as process 1")
    (state / "run.env").write_text("DATABASE_URL=postgres://gone\n")

    assert "is not running here" in bootstrap.load_run_environment(["manage.py", "shell"])
    assert "DATABASE_URL" not in os.environ


def test_commands_say_that_up_is_still_starting(running_up: Path) -> None:
    assert "still starting" in bootstrap.load_run_environment(["manage.py", "shell"])


@pytest.mark.parametrize("command", ["up", "test", "bench"])
def test_commands_with_servers_of_their_own_take_none(running_up: Path, command: str) -> None:
    (running_up / "run.env").write_text("DATABASE_URL=postgres://up\n")

    assert bootstrap.load_run_environment(["manage.py", command]) == ""
    assert "DATABASE_URL" not in os.environ


def test_a_named_database_is_used_beside_a_running_up(
    running_up: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (running_up / "run.env").write_text("REDIS_URL=redis://up\n")
    monkeypatch.setenv("DATABASE_URL_FILE", "/run/secrets/database_url")
    monkeypatch.delenv("REDIS_URL")

    assert bootstrap.load_run_environment(["manage.py", "shell"]) == ""
    assert "REDIS_URL" not in os.environ


def test_old_pythons_can_read_manage_py() -> None:
    source = (bootstrap.PROJECT / "manage.py").read_text()

    assert ast.parse(source, feature_version=(3, 6))


def test_an_old_python_gets_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))

    with pytest.raises(SystemExit, match=r"needs Python 3\.11 or newer, .* is Python 3\.9"):
        runpy.run_path(str(bootstrap.PROJECT / "manage.py"))


def test_a_warm_start_changes_nothing(project: Path) -> None:
    (project / "requirements.txt").write_text("django==5")
    digest = bootstrap.digest(project / "requirements.txt")
    bootstrap.STAMP.write_text(json.dumps({"requirements.txt": digest}))

    assert bootstrap.install(bootstrap.RUNTIME) is False


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        pytest.param("makemigrations --check", "No changes detected", id="needs no database"),
        pytest.param("showmigrations", "Observatory is not running here", id="needs one"),
        pytest.param("migrate", "Observatory is not running here", id="needs its owner"),
        pytest.param("backup new.backup", "Observatory is not running here", id="reads it whole"),
        pytest.param("restore manage.py", "Observatory is not running here", id="makes it anew"),
    ],
)
def test_a_command_without_servers_works_or_says_what_to_start(
    tmp_path: Path, command: str, answer: str
) -> None:
    ours = ("DATABASE_", "OBSERVATORY_", "REDIS_")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(ours)}

    ran = subprocess.run(
        [sys.executable, bootstrap.PROJECT / "manage.py", *command.split()],
        env=environment | {"OBSERVATORY_STATE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )

    assert answer in ran.stdout + ran.stderr
    assert "Traceback" not in ran.stderr
