"""A stand-in n8n over real HTTP, and the same without any network for tests that need none.

The faults of the wire live here: answers that drip, break off, never end or never come.
"""

import functools
import gzip
import ssl
import threading
import time
from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

import orjson
from requests import PreparedRequest, Response
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from urllib3 import HTTPResponse

from executions.n8n.addresses import AddressPolicy
from executions.n8n.client import N8nClient
from executions.n8n.fake import FakeN8n
from executions.n8n.fake_api import answer
from executions.n8n.fake_faults import Fault, Kind
from executions.n8n.fake_http import Answer, Request

WIRE_FAULTS = frozenset(
    {Kind.DRIP, Kind.ENDLESS, Kind.SILENT, Kind.CLOSE, Kind.SLOW_HEAD, Kind.BOMB, Kind.TRUNCATE}
)
LONGEST = 600.0
BOMB_SIZE = 100 * 2**20


def body_of(found: Answer) -> bytes:
    content = found.content
    return content if isinstance(content, bytes) else orjson.dumps(content)


def headers_of(fake: FakeN8n, found: Answer, body: bytes) -> dict[str, str]:
    is_page = isinstance(found.content, bytes) and found.content[:1] == b"<"
    kind = "text/html" if is_page else "application/json"
    return {
        "Content-Type": f"{kind}; charset=utf-8",
        "Content-Length": str(len(body)),
        "Date": http_date(fake.clock()),
        **dict(found.headers),
    }


def http_date(moment: datetime) -> str:
    return format_datetime(moment, usegmt=True)


def request_of(method: str, target: str, headers: Mapping[str, str], body: bytes) -> Request:
    parts = urlsplit(target)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    lowered = {name.lower(): value for name, value in headers.items()}
    return Request(method, parts.path, query, lowered, body)


@functools.cache
def packed_bomb() -> bytes:
    """Much of nothing, in a few bytes."""
    return gzip.compress(bytes(BOMB_SIZE), 1)


class FakeServer:
    """Serves a stand-in n8n on this machine. Use it as a context manager."""

    def __init__(self, fake: FakeN8n, port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.fake = fake
        self._http = _Server(("127.0.0.1", port), _Handler)
        self._http.fake = fake
        if tls is not None:
            # The handshake is left to the thread of each connection.
            self._http.socket = tls.wrap_socket(
                self._http.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)

    @property
    def port(self) -> int:
        return int(self._http.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.stopping.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    fake: FakeN8n

    def __init__(self, *args: Any) -> None:
        self.stopping = threading.Event()
        super().__init__(*args)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that went away is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    # Buffered, so that head and body leave in one piece.
    wbufsize = -1
    server: _Server

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def log_message(self, *args: object) -> None:
        """Requests are in the log of the stand-in."""

    def _serve(self) -> None:
        fake, length = self.server.fake, int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else b""
        request = request_of(self.command, self.path, dict(self.headers.items()), body)
        entry = fake.log.begin(request)
        try:
            found, fault = answer(fake, request)
            entry.status, entry.fault = found.status, str(fault.kind) if fault else ""
            self._pause(fake.latency_ms / 1000)
            if fault is not None and fault.kind == Kind.DELAY:
                self._pause(fault.seconds)
            self._send(found, fault)
        finally:
            fake.log.end()

    def _pause(self, seconds: float) -> None:
        if seconds > 0 and self.server.stopping.wait(seconds):
            self.close_connection = True

    def _send(self, found: Answer, fault: Fault | None) -> None:
        body = body_of(found)
        headers = headers_of(self.server.fake, found, body)
        if fault is not None and fault.kind in WIRE_FAULTS:
            self.close_connection = True
            _Wire(self, fault).send(found.status, headers, body)
            return
        self.write_head(found.status, headers)
        self.wfile.write(body)
        self.wfile.flush()

    def write_head(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()


class _Wire:
    """An answer that goes wrong on its way."""

    def __init__(self, handler: _Handler, fault: Fault) -> None:
        self._handler, self._fault = handler, fault

    def send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        kind = self._fault.kind
        if kind == Kind.SILENT:
            self._sleep(self._fault.seconds or LONGEST)
        elif kind == Kind.SLOW_HEAD:
            self._slowly(b"HTTP/1.1 200 OK\r\nX-Filler: " + b"x" * 10_000)
        elif kind == Kind.BOMB:
            self._bomb(status, headers)
        elif kind == Kind.ENDLESS:
            self._endless(status, headers)
        elif kind == Kind.DRIP:
            self._handler.write_head(status, headers)
            self._slowly(body)
        elif kind == Kind.TRUNCATE:
            self._handler.write_head(status, headers)
            self._write(body[: len(body) // 2])

    def _write(self, data: bytes) -> None:
        self._handler.wfile.write(data)
        self._handler.wfile.flush()

    def _sleep(self, seconds: float) -> bool:
        """Whether to go on afterwards."""
        return not self._handler.server.stopping.wait(seconds)

    def _slowly(self, data: bytes) -> None:
        for position in range(len(data)):
            self._write(data[position : position + 1])
            if not self._sleep(self._fault.seconds):
                return

    def _bomb(self, status: int, headers: dict[str, str]) -> None:
        packed = packed_bomb()
        size = {"Content-Encoding": "gzip", "Content-Length": str(len(packed))}
        self._handler.write_head(status, headers | size)
        self._write(packed)

    def _endless(self, status: int, headers: dict[str, str]) -> None:
        headers.pop("Content-Length")
        self._handler.write_head(status, headers | {"Connection": "close"})
        self._write(b'{"data":[')
        ends_at = time.monotonic() + LONGEST
        while time.monotonic() < ends_at and not self._handler.server.stopping.is_set():
            self._write(b"1," * 32_768)


class MemoryAdapter(BaseAdapter):
    """Takes a session's requests straight to a stand-in n8n, without any network."""

    def __init__(self, fake: FakeN8n) -> None:
        super().__init__()
        self._fake = fake

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        content = request.body or b""
        sent = content.encode() if isinstance(content, str) else bytes(content)
        asked = request_of(
            request.method or "GET", request.url or "", dict(request.headers or {}), sent
        )
        entry = self._fake.log.begin(asked)
        try:
            found, fault = answer(self._fake, asked)
            entry.status, entry.fault = found.status, str(fault.kind) if fault else ""
        finally:
            self._fake.log.end()
        return self._response(request, found)

    def _response(self, request: PreparedRequest, found: Answer) -> Response:
        body = body_of(found)
        headers = headers_of(self._fake, found, body)
        response = Response()
        response.status_code = found.status
        response.headers = CaseInsensitiveDict(headers)
        response.raw = HTTPResponse(
            BytesIO(body), headers=headers, status=found.status, preload_content=False
        )
        response.request, response.url = request, request.url or ""
        return response

    def close(self) -> None:
        """Nothing is held open."""


def client_of(fake: FakeN8n, *, api_key: str = "") -> N8nClient:
    """The client that talks to a real n8n, talking to this one in memory."""
    url = "http://stand-in.n8n.example"
    key = api_key or fake.api_key
    return N8nClient(url, key, AddressPolicy(), adapter=MemoryAdapter(fake))
