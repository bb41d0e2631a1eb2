"""Makes every `python3 manage.py …` work on a machine that has Python and nothing else.

Uses the standard library only, as observatory.frontend does. It promises that the command goes on
inside a whole `.venv`: the stamp in it is taken away before pip changes anything and written when
pip is done, so a `.venv` that was left half made is made again, never believed. One command
installs at a time.
"""

import fcntl
import hashlib
import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from observatory import frontend

PROJECT = Path(__file__).resolve().parent.parent
VENV = PROJECT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "installed.json"
RUNTIME = ("requirements.txt",)
DEVELOPMENT = ("requirements.txt", "requirements-dev.txt")
# The databases that a bench compares with are large, and nothing else needs them.
PEERS = ("requirements.txt", "requirements-bench.txt")
DATABASE_VARIABLES = ("DATABASE_URL", "DATABASE_URL_FILE")
# `up` writes run.env, tests and benches have servers of their own: none of them may read it.
COMMANDS_WITH_OWN_SERVERS = ("up", "test", "bench")

DISK_FULL = (
    f"The disk that holds {PROJECT}, or the one for temporary files, is full: free some space and"
    " run this again."
)
# A venv needs more than this; some tools that fail for want of it do not say so.
FREE_BYTES = 20_000_000
# What pip and the operating system say, and what a person can do about it; the first that fits.
FAULTS = (
    (("No space left on device", "Errno 28"), DISK_FULL),
    (
        ("DO NOT MATCH THE HASHES",),
        "The package index offers a file that differs from the one named in requirements*.txt, so"
        " it was not installed: check the index that `pip config list` names.",
    ),
    (
        ("Permission denied", "Read-only file system", "Operation not permitted"),
        f"{VENV} cannot be written by this user: run this as the owner of {PROJECT}, or make the"
        " folder writable.",
    ),
    (
        ("connection broken by", "Max retries exceeded", "Read timed out", "Connection reset"),
        "pip cannot reach the package index: check the network, and the index that `pip config"
        " list` names, and run this again.",
    ),
)


class BootstrapError(Exception):
    """Its text is the sentence for the person."""


def run(argv: list[str]) -> None:
    """The whole of manage.py: into a whole .venv, take the servers' addresses, run the command."""
    try:
        enter_venv(argv)
        servers = load_run_environment(argv)
    except (BootstrapError, frontend.FrontendError) as fault:
        sys.exit(str(fault))
    except OSError as fault:
        sys.exit(explain(f"ERROR: {fault}"))
    except KeyboardInterrupt:
        sys.exit(130)
    run_command(argv, servers)


def enter_venv(argv: list[str]) -> None:
    """Return inside a whole .venv; from anywhere else, start the same command again in there."""
    if os.environ.get("OBSERVATORY_NO_BOOTSTRAP") == "1":
        return
    locks = locks_of(argv)
    installed = install(locks)
    install_frontend(with_tests=locks == DEVELOPMENT)
    if installed or not is_inside():
        os.execv(PYTHON, [str(PYTHON), *argv])


def locks_of(argv: list[str]) -> tuple[str, ...]:
    """The lock files that a command needs."""
    if argv[1:2] in (["test"], ["screenshots"]):
        return DEVELOPMENT
    return PEERS if argv[1:2] == ["bench"] and "--peers" in argv else RUNTIME


def is_inside() -> bool:
    return Path(sys.prefix).resolve() == VENV.resolve()


def install(locks: tuple[str, ...]) -> bool:
    """Bring .venv to what the lock files say; whether anything had to be done."""
    wanted = {name: digest(PROJECT / name) for name in locks}
    if is_current(read_stamp(), wanted):
        return False
    with sole_installer() as held:
        stamp = read_stamp()
        if is_current(stamp, wanted):
            return True
        if stamp is None:
            make_venv(held)
        STAMP.unlink(missing_ok=True)
        install_locks(locks, held)
        write_stamp({**(stamp or {}), **wanted, "python": python_version()})
    return True


def install_frontend(*, with_tests: bool) -> None:
    """Bring `.frontend/` to what package-lock.json says."""
    if frontend.is_current(with_tests=with_tests):
        return
    with sole_installer() as held:
        if not frontend.is_current(with_tests=with_tests):
            say("fetching the files for browsers …")
            frontend.install(with_tests=with_tests, pip=pip_command(), held=held)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def python_version() -> str:
    return ".".join(map(str, sys.version_info[:2]))


