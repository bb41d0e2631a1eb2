"""Connections that go where the address policy said, and end when their time is over.

A name is resolved once for each connection and every address of it is judged; the socket is
opened to a judged address and to nothing else, so that a name which changes its address between
check and connect wins nothing. TLS still verifies the name. Each socket knows the moment at which
all reading ends, so that an answer that drips one byte a second cannot hold a worker.
"""

import queue
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, TypeVar

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.poolmanager import PoolManager
from urllib3.response import HTTPResponse
from urllib3.util.ssl_ import create_urllib3_context

from executions.n8n.addresses import Address, AddressPolicy
from executions.n8n.errors import (
    AddressNotAllowed,
    ConnectionRefused,
    DnsFailed,
    N8nError,
    TimedOut,
    Unreachable,
)

if TYPE_CHECKING:  # urllib3 has these names for type checkers only
    from urllib3._base_connection import BaseHTTPConnection, BaseHTTPSConnection

NEVER = float("inf")
C = TypeVar("C")


def resolve(host: str, port: int, timeout: float) -> list[Address]:
    """The addresses of a name, in the system's order; an address is its own.

    The system's resolver knows no time limit, so it works in a thread that can be left behind.
    """
    try:
        return [ip_address(host)]
    except ValueError:
        pass
    answers: queue.SimpleQueue[list[Address] | OSError | UnicodeError] = queue.SimpleQueue()
    asking = threading.Thread(target=_ask_resolver, args=(host, port, answers), daemon=True)
    asking.start()
    try:
        answer = answers.get(timeout=timeout)
    except queue.Empty:
        raise TimedOut(host) from None
    if isinstance(answer, (OSError, UnicodeError)):
        raise DnsFailed(host) from answer
    return answer


def _ask_resolver(
    host: str, port: int, answers: "queue.SimpleQueue[list[Address] | OSError | UnicodeError]"
) -> None:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        answers.put(error)
        return
    texts = dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found)
    answers.put([ip_address(text) for text in texts])


class BoundedSocket(socket.socket):
    """A socket whose reads all end at one moment, however the bytes come."""

    reading_ends_at: float = NEVER
    read_timeout: float = NEVER

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        _bound(self)
        return super().recv_into(*args, **kwargs)


class BoundedTlsSocket(ssl.SSLSocket):
    """The same with TLS; made by the context, so that it takes the place of the plain one."""

    reading_ends_at: float = NEVER
    read_timeout: float = NEVER

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        _bound(self)
        return super().recv_into(*args, **kwargs)


def _bound(sock: BoundedSocket | BoundedTlsSocket) -> None:
    if sock.reading_ends_at == NEVER:
        return
    left = sock.reading_ends_at - time.monotonic()
    if left <= 0:
        raise TimeoutError("the time for the whole answer is over")
    sock.settimeout(min(left, sock.read_timeout))


def open_socket(
    host: str, port: int, timeout: float, policy: AddressPolicy, options: Sequence[Any]
) -> BoundedSocket:
    """A connection to an allowed address of the host, tried in order within the timeout."""
    ends_at, shown = time.monotonic() + timeout, _shown(host, port)
    addresses = [a for a in resolve(host, port, timeout) if policy.allows(a)]
    if not addresses:
        raise AddressNotAllowed(shown)
    fault: OSError | None = None
    for index, address in enumerate(addresses):
        share = (ends_at - time.monotonic()) / (len(addresses) - index)
        try:
            sock = _connect(address, port, max(share, 0.001), options)
        except OSError as error:
            fault = error
        else:
            sock.settimeout(timeout)  # a TLS handshake has the whole of it again
            return sock
    raise _fault_of(shown, fault) from fault


def _connect(address: Address, port: int, timeout: float, options: Sequence[Any]) -> BoundedSocket:
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    sock = BoundedSocket(family, socket.SOCK_STREAM)
    try:
        for option in options:
            sock.setsockopt(*option)
        sock.settimeout(timeout)
        sock.connect((str(address), port))
    except BaseException:
        sock.close()
        raise
    return sock


