"""A fast n8n of canned pages: `python -m observatory.bench.page_server ROWS MILLISECONDS`.

Every answer is serialised beforehand and given after the delay, so that what a bench measures is
the reader and never this server. It prints its port, and ends with its standard input. The path
/seen tells, without delay, how many requests came and how many were open at once at most.
"""

import asyncio
import sys
from base64 import b64decode
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from itertools import islice
from urllib.parse import parse_qs, urlsplit

import orjson

from executions.n8n.client import execution_cursor
from observatory.bench.listing import PAGE, WORKFLOWS, listed_rows, workflow_id

EMPTY = orjson.dumps({"data": [], "nextCursor": None})


def canned_pages(rows: int, newest: datetime) -> dict[str, bytes]:
    """The pages by the id below which they begin; the first one by the empty text."""
    pages: dict[str, bytes] = {}
    listed, below = listed_rows(rows, newest), ""
    while page := list(islice(listed, PAGE)):
        last = str(page[-1]["id"])
        cursor = None if last == "1" else execution_cursor(last, PAGE)
        pages[below] = orjson.dumps({"data": page, "nextCursor": cursor})
        below = last
    return pages


def canned_workflows() -> bytes:
    items = [
        {"id": workflow_id(number), "name": f"Workflow {number}", "active": True, "nodes": []}
        for number in range(WORKFLOWS)
    ]
    return orjson.dumps({"data": items, "nextCursor": None})


@dataclass
class Seen:
    """What came, for /seen."""

    requests: int = 0
    open: int = 0
    most_open: int = 0


class PageServer:
    """Keeps connections alive and reads only the request line of what it gets."""

    def __init__(self, rows: int, delay_seconds: float) -> None:
        self.pages = canned_pages(rows, datetime.now(UTC))
        self.workflows = canned_workflows()
        self.delay = delay_seconds
        self.seen = Seen()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                target = head.split(b" ", 2)[1].decode()
                writer.write(_response(await self.answer(target)))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def answer(self, target: str) -> bytes:
        if target == "/seen":
            return orjson.dumps(self.seen)
        seen = self.seen
        seen.requests += 1
        seen.open += 1
        seen.most_open = max(seen.most_open, seen.open)
        await asyncio.sleep(self.delay)
        seen.open -= 1
        return self.body_of(target)

    def body_of(self, target: str) -> bytes:
        parts = urlsplit(target)
        query = parse_qs(parts.query)
        if parts.path.endswith("/workflows"):
            return self.workflows
        if "status" in query:
            return EMPTY
        cursor = query.get("cursor", [""])[0]
        below = str(orjson.loads(b64decode(cursor))["lastId"]) if cursor else ""
        return self.pages.get(below, EMPTY)


def _response(body: bytes) -> bytes:
    date = format_datetime(datetime.now(UTC), usegmt=True)
    head = (
        "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n"
        f"Date: {date}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def main(rows: int, milliseconds: float) -> None:
    server = await asyncio.start_server(PageServer(rows, milliseconds / 1000).serve, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2])))
