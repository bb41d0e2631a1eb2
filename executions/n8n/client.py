"""The only way to talk to an n8n: one public method for each endpoint that is used.

Every call ends within its time limits, reads at most a fixed number of bytes, follows no
redirection and leaves this machine only to allowed addresses. It answers with payloads or raises
a child of N8nError. It never tries again by itself: when to do so is the caller's to decide.
"""

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import orjson
from requests.adapters import BaseAdapter

from executions.n8n import answers, probe
from executions.n8n.addresses import AddressPolicy, BaseUrl, parse_base_url
from executions.n8n.errors import BadResponse, KeyRejected, NotFound, NotN8n, WrongPath
from executions.n8n.execution_data import ExecutionData, read_data
from executions.n8n.execution_details import read_detail
from executions.n8n.execution_rows import read_rows
from executions.n8n.fields import Notes, UnusableRow, moment
from executions.n8n.payloads import (
    Discovery,
    ExecutionDetail,
    ExecutionPage,
    StopPayload,
    WorkflowPage,
    WorkflowPayload,
)
from executions.n8n.probe import ConnectionReport
from executions.n8n.transport import DEFAULT_LIMITS, Limits, Transport
from executions.n8n.workflow_rows import read_workflow, read_workflows

__all__ = [
    "ConnectionReport",
    "Discovery",
    "ExecutionPage",
    "Limits",
    "N8nClient",
    "WorkflowPage",
    "execution_cursor",
]

MAX_PAGE = 250
# Pages with data are held in memory whole, so they are smaller.
DETAIL_PAGE = 50
MAX_CURSOR = 200
ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
KEY = re.compile(r"[\x21-\x7e]{1,4096}")
KEY_MALFORMED = (
    "The API key is empty or holds characters that no key of n8n has. "
    "Copy it again from n8n, Settings, n8n API."
)


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of 2xx, parsed."""

    body: Any
    server_date: datetime | None
    elapsed_ms: int
    bytes: int


def execution_cursor(last_id: str, limit: int = MAX_PAGE) -> str:
    """A cursor to the executions below an id; n8n's own ones are made in the same way."""
    return b64encode(orjson.dumps({"lastId": last_id, "limit": limit})).decode()