def read_stamp() -> dict[str, str] | None:
    """What .venv holds, or None where it is missing, half made, or of a Python that is gone."""
    try:
        stamp: dict[str, str] = json.loads(STAMP.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    if not PYTHON.exists():
        return None
    return None if is_inside() and stamp.get("python") != python_version() else stamp


def is_current(stamp: Mapping[str, str] | None, wanted: Mapping[str, str]) -> bool:
    return stamp is not None and wanted.items() <= stamp.items()


def write_stamp(stamp: Mapping[str, str]) -> None:
    """In one step, after everything that it vouches for has reached the disk."""
    draft = STAMP.with_suffix(".new")
    draft.write_text(json.dumps(stamp), encoding="utf-8")
    draft.replace(STAMP)


@contextmanager
def sole_installer() -> Iterator[int]:
    """Hold the installers' lock, which sits on the project's folder itself.

    The descriptor is given to pip too: where this process is killed, the lock lasts until the
    pip that it left behind has ended.
    """
    folder = os.open(PROJECT, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another command is installing here, waiting for it …")
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield folder
    finally:
        os.close(folder)


def make_venv(held: int) -> None:
    with_pip = is_importable("ensurepip")
    if not is_importable("venv") or not (with_pip or is_importable("pip")):
        raise BootstrapError(
            "This Python has neither ensurepip nor pip, so nothing can be installed. Install them"
            " (on Debian and Ubuntu: apt-get install python3-venv) and run this again."
        )
    say(f"making {VENV} with Python {python_version()} …")
    without = () if with_pip else ("--without-pip",)
    execute([base_python(), "-m", "venv", "--clear", *without, str(VENV)], held)
    # So that .venv/bin/pytest and its like find the project, also after the folder was moved.
    for packages in VENV.glob("lib/python*/site-packages"):
        (packages / "project.pth").write_text("../../../..\n", encoding="utf-8")


def install_locks(locks: tuple[str, ...], held: int) -> None:
    say(f"installing {' and '.join(locks)}, which takes a minute or two the first time …")
    begun = time.monotonic()
    files = [part for name in locks for part in ("--requirement", name)]
    execute([*pip_command(), "install", "--require-hashes", "--no-input", *files], held)
    say(f"installed in {time.monotonic() - begun:.0f} s.")


def pip_command() -> list[str]:
    """The pip in .venv, or this machine's own where a Python without ensurepip made it."""
    if any(VENV.glob("lib/python*/site-packages/pip/__main__.py")):
        return [str(PYTHON), "-m", "pip"]
    return [base_python(), "-m", "pip", "--python", str(PYTHON)]


def base_python() -> str:
    """The interpreter outside every virtual environment: .venv may be about to be cleared."""
    return getattr(sys, "_base_executable", None) or sys.executable


def is_importable(name: str) -> bool:
    spec = importlib.util.find_spec(name)
    # A folder that was left empty counts as a package, but comes from no file.
    return spec is not None and spec.origin is not None


def execute(command: list[str], held: int) -> None:
    result = subprocess.run(
        command,
        cwd=PROJECT,
        # A `user = true` in the machine's pip configuration means other installs than this one.
        env={**os.environ, "PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        pass_fds=(held,),
    )
    if result.returncode:
        raise BootstrapError(explain(result.stdout))


def explain(output: str) -> str:
    """One sentence for what went wrong, out of all that a failed step printed."""
    for signs, sentence in FAULTS:
        if any(sign in output for sign in signs):
            return sentence
    disk = os.statvfs(PROJECT)
    if disk.f_bavail * disk.f_frsize < FREE_BYTES:
        return DISK_FULL
    lines = [line.strip() for line in output.splitlines() if line.strip()] or ["no reason given"]
    errors = [line for line in lines if line.lower().startswith("error")]
    return f"Installing failed: {(errors or lines)[-1].removeprefix('ERROR: ')}"


def state_directory() -> Path:
    """Where `up` keeps its data, secrets, logs and addresses."""
    return Path(os.environ.get("OBSERVATORY_STATE_DIR") or PROJECT / ".observatory").absolute()


def load_run_environment(argv: list[str]) -> str:
    """Take over the addresses of a running `up`; answers why there are none, or nothing."""
    if argv[1:2] and argv[1] in COMMANDS_WITH_OWN_SERVERS or names_database():
        return ""
    state = state_directory()
    if not is_locked(state / "up.lock"):
        return (
            "Observatory is not running here: start it with `python3 manage.py up`, or set"
            " DATABASE_URL and REDIS_URL."
        )
    try:
        lines = (state / "run.env").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return "Observatory is still starting here: run this again when its address is printed."
    except PermissionError:
        return f"{state / 'run.env'} belongs to another user: run this as the user who ran `up`."
    for name, _, value in (line.partition("=") for line in lines):
        os.environ.setdefault(name, value)
    return ""


def names_database() -> bool:
    return any(os.environ.get(name) for name in DATABASE_VARIABLES)


def is_locked(path: Path) -> bool:
    """Whether a living process holds the lock: one that was killed holds none, whatever it left."""
    try:
        lock = os.open(path, os.O_RDONLY)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def run_command(argv: list[str], why_no_servers: str) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "observatory.settings")
    # Only here, in .venv, is Django sure to exist.
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(argv)
    except ImproperlyConfigured as fault:
        # Settings without DATABASE_URL name Django's dummy database, which says this when used.
        if why_no_servers and "settings.DATABASES" in str(fault):
            sys.exit(why_no_servers)
        sys.exit(str(fault))


def say(text: str) -> None:
    print(f"Observatory: {text}", file=sys.stderr, flush=True)


def main(arguments: list[str]) -> Any:
    """`python3 -m observatory.bootstrap [--dev]` installs and runs nothing."""
    is_for_tests = arguments == ["--dev"]
    try:
        install(DEVELOPMENT if is_for_tests else RUNTIME)
        install_frontend(with_tests=is_for_tests)
    except (BootstrapError, frontend.FrontendError) as fault:
        return str(fault)
    except OSError as fault:
        return explain(f"ERROR: {fault}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
