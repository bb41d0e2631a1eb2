"""Requests and answers of a stand-in n8n, and the record of what it was asked."""

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

KEPT_REQUESTS = 100_000


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sent."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back; the content is written as JSON unless it is bytes already."""

    status: int
    content: object
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class LoggedRequest:
    """One request, when it came, and how many were open with it."""

    number: int
    method: str
    path: str
    query: Mapping[str, str]
    open_with: int
    status: int = 0
    fault: str = ""


@dataclass(slots=True)
class RequestLog:
    """All requests in their order."""

    entries: deque[LoggedRequest] = field(default_factory=lambda: deque(maxlen=KEPT_REQUESTS))
    total: int = 0
    most_open: int = 0
    _open: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, request: Request) -> LoggedRequest:
        with self._lock:
            self.total += 1
            self._open += 1
            self.most_open = max(self.most_open, self._open)
            entry = LoggedRequest(
                self.total, request.method, request.path, request.query, self._open
            )
            self.entries.append(entry)
            return entry

    def end(self) -> None:
        with self._lock:
            self._open -= 1

    def clear(self) -> None:
        with self._lock:
            self.entries.clear()
            self.total = 0
            self.most_open = self._open

    def paths(self) -> list[str]:
        """What was asked, in order: method and path."""
        return [f"{entry.method} {entry.path}" for entry in self.entries]