class N8nClient:
    """One n8n server seen through one API key. Use it as a context manager.

    `latency_ms` and `clock_skew_ms` tell of the last answer.
    """

    def __init__(
        self,
        base_url: str | BaseUrl,
        api_key: str,
        policy: AddressPolicy,
        *,
        limits: Limits = DEFAULT_LIMITS,
        verify: bool | str = True,
        adapter: BaseAdapter | None = None,
    ) -> None:
        self.url = base_url if isinstance(base_url, BaseUrl) else parse_base_url(base_url)
        self.host = self.url.authority
        if not KEY.fullmatch(api_key):
            raise KeyRejected(self.host, wording=KEY_MALFORMED)
        self.latency_ms: int | None = None
        self.clock_skew_ms: int | None = None
        self._api_key = api_key
        self._transport = Transport(self.url, policy, limits, verify, adapter)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._transport.close()

    def probe(self) -> ConnectionReport:
        """Whether everything that a sync needs works; names the first thing that does not."""
        return probe.examine(self)

    # --- Executions --------------------------------------------------------------------------

    def list_executions(
        self,
        *,
        cursor: str | None = None,
        limit: int = MAX_PAGE,
        status: str | None = None,
        workflow_id: str | None = None,
        started_after: datetime | None = None,
    ) -> ExecutionPage:
        """A page without data. Filters are not in the cursor: give the same ones again."""
        answer = self._list(
            "executions", limit, _filters(cursor, status, workflow_id, started_after)
        )
        rows, next_cursor = self._page_of(answer)
        items, refused = read_rows(rows)
        return ExecutionPage(
            items, refused, next_cursor, answer.server_date, answer.elapsed_ms, answer.bytes
        )

    def list_details(
        self,
        *,
        cursor: str | None = None,
        limit: int = DETAIL_PAGE,
        status: str | None = None,
        workflow_id: str | None = None,
    ) -> tuple[ExecutionDetail, ...]:
        """A page with data. n8n leaves out the rows whose data are gone, without a word."""
        filters = _filters(cursor, status, workflow_id, None) | {"includeData": "true"}
        rows, _ = self._page_of(self._list("executions", limit, filters))
        found: list[ExecutionDetail] = []
        for row in rows:
            try:
                found.append(read_detail(row))
            except UnusableRow:
                continue  # without an id nothing can be said of it
        return tuple(found)

    def get_execution(self, execution_id: str, *, include_data: bool = False) -> ExecutionDetail:
        """One execution, whatever its status. With data, one whose data are gone is NotFound."""
        parameters = {"includeData": "true"} if include_data else {}
        path = self._path("executions", execution_id)
        return self._detail_of(self._call("GET", path, parameters, scope="execution:read"))

    def get_execution_data(self, execution_id: str) -> ExecutionData:
        """One execution with the items that its nodes put out; mask them before they are shown."""
        path = self._path("executions", execution_id)
        answer = self._call("GET", path, {"includeData": "true"}, scope="execution:read")
        try:
            return read_data(answer.body)
        except UnusableRow as error:
            raise BadResponse(self.host, fault=str(error)) from error

    def retry_execution(
        self, execution_id: str, *, load_workflow: bool = False, wait_seconds: float = 120.0
    ) -> ExecutionDetail:
        """Run a failed execution again; n8n answers when the new run has ended.

        TimedOut does not mean that nothing was started: look for a run with this `retry_of`.
        """
        answer = self._call(
            "POST",
            self._path("executions", execution_id, "/retry"),
            scope="execution:retry",
            body={"loadWorkflow": load_workflow},
            read_seconds=wait_seconds,
        )
        return self._detail_of(answer)

    def stop_execution(self, execution_id: str) -> StopPayload:
        """Stop a running, waiting or queued execution; Conflict where it has ended."""
        path = self._path("executions", execution_id, "/stop")
        raw = self._object_of(self._call("POST", path, scope="execution:stop", body={}))
        notes, status = Notes(), raw.get("status")
        return StopPayload(
            status=status if isinstance(status, str) else "",
            started_at=moment(raw.get("startedAt"), notes),
            stopped_at=moment(raw.get("stoppedAt"), notes),
        )

    # --- Workflows and the server itself -----------------------------------------------------

    def list_workflows(self, *, cursor: str | None = None, limit: int = MAX_PAGE) -> WorkflowPage:
        """A page of workflows; its cursor is an offset, so rows can repeat while they change."""
        parameters = {"excludePinnedData": "true"} | ({"cursor": cursor} if cursor else {})
        rows, next_cursor = self._page_of(self._list("workflows", limit, parameters))
        items, refused = read_workflows(rows)
        return WorkflowPage(items, refused, next_cursor)

    def get_workflow(self, workflow_id: str) -> WorkflowPayload:
        """One workflow."""
        answer = self._call("GET", self._path("workflows", workflow_id), scope="workflow:read")
        try:
            return read_workflow(answer.body)
        except UnusableRow as error:
            raise BadResponse(self.host, fault=str(error)) from error

    def discover(self) -> Discovery | None:
        """What the key may do; None where this n8n is too old to tell."""
        try:
            answer = self._call("GET", "/api/v1/discover")
        except (NotFound, WrongPath):
            return None
        data = self._object_of(answer).get("data")
        raw = data if isinstance(data, dict) else {}
        scopes = raw.get("scopes")
        known = scopes if isinstance(scopes, list) else []
        return Discovery(
            scopes=frozenset(scope for scope in known if isinstance(scope, str)),
            endpoints=frozenset(_endpoints(raw.get("resources"))),
        )

    def healthz(self) -> None:
        """Returns where an n8n answers at all, with or without a key."""
        answer = self._call("GET", "/healthz", with_key=False)
        if self._object_of(answer).get("status") != "ok":
            raise NotN8n(self.host)

    # --- One call ----------------------------------------------------------------------------

    def _list(self, kind: str, limit: int, filters: Mapping[str, str]) -> Answer:
        # Zero would make n8n answer with its whole table at once.
        parameters = {"limit": str(min(max(limit, 1), MAX_PAGE)), **filters}
        try:
            return self._call("GET", f"/api/v1/{kind}", parameters, scope=f"{kind[:-1]}:list")
        except NotFound as error:
            # A list is never missing: it is the path that leads nowhere.
            raise WrongPath(self.host) from error

    def _call(
        self,
        method: str,
        path: str,
        parameters: Mapping[str, str] | None = None,
        *,
        scope: str = "",
        body: Mapping[str, object] | None = None,
        with_key: bool = True,
        read_seconds: float | None = None,
    ) -> Answer:
        """One request to its parsed answer. `scope` is what a refusal would mean is missing."""
        headers = {"X-N8N-API-KEY": self._api_key} if with_key else {}
        if body is not None:
            headers["Content-Type"] = "application/json"
        reply = self._transport.send(method, path, parameters or {}, headers, body, read_seconds)
        if not 200 <= reply.status < 300:
            raise answers.error_of(self.host, reply, scope)
        content = answers.read_json(self.host, reply.body)
        self.latency_ms, self.clock_skew_ms = reply.elapsed_ms, reply.clock_skew_ms
        return Answer(content, reply.server_date, reply.elapsed_ms, len(reply.body))

    def _path(self, kind: str, remote_id: str, action: str = "") -> str:
        """The path of one thing. An id that no n8n gives leads to nothing and is not asked for."""
        if not ID.fullmatch(remote_id):
            raise NotFound(self.host)
        return f"/api/v1/{kind}/{remote_id}{action}"

    def _page_of(self, answer: Answer) -> tuple[list[object], str | None]:
        body = self._object_of(answer)
        rows, cursor = body.get("data"), body.get("nextCursor")
        if not isinstance(rows, list):
            raise NotN8n(self.host)
        if cursor is not None and (not isinstance(cursor, str) or len(cursor) > MAX_CURSOR):
            raise BadResponse(self.host, fault="its cursor is none of n8n's")
        return rows, cursor or None

    def _object_of(self, answer: Answer) -> dict[str, Any]:
        if not isinstance(answer.body, dict):
            raise NotN8n(self.host)
        return answer.body

    def _detail_of(self, answer: Answer) -> ExecutionDetail:
        try:
            return read_detail(answer.body)
        except UnusableRow as error:
            raise BadResponse(self.host, fault=str(error)) from error


def _filters(
    cursor: str | None, status: str | None, workflow_id: str | None, after: datetime | None
) -> dict[str, str]:
    """The parameters that were given."""
    started_after = after.astimezone(UTC).isoformat() if after is not None else None
    named = (
        ("cursor", cursor),
        ("status", status),
        ("workflowId", workflow_id),
        ("startedAfter", started_after),
    )
    return {name: value for name, value in named if value is not None}


def _endpoints(resources: object) -> list[str]:
    """The paths that discover tells, as `GET /api/v1/executions`."""
    found = resources.values() if isinstance(resources, dict) else ()
    lists = (r.get("endpoints") for r in found if isinstance(r, dict))
    return [
        f"{entry.get('method')} {entry.get('path')}"
        for entries in lists
        if isinstance(entries, list)
        for entry in entries
        if isinstance(entry, dict)
    ]
