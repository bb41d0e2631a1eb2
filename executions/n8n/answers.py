"""From the bytes of an HTTP answer to JSON or to the error that it means.

Read in pieces under a cap on what comes out of decompression, so that neither an endless body nor
a compressed bomb fills the memory. The texts of the other side go no further than this module.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn, Protocol
from urllib.parse import urlsplit

import orjson
from requests import Response
from urllib3.exceptions import DecodeError

from executions.n8n.errors import (
    BadRequest,
    BadResponse,
    Conflict,
    KeyRejected,
    N8nError,
    NotFound,
    NotN8n,
    RateLimited,
    Redirected,
    ScopeMissing,
    ServerError,
    TooLarge,
    TooManyValues,
    WrongPath,
)

CHUNK = 64 * 1024
MAX_VALUES = 1_500_000
LONGEST_PAUSE = timedelta(minutes=15)
HOST = re.compile(r"[A-Za-z0-9._:\[\]-]{1,253}")
REFUSED_AS_WRONG = frozenset({400, 405, 406, 411, 413, 414, 415, 422, 431})


def read_body(host: str, response: Response, limit: int) -> bytes:
    """The whole body, decompressed. Raises TooLarge past the limit, BadResponse if broken."""
    announced = response.headers.get("Content-Length", "")
    if announced.isdigit() and int(announced) > limit:
        raise TooLarge(host, limit=str(limit // 2**20))
    parts: list[bytes] = []
    size = 0
    try:
        for part in response.raw.stream(CHUNK, decode_content=True):
            size += len(part)
            if size > limit:
                raise TooLarge(host, limit=str(limit // 2**20))
            parts.append(part)
    except DecodeError as error:
        raise BadResponse(host, fault="its compression cannot be undone") from error
    return b"".join(parts)


def read_json(host: str, body: bytes) -> Any:
    """The JSON in a body. What only half of the parsers accept is read by the tolerant one.

    Raises TooManyValues before it is taken apart: of nothing but brackets, memory takes fifty times
    what they take on the wire.
    """
    if sum(body.count(mark) for mark in b"{[,") > MAX_VALUES:
        raise TooManyValues(host, limit=f"{MAX_VALUES:,}")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if is_markup(body):
            raise NotN8n(host) from error
    # Half a character (as JavaScript writes it), a byte order mark, bytes that are no UTF-8.
    try:
        return json.loads(body.decode("utf-8-sig", "replace"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        fault = "it is empty" if not body.strip() else "it is not valid JSON, or it was cut off"
        raise BadResponse(host, fault=fault) from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def is_markup(body: bytes) -> bool:
    """Whether a body is a page for browsers and no data."""
    return body[:512].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


class Refusal(Protocol):
    """What of an answer says why it is none."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def body(self) -> bytes: ...
    @property
    def began_at(self) -> datetime: ...


def error_of(host: str, reply: Refusal, scope: str) -> N8nError:
    """The error that a status other than 2xx means; `scope` is what a 403 would ask for."""
    status, headers, body = reply.status, reply.headers, reply.body
    pause = retry_after(headers.get("Retry-After"), reply.began_at)
    if 300 <= status < 400:
        return Redirected(host, target=_target(headers.get("Location", ""), host))
    if status == 429:
        return RateLimited(host, retry_after=pause)
    if status >= 500:
        return ServerError(host, retry_after=pause, status=str(status))
    if status == 404:
        # n8n says so in JSON; anything else is something before it, and tells of no execution.
        return NotFound(host) if _is_message(body) else WrongPath(host)
    if is_markup(body):
        return NotN8n(host)
    if status == 401:
        return KeyRejected(host)
    if status == 403:
        return ScopeMissing(host, scopes=(scope,) if scope else ())
    if status == 409:
        return Conflict(host)
    if status in REFUSED_AS_WRONG:
        return BadRequest(host)
    return BadResponse(host, fault=f"its status is {status}")


def _is_message(body: bytes) -> bool:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    return isinstance(found, dict) and "message" in found


def _target(location: str, host: str) -> str:
    """The host that a redirection names, if it is one; never its path."""
    try:
        found = urlsplit(location).netloc.rpartition("@")[2]
    except ValueError:
        found = ""
    if not found:
        return f"another path of {host}"
    return found if HOST.fullmatch(found) else "another host"


def retry_after(value: str | None, now: datetime) -> timedelta | None:
    """How long the other side asks to wait: none if it does not say, never more than 15 minutes."""
    if value is None:
        return None
    text = value.strip()
    if re.fullmatch(r"[+-]?\d{1,40}(\.\d{1,20})?", text, re.ASCII):
        return _within(timedelta(seconds=min(max(float(text), 0.0), 10**6)))
    try:
        until = parsedate_to_datetime(text)
        if until.tzinfo is None:
            until = until.replace(tzinfo=UTC)
        return _within(until - now)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _within(pause: timedelta) -> timedelta:
    return min(max(pause, timedelta(0)), LONGEST_PAUSE)


def server_date(headers: Mapping[str, str]) -> datetime | None:
    """The other side's clock, to the second."""
    try:
        found = parsedate_to_datetime(headers.get("Date", ""))
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
