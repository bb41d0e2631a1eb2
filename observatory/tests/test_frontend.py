import json
from pathlib import Path

import pytest

from observatory import frontend


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose npm and pip do nothing unless a test says otherwise."""
    for name in (*frontend.LOCKS, frontend.NPM_FROM_PYPI):
        (tmp_path / name).write_text(name)
    folder = tmp_path / ".frontend"
    monkeypatch.setattr(frontend, "PROJECT", tmp_path)
    monkeypatch.setattr(frontend, "FOLDER", folder)
    monkeypatch.setattr(frontend, "STAMP", folder / "installed.json")
    monkeypatch.setattr(frontend, "FILES", {"lib/page.js": folder / "static" / "lib"})
    monkeypatch.setattr(frontend, "TEST_FILES", {"tool/tool.js": folder / "tests"})
    return tmp_path


def put_npm(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program `npm` that comes before the machine's."""
    npm = folder / "bin" / "npm"
    npm.parent.mkdir()
    npm.write_text(f"#!/bin/sh\n{script}\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{npm.parent}:/usr/bin:/bin")


FETCH = """
mkdir -p node_modules/lib node_modules/tool
echo "$@" > node_modules/lib/page.js
echo tool > node_modules/tool/tool.js"""


def test_it_keeps_only_the_named_files_and_vouches_for_them(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_npm(project, FETCH, monkeypatch)

    frontend.install(with_tests=False)

    found = {str(path.relative_to(frontend.FOLDER)) for path in frontend.FOLDER.rglob("*.*")}
    assert found == {"installed.json", "static/lib/page.js"}
    assert frontend.is_current(with_tests=False)
    assert not frontend.is_current(with_tests=True)
    assert "--omit=dev" in (frontend.FOLDER / "static/lib/page.js").read_text()


def test_what_tests_need_is_not_served(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_npm(project, FETCH, monkeypatch)

    frontend.install(with_tests=True)

    assert (frontend.FOLDER / "tests" / "tool.js").exists()
    assert not list((frontend.FOLDER / "static").rglob("tool.js"))
    assert frontend.is_current(with_tests=True)


def test_another_lock_is_fetched_anew(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_npm(project, FETCH, monkeypatch)
    frontend.install(with_tests=True)

    (project / "package-lock.json").write_text("another")

    assert not frontend.is_current(with_tests=False)


@pytest.mark.parametrize("content", [None, "", '{"lo'])
def test_it_believes_no_half_made_folder(project: Path, content: str | None) -> None:
    if content is not None:
        frontend.FOLDER.mkdir()
        frontend.STAMP.write_text(content)

    assert not frontend.is_current(with_tests=False)


def test_a_fetch_that_fails_leaves_no_stamp(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_npm(project, "echo 'npm error code ENOTFOUND'; exit 1", monkeypatch)
    frontend.FOLDER.mkdir()
    frontend.STAMP.write_text(json.dumps({"lock": "of before"}))

    with pytest.raises(frontend.FrontendError, match="npm cannot reach its registry"):
        frontend.install(with_tests=False)

    assert not frontend.STAMP.exists()


def test_a_machine_without_npm_takes_the_one_that_pip_fetches(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frontend.shutil, "which", lambda name: None)
    ran: list[list[str]] = []
    monkeypatch.setattr(frontend, "execute", lambda command, *_: ran.append(list(command)))

    command = frontend.npm_command(project, ["pip"], None)

    assert "--require-hashes" in ran[0]
    assert command == [
        str(project / "npm" / frontend.NODE),
        str(project / "npm" / frontend.NPM_CLI),
    ]


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        pytest.param("npm error code EINTEGRITY", "another file", id="changed file"),
        pytest.param("npm error code ENOTFOUND", "cannot reach its registry", id="npm offline"),
        pytest.param("connection broken by 'New…'", "no npm on this machine", id="pip offline"),
        pytest.param("npm error No space left on device", "is full", id="disk"),
        pytest.param("notice\nnpm error Unsupported engine", "Unsupported engine", id="other"),
        pytest.param("", "no reason given", id="silence"),
    ],
)
def test_it_explains_a_failed_fetch_in_one_sentence(output: str, sentence: str) -> None:
    told = frontend.explain(output)

    assert sentence in told
    assert "\n" not in told
