"""The state directory: secrets, addresses, logs and the lock that one `up` at a time holds.

Every file with a secret is readable by its owner only and is replaced in one step.
"""

import base64
import fcntl
import json
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from observatory.stack import StackError

LOCK_PATIENCE = 1.0


@dataclass(frozen=True)
class Secrets:
    """Made once for an installation; repr shows none of them."""

    database_owner_password: str = field(repr=False)
    database_web_password: str = field(repr=False)
    redis_password: str = field(repr=False)
    secret_key: str = field(repr=False)
    encryption_key: str = field(repr=False)
    installation: str


def new_secrets() -> Secrets:
    return Secrets(
        database_owner_password=secrets.token_urlsafe(32),
        database_web_password=secrets.token_urlsafe(32),
        redis_password=secrets.token_urlsafe(32),
        secret_key=secrets.token_urlsafe(50),
        encryption_key=base64.urlsafe_b64encode(os.urandom(32)).decode(),
        installation=secrets.token_hex(4),
    )


@dataclass(frozen=True)
class State:
    """The directory's files by name."""

    folder: Path

    @property
    def lock(self) -> Path:
        return self.folder / "up.lock"

    @property
    def run_environment(self) -> Path:
        return self.folder / "run.env"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    def create(self) -> None:
        """Others may pass through to a data directory of their own, and may list nothing."""
        self.folder.mkdir(mode=0o711, parents=True, exist_ok=True)
        if self.folder.stat().st_uid != os.geteuid():
            raise StackError(
                f"{self.folder} belongs to another user: run this as the user who ran it before,"
                " or set OBSERVATORY_STATE_DIR to another folder."
            )
        self.logs.mkdir(mode=0o700, exist_ok=True)

    def secrets(self) -> Secrets:
        path = self.folder / "secrets.json"
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            return Secrets(**{item.name: stored[item.name] for item in fields(Secrets)})
        except FileNotFoundError:
            made = new_secrets()
            write_private(path, json.dumps(asdict(made), indent=2))
            return made
        except (ValueError, KeyError, TypeError) as fault:
            raise StackError(
                f"{path} cannot be read as the secrets of this installation: restore it from a"
                f" backup, or remove {self.folder} to begin anew without its data."
            ) from fault

    def write_run_environment(self, environment: Mapping[str, str]) -> None:
        lines = (f"{name}={value}\n" for name, value in sorted(environment.items()))
        write_private(self.run_environment, "".join(lines))

    @contextmanager
    def hold(self) -> Iterator["Tenure"]:
        """Be the only `up` here, until the block ends or this process dies by whatever death."""
        descriptor = os.open(self.lock, os.O_RDWR | os.O_CREAT, 0o644)
        with os.fdopen(descriptor, "r+", encoding="utf-8") as file:
            if not lock_with_patience(file.fileno()):
                raise StackError(f"Observatory already runs here{file.read()}.")
            self.run_environment.unlink(missing_ok=True)
            tenure = Tenure(file.fileno())
            tenure.announce(f" as process {os.getpid()}, and is still starting")
            try:
                yield tenure
            finally:
                self.run_environment.unlink(missing_ok=True)


@dataclass(frozen=True)
class Tenure:
    """The held lock; its file tells a second `up` where the first one runs."""

    descriptor: int

    def announce(self, text: str) -> None:
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, text.encode(), 0)


def lock_with_patience(descriptor: int) -> bool:
    """A command that looks whether `up` runs holds the lock for a moment; outwait it."""
    deadline = time.monotonic() + LOCK_PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        else:
            return True


def write_private(path: Path, text: str) -> None:
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
