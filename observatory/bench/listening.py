"""Clients of event streams as browsers are: they come back after the time that the server said,
with the last id that they saw. Hundreds of them in one loop, for `bench live` and for tests.
"""

import asyncio
import math
import time
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise

from django.conf import settings

FIRST_RETRY = 1.0


@dataclass(frozen=True, slots=True)
class Heard:
    """An event as it came, and when."""

    id: str
    kind: str
    data: str
    at: float

    @property
    def number(self) -> int:
        return int(self.id.rpartition(":")[2])


@dataclass
class Client:
    """One listener; ``run`` goes on until it is cancelled."""

    port: int
    path: str
    token: str = ""
    last_id: str = ""
    session: str = ""
    heard: list[Heard] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    connected_at: list[float] = field(default_factory=list)
    heartbeats: int = 0
    is_open: bool = False
    retry: float = FIRST_RETRY
    # A test need not wait as long as it is told to.
    longest_wait: float = math.inf
    head: bytes = b""

    async def run(self) -> None:
        while True:
            with suppress(OSError, asyncio.IncompleteReadError, ValueError):
                await self._listen()
            self.is_open = False
            await asyncio.sleep(min(self.retry, self.longest_wait))

    async def _listen(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(self._request())
            self.head = await reader.readuntil(b"\r\n\r\n")
            self.statuses.append(int(self.head.split()[1]))
            if self.statuses[-1] != 200:
                return
            self.connected_at.append(time.time())
            self.is_open = True
            await self._read(reader)
        finally:
            writer.close()

    def _request(self) -> bytes:
        lines = [f"GET {self.path} HTTP/1.1", f"Host: 127.0.0.1:{self.port}"]
        lines += ["Accept: text/event-stream"]
        lines += [f"Authorization: Bearer {self.token}"] if self.token else []
        lines += [f"Cookie: {settings.SESSION_COOKIE_NAME}={self.session}"] if self.session else []
        lines += [f"Last-Event-ID: {self.last_id}"] if self.last_id else []
        return "\r\n".join([*lines, "", ""]).encode()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        """Chunks are put together before they are cut into events."""
        rest = b""
        while size := int(await reader.readuntil(b"\r\n"), 16):
            rest += await reader.readexactly(size)
            await reader.readexactly(2)
            *whole, rest = rest.split(b"\n\n")
            for block in whole:
                self._take(block.decode())

    def _take(self, block: str) -> None:
        fields = dict(line.partition(": ")[::2] for line in block.splitlines())
        if "retry" in fields:
            self.retry = int(fields["retry"]) / 1000
        if "id" in fields:
            self.last_id = fields["id"]
        if fields.get("event") == "keep-alive":
            self.heartbeats += 1
        elif "event" in fields:
            heard = Heard(self.last_id, fields["event"], fields.get("data", ""), time.time())
            self.heard.append(heard)

    def numbers(self) -> list[int]:
        """Of the events that were told, in their order; not of where a stream began."""
        return [one.number for one in self.heard if one.kind not in ("open", "reset")]

    @property
    def missed_or_doubled(self) -> int:
        """How many steps between neighbours are no steps of one."""
        return sum(later != before + 1 for before, later in pairwise(self.numbers()))
