"""Requests to one n8n as bytes: the limits, the connection, and what a broken exchange means."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import BadStatusLine, HTTPException, RemoteDisconnected
from http.cookiejar import DefaultCookiePolicy

import orjson
import requests
from requests.adapters import BaseAdapter
from urllib3.exceptions import HTTPError, ReadTimeoutError

from executions.n8n import answers
from executions.n8n.addresses import AddressPolicy, BaseUrl
from executions.n8n.errors import N8nError, NotN8n, TimedOut, TlsFailed, Unreachable
from executions.n8n.pinning import PinnedAdapter


@dataclass(frozen=True, slots=True)
class Limits:
    """How long and how much one call may take."""

    connect_seconds: float = 10.0
    read_seconds: float = 30.0
    total_seconds: float = 120.0
    max_bytes: int = 64 * 2**20


DEFAULT_LIMITS = Limits()
HEADERS = {
    "User-Agent": "Observatory",
    "Accept": "application/json",
    # A page of executions shrinks to a tenth, which is worth it beyond the local network.
    "Accept-Encoding": "gzip",
}


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of any status, read whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    began_at: datetime
    elapsed_ms: int

    @property
    def server_date(self) -> datetime | None:
        return answers.server_date(self.headers)

    @property
    def clock_skew_ms(self) -> int | None:
        """How far the other side's clock is before ours; its header has whole seconds only."""
        server = self.server_date
        if server is None:
            return None
        middle = self.began_at + timedelta(milliseconds=self.elapsed_ms / 2)
        return round((server - middle).total_seconds() * 1000) + 500


class PlainSession(requests.Session):
    """A session that does not even look where a redirection leads.

    Otherwise requests reads the whole body of one and prepares the next request, before it is
    known that nobody wants to follow.
    """

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None


class Transport:
    """A session with one server: nothing from the environment, no redirections, no cookies."""

    def __init__(
        self,
        url: BaseUrl,
        policy: AddressPolicy,
        limits: Limits = DEFAULT_LIMITS,
        verify: bool | str = True,
        adapter: BaseAdapter | None = None,
    ) -> None:
        self._url, self._limits = url, limits
        self._session = PlainSession()
        self._session.trust_env = False
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        self._session.verify = verify
        self._session.headers.clear()
        way = adapter or PinnedAdapter(policy, limits.total_seconds)
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, way)

    def close(self) -> None:
        self._session.close()

    def send(
        self,
        method: str,
        path: str,
        parameters: Mapping[str, str],
        headers: Mapping[str, str],
        body: Mapping[str, object] | None = None,
        read_seconds: float | None = None,
    ) -> Reply:
        """One request and its whole answer. Raises N8nError where no answer came."""
        limits, host = self._limits, self._url.authority
        began_at, began = datetime.now(UTC), time.monotonic()
        try:
            with self._session.request(
                method,
                f"{self._url}{path}",
                params=parameters,
                data=None if body is None else orjson.dumps(body),
                headers={**HEADERS, **headers},
                timeout=(limits.connect_seconds, read_seconds or limits.read_seconds),
                allow_redirects=False,
                stream=True,
            ) as response:
                content = answers.read_body(host, response, limits.max_bytes)
        except (requests.RequestException, HTTPError, HTTPException, OSError) as error:
            raise fault_of(host, error) from error
        elapsed_ms = round((time.monotonic() - began) * 1000)
        return Reply(response.status_code, response.headers, content, began_at, elapsed_ms)


def fault_of(host: str, error: BaseException) -> N8nError:
    """What a failed exchange of bytes means; our own errors pass as they are."""
    for cause in _chain(error):
        if isinstance(cause, N8nError):
            return cause
        if isinstance(cause, requests.exceptions.SSLError):
            return TlsFailed(host)
        if isinstance(cause, (TimeoutError, ReadTimeoutError, requests.exceptions.Timeout)):
            return TimedOut(host)
        if isinstance(cause, BadStatusLine) and not isinstance(cause, RemoteDisconnected):
            return NotN8n(host)
    return Unreachable(host)


def _chain(error: BaseException) -> list[BaseException]:
    """The error and all that led to it; libraries wrap what happened several times."""
    found: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        cause = waiting.pop(0)
        if isinstance(cause, BaseException) and cause not in found:
            found.append(cause)
            waiting += [cause.__cause__, cause.__context__, *cause.args]
    return found
