"""The test of a connection: does all that a sync needs work, and if not, what is to be done?

Asks in the order in which a person would mend things: the way there, the key, its scopes.
"""

from dataclasses import dataclass
from typing import Protocol

from executions.n8n.errors import (
    BadRequest,
    N8nError,
    NotFound,
    ScopeMissing,
    TooOld,
    WrongPath,
)
from executions.n8n.payloads import Discovery, ExecutionDetail, ExecutionPage, WorkflowPage

NEEDED = ("execution:list", "execution:read", "workflow:list", "workflow:read")


class Probed(Protocol):
    """What of the client is tried."""

    host: str
    latency_ms: int | None
    clock_skew_ms: int | None

    def list_executions(self, *, limit: int = ...) -> ExecutionPage: ...
    def get_execution(self, execution_id: str) -> ExecutionDetail: ...
    def list_workflows(self, *, limit: int = ...) -> WorkflowPage: ...
    def discover(self) -> Discovery | None: ...
    def healthz(self) -> None: ...


@dataclass(frozen=True, slots=True)
class ConnectionReport:
    """What a test of the connection showed. `reason` is empty where all is well.

    `scopes` is None where this n8n is too old to tell them; `sample_rows` says how many
    executions the key sees at the top, which is none for a new n8n or a key that may see none.
    """

    ok: bool
    reason: str
    sentence: str
    scopes: frozenset[str] | None = None
    missing_scopes: tuple[str, ...] = ()
    latency_ms: int | None = None
    clock_skew_ms: int | None = None
    sample_rows: int = 0


def report_of(error: N8nError) -> ConnectionReport:
    """The report of a connection that failed before anything was learned."""
    return ConnectionReport(ok=False, reason=error.reason, sentence=error.sentence)


def examine(client: Probed) -> ConnectionReport:
    """Try what a sync needs and report it; never raises N8nError."""
    scopes: frozenset[str] | None = None
    rows = 0
    fault: N8nError | None = None
    try:
        discovery = _discovery(client)
        scopes = discovery.scopes if discovery is not None else None
        rows = _try_reading(client, scopes)
    except N8nError as error:
        fault = error
    missing = fault.scopes if isinstance(fault, ScopeMissing) else ()
    return ConnectionReport(
        ok=fault is None,
        reason=fault.reason if fault else "",
        sentence=fault.sentence if fault else _success(client.host, rows),
        scopes=scopes,
        missing_scopes=missing,
        latency_ms=client.latency_ms,
        clock_skew_ms=client.clock_skew_ms,
        sample_rows=rows,
    )


def _discovery(client: Probed) -> Discovery | None:
    """The key's scopes. An n8n that does not know the question refuses it in its own way."""
    try:
        return client.discover()
    except BadRequest:
        return None


def _try_reading(client: Probed, scopes: frozenset[str] | None) -> int:
    """How many executions the key sees. Raises what stands in the way."""
    if scopes is not None:
        missing = tuple(scope for scope in NEEDED if scope not in scopes)
        if missing:
            raise ScopeMissing(client.host, scopes=missing)
    page = _first_page(client)
    for item in page.items[:1]:
        try:
            client.get_execution(item.id)
        except NotFound:
            continue  # pruned between the two calls
    client.list_workflows(limit=1)
    return len(page.items)


def _first_page(client: Probed) -> ExecutionPage:
    try:
        return client.list_executions(limit=5)
    except WrongPath as error:
        raise _what_is_there(client, error) from error


def _what_is_there(client: Probed, fault: WrongPath) -> N8nError:
    """Whether it is an n8n without a public API, or no n8n at all."""
    try:
        client.healthz()
    except N8nError:
        return fault
    return TooOld(client.host)


def _success(host: str, rows: int) -> str:
    if rows:
        return f"Connected: the executions and workflows of n8n at {host} can be read."
    return (
        f"Connected to n8n at {host}, but the key sees no executions yet. If there are some, "
        "create the key as the owner or an admin of n8n."
    )