def _shown(host: str, port: int) -> str:
    name = f"[{host}]" if ":" in host else host
    return name if port in (80, 443) else f"{name}:{port}"


def _fault_of(host: str, fault: OSError | None) -> N8nError:
    if isinstance(fault, ConnectionRefusedError):
        return ConnectionRefused(host)
    if isinstance(fault, TimeoutError):
        return TimedOut(host)
    return Unreachable(host)


class PinnedConnection(HTTPConnection):
    """An HTTP connection that asks the policy; its pool sets both values below."""

    policy: AddressPolicy = AddressPolicy()
    answer_seconds: float = NEVER

    def _new_conn(self) -> socket.socket:
        options = self.socket_options or ()
        return open_socket(self._dns_host, self.port, _seconds(self.timeout), self.policy, options)

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # urllib3 narrows it too
        sock, began, wait = self.sock, time.monotonic(), _seconds(self.timeout)
        longest = max(self.answer_seconds, wait)
        if isinstance(sock, (BoundedSocket, BoundedTlsSocket)):
            sock.read_timeout = wait
            # The head comes at once or not at all: one read timeout covers all of it.
            sock.reading_ends_at = began + wait
        answer = super().getresponse()
        if isinstance(sock, (BoundedSocket, BoundedTlsSocket)):
            sock.reading_ends_at = began + longest
        return answer


def _seconds(timeout: object) -> float:
    return float(timeout) if isinstance(timeout, (int, float)) else NEVER


class PinnedTlsConnection(PinnedConnection, HTTPSConnection):
    """The same with TLS: only the way to the address differs, never the name that is verified."""


class PinnedPool(HTTPConnectionPool):
    """Connections to one host, each of which knows the rules."""

    ConnectionCls = PinnedConnection
    policy: AddressPolicy = AddressPolicy()
    answer_seconds: float = NEVER

    def _new_conn(self) -> "BaseHTTPConnection":
        return _with_rules(super()._new_conn(), self)


class PinnedTlsPool(HTTPSConnectionPool):
    """The same with TLS."""

    ConnectionCls = PinnedTlsConnection
    policy: AddressPolicy = AddressPolicy()
    answer_seconds: float = NEVER

    def _new_conn(self) -> "BaseHTTPSConnection":
        return _with_rules(super()._new_conn(), self)


def _with_rules(connection: C, pool: PinnedPool | PinnedTlsPool) -> C:
    if isinstance(connection, PinnedConnection):
        connection.policy, connection.answer_seconds = pool.policy, pool.answer_seconds
    return connection


class PinnedAdapter(HTTPAdapter):
    """What a requests session sends everything through: no proxy, no address unasked."""

    def __init__(self, policy: AddressPolicy, answer_seconds: float) -> None:
        self._policy, self._answer_seconds = policy, answer_seconds
        super().__init__(pool_connections=1, pool_maxsize=2, max_retries=0)

    def init_poolmanager(
        self, connections: int, maxsize: int, block: bool = False, **pool_kwargs: Any
    ) -> None:
        context = create_urllib3_context()
        context.sslsocket_class = BoundedTlsSocket
        self.poolmanager = PinnedPoolManager(
            self._policy,
            self._answer_seconds,
            num_pools=connections,
            maxsize=maxsize,
            block=block,
            ssl_context=context,
            **pool_kwargs,
        )


class PinnedPoolManager(PoolManager):
    """Makes pools of pinned connections, and no others."""

    def __init__(self, policy: AddressPolicy, answer_seconds: float, **options: Any) -> None:
        super().__init__(**options)
        self._policy, self._answer_seconds = policy, answer_seconds
        self.pool_classes_by_scheme = {"http": PinnedPool, "https": PinnedTlsPool}

    def _new_pool(
        self, scheme: str, host: str, port: int, request_context: dict[str, Any] | None = None
    ) -> HTTPConnectionPool:
        pool = super()._new_pool(scheme, host, port, request_context)
        if isinstance(pool, (PinnedPool, PinnedTlsPool)):
            pool.policy, pool.answer_seconds = self._policy, self._answer_seconds
        return pool
