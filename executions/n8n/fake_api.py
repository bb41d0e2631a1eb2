"""How a stand-in n8n answers: the endpoints of the public API, and its words for refusals."""

import base64
import binascii
import json
import re
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any

import orjson

from executions.n8n.fake import FakeN8n, milliseconds
from executions.n8n.fake_data import Json, Row
from executions.n8n.fake_faults import Fault, Kind
from executions.n8n.fake_http import Answer, Request
from executions.n8n.fake_store import NEVER, STATUSES

MAX_PAGE = 250
EDITOR = b"<!DOCTYPE html>\n<html><head><title>n8n.io - Workflow Automation</title></head></html>"
MISSING_PAGE = b"<!DOCTYPE html><html><body><pre>Cannot GET this</pre></body></html>"
_PARAMETERS = """
    cursor limit status workflowId projectId includeData ignoreDataSizeLimit redactExecutionData
    excludePinnedData active tags name
"""
KNOWN = frozenset(_PARAMETERS.split())
TIMES = frozenset({"startedAfter", "startedBefore"})
EXECUTION = re.compile(r"/api/v1/executions/([^/]+)(/retry|/stop)?")
WORKFLOW = re.compile(r"/api/v1/workflows/([^/]+)")


class Refused(Exception):
    """A request that n8n does not fulfil."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def answer(fake: FakeN8n, request: Request) -> tuple[Answer, Fault | None]:
    """The answer and the fault that befalls it; faults of content are done already."""
    with fake.lock:
        fake.before_answer()
        fault = fake.plan.take(request.path)
        instead = _content_fault(fault)
        if instead is not None:
            return instead, fault
        try:
            return Answer(200, _Api(fake, request, fault).route()), fault
        except Refused as refusal:
            return Answer(refusal.status, {"message": str(refusal)}), fault
        except _Page as page:
            return Answer(page.status, page.content), fault


class _Page(Exception):
    """A page for browsers instead of data."""

    def __init__(self, status: int, content: bytes) -> None:
        super().__init__(status)
        self.status, self.content = status, content


def _content_fault(fault: Fault | None) -> Answer | None:
    if fault is None:
        return None
    if fault.kind in (Kind.STATUS, Kind.REDIRECT):
        return Answer(fault.status, {"message": "This is a scripted fault"}, fault.headers)
    if fault.kind == Kind.HTML:
        return Answer(fault.status, b"<html><body>Please sign in</body></html>", fault.headers)
    if fault.kind == Kind.TEXT:
        return Answer(fault.status, fault.text.encode("utf-8", "surrogatepass"))
    return None


def encode_cursor(last_id: str, limit: int) -> str:
    text = json.dumps({"lastId": last_id, "limit": limit}, separators=(",", ":"))
    return base64.b64encode(text.encode()).decode()


class _Api:
    """One request on its way to its answer, under the server's lock."""

    def __init__(self, fake: FakeN8n, request: Request, fault: Fault | None) -> None:
        self.fake, self.request, self.query = fake, request, request.query
        self.page_fault = fault.kind if fault is not None else None
        self.fault_rows = fault.rows if fault is not None else 0

    def route(self) -> object:
        path, method = self.request.path, self.request.method
        if path in ("/healthz", "/healthz/readiness"):
            return {"status": "ok"}
        if not path.startswith("/api/"):
            raise _Page(200, EDITOR)
        if not path.startswith("/api/v1/"):
            raise _Page(404, MISSING_PAGE)
        if self.request.headers.get("x-n8n-api-key") != self.fake.api_key:
            raise Refused(401, "Unauthorized")
        if method == "GET" and path in ("/api/v1/executions", "/api/v1/workflows"):
            return self._list(path)
        if method == "GET" and path == "/api/v1/discover" and self.fake.dialect.tells_scopes:
            return self._discover()
        return self._one(path, method)

    def _list(self, path: str) -> object:
        kind = path.rpartition("/")[2]
        self._need(f"{kind[:-1]}:list")
        if self.fake.dialect.refuses_unknown_parameters:
            known = KNOWN | TIMES if self.fake.dialect.knows_started_after else KNOWN
            unknown = sorted(set(self.query) - known)
            if unknown:
                raise Refused(400, f"Unknown query parameter '{unknown[0]}'")
        return self._executions() if kind == "executions" else self._workflows()

    def _one(self, path: str, method: str) -> object:
        execution, workflow = EXECUTION.fullmatch(path), WORKFLOW.fullmatch(path)
        if execution is not None:
            return self._execution(execution[1], execution[2] or "", method)
        if workflow is not None and method == "GET":
            self._need("workflow:read")
            place = self.fake.place_of(workflow[1])
            if place is None:
                raise Refused(404, "Not Found")
            return self.fake.workflows[place].as_json(is_single=True)
        raise Refused(404, "not found")

    def _need(self, scope: str) -> None:
        if scope not in self.fake.scopes:
            raise Refused(403, "Forbidden")

    # --- Executions --------------------------------------------------------------------------

    def _executions(self) -> Json:
        limit, below = self._paging()
        status = self._status()
        rows = self._matching(below, status)
        if self.page_fault == Kind.EMPTY_PAGE:
            # The cursor leads to where this page should have been; only its limit differs.
            top = below if below is not None else self.fake.store.next_id
            return {"data": [], "nextCursor": encode_cursor(str(top), limit - 1 or 2)}
        size = max(limit // 2, 1) if self.page_fault == Kind.SHORT_PAGE else limit
        page = list(islice(rows, size)) if limit else list(rows)
        has_more = next(rows, None) is not None
        shown = self._shown(page)
        cursor = encode_cursor(str(shown[-1].id), limit) if has_more and shown else None
        data = [self._listed(row) for row in shown]
        return self._spoiled({"data": data, "nextCursor": cursor})

    def _paging(self) -> tuple[int, int | None]:
        """How many rows, and below which id. The cursor's limit wins over the parameter."""
        limit = self._limit(default=100)
        text = self.query.get("cursor")
        if not text:
            return limit, None
        cursor = _decoded(text)
        own = cursor.get("limit")
        if isinstance(own, int):
            limit = min(max(own, 1), MAX_PAGE)
        last = str(cursor.get("lastId", ""))
        below = int(last) if last.isdigit() else None
        if below is not None and self.page_fault == Kind.SHIFT_PAGE:
            below += self.fault_rows
        return limit, below

    def _limit(self, default: int) -> int:
        text = self.query.get("limit")
        if text is None:
            return default
        if not re.fullmatch(r"-?\d+", text):
            raise Refused(400, "request/query/limit Param `limit` must be a valid integer")
        if int(text) < 0:
            raise Refused(400, "request/query/limit Param `limit` must be a non-negative integer")
        return min(int(text), MAX_PAGE)

    def _status(self) -> str | None:
        status = self.query.get("status")
        if status is None:
            return None
        known = [s for s in STATUSES if s != "running" or self.fake.dialect.lists_running]
        if status not in known:
            allowed = " | ".join(f"'{name}'" for name in known)
            raise Refused(
                400,
                f"request/query/status Invalid enum value. Expected {allowed}, received '{status}'",
            )
        return status

    def _matching(self, below: int | None, status: str | None) -> Iterator[int]:
        """The places of the rows that fit all filters, newest first."""
        store = self.fake.store
        places = store.walk(below, status)
        workflow_id = self.query.get("workflowId")
        if workflow_id is not None:
            place = self.fake.place_of(workflow_id)
            places = (p for p in places if store.workflow[p] == place)
        if self.fake.dialect.knows_started_after:
            after, before = self._bound("startedAfter"), self._bound("startedBefore")
            if after is not None or before is not None:
                low = after if after is not None else 0
                high = before if before is not None else 2**62
                places = (p for p in places if _between(store.started[p], low, high))
        return places

    def _bound(self, name: str) -> int | None:
        text = self.query.get(name)
        if text is None:
            return None
        try:
            found = datetime.fromisoformat(text)
        except ValueError:
            raise Refused(400, f"request/query/{name} Invalid datetime") from None
        if found.tzinfo is None:
            raise Refused(400, f"request/query/{name} Invalid datetime")
        return milliseconds(found)

    @property
    def _with_data(self) -> bool:
        return self.query.get("includeData") == "true"

    def _shown(self, places: list[int]) -> list[Row]:
        """The rows of a page; with data, those whose data are lost are left out without a word."""
        store, workflows = self.fake.store, self.fake.workflows
        rows = [Row(store, workflows, place) for place in places]
        return [row for row in rows if row.has_data] if self._with_data else rows

    def _listed(self, row: Row) -> Json:
        return self._in_dialect(row.listed_with_data() if self._with_data else row.listed())

    def _in_dialect(self, row: Json) -> Json:
        dialect = self.fake.dialect
        if dialect.ids_as_numbers:
            for name in ("id", "retryOf", "retrySuccessId"):
                row[name] = int(row[name]) if row.get(name) is not None else None
        if not dialect.tells_status:
            row.pop("status", None)
        return row

    def _spoiled(self, page: Json) -> Json:
        """The page with the fault that the plan has for it."""
        kind, filters = self.page_fault, (self.query.get("status"), self._with_data)
        before = self.fake.last_pages.get(filters)
        if kind == Kind.REPEAT_PAGE and before is not None:
            return before
        self.fake.last_pages[filters] = dict(page)
        if kind == Kind.LOOP and page["nextCursor"] is not None:
            top = encode_cursor(str(self.fake.store.next_id), MAX_PAGE)
            page["nextCursor"] = self.query.get("cursor") or top
        if kind == Kind.REORDER:
            page["data"] = page["data"][::-1]
        if kind == Kind.BAD_ROW:
            page["data"] = [*page["data"][:1], {"id": None, "status": 7}, *page["data"][1:]]
        return page

    def _execution(self, text: str, action: str, method: str) -> object:
        if not re.fullmatch(r"[1-9]\d*", text):
            raise Refused(400, "request/params/executionId must be a positive integer")
        scope = {"/retry": "retry", "/stop": "stop"}.get(action, "read")
        self._need(f"execution:{'delete' if method == 'DELETE' else scope}")
        place = self.fake.store.find(int(text)) if len(text) < 19 else None
        if place is None:
            raise Refused(404, "Not Found")
        row = Row(self.fake.store, self.fake.workflows, place)
        if (method, action) == ("GET", ""):
            return self._get(row)
        if (method, action) == ("DELETE", ""):
            return self._delete(row)
        if (method, action) == ("POST", "/retry"):
            return self._retry(row)
        if (method, action) == ("POST", "/stop"):
            return self._stop(row)
        raise Refused(404, "not found")

    def _get(self, row: Row) -> Json:
        if not self._with_data:
            return self._in_dialect(row.single())
        if not row.has_data:
            raise Refused(404, "Not Found")
        return self._in_dialect(row.single() | row.data())

    def _delete(self, row: Row) -> Json:
        if row.status == "running":
            raise Refused(400, "Cannot delete a running execution")
        content = row.single() | {"id": row.id}
        self.fake.delete(str(row.id))
        self.fake.on_action("delete", str(row.id))
        return content

    def _retry(self, row: Row) -> Json:
        if row.status == "success":
            raise Refused(409, "The execution succeeded, so it cannot be retried.")
        if row.status == "new":
            raise Refused(
                409, "Execution is queued to run (not yet started) so it cannot be retried"
            )
        if not row.has_data:
            raise Refused(404, "Not Found")
        new_id = self.fake.retry(str(row.id))
        self.fake.on_action("retry", str(row.id))
        place = self.fake.store.find(int(new_id))
        if place is None:
            raise Refused(500, "The retry is lost")
        return Row(self.fake.store, self.fake.workflows, place).retried()

    def _stop(self, row: Row) -> Json:
        if row.status not in ("running", "waiting", "new"):
            raise Refused(
                409,
                "Only running or waiting executions can be stopped and "
                f"{row.id} is currently {row.status}",
            )
        was_queued = row.started == NEVER
        self.fake.finish(str(row.id), "canceled")
        self.fake.on_action("stop", str(row.id))
        place = self.fake.store.find(row.id)
        stopped = Row(self.fake.store, self.fake.workflows, place or 0).listed()
        return {
            "mode": row.mode,
            "startedAt": "1970-01-01T00:00:00.000Z" if was_queued else stopped["startedAt"],
            "stoppedAt": stopped["stoppedAt"],
            "finished": False,
            "status": "canceled",
        }

    # --- Workflows and what the key may do ---------------------------------------------------

    def _workflows(self) -> Json:
        limit, offset = self._limit(default=100), 0
        text = self.query.get("cursor")
        if text:
            cursor = _decoded(text)
            if not isinstance(cursor.get("offset"), int):
                raise Refused(400, "An invalid cursor was provided")
            limit, offset = int(cursor.get("limit", limit)), cursor["offset"]
        rows = self.fake.workflows[offset : offset + limit]
        end = offset + limit
        following = None
        if end < len(self.fake.workflows):
            following = base64.b64encode(orjson.dumps({"limit": limit, "offset": end})).decode()
        return {"data": [row.as_json(is_single=False) for row in rows], "nextCursor": following}

    def _discover(self) -> Json:
        endpoints = [
            {"method": "GET", "path": f"/api/v1/{kind}", "operationId": f"get{kind.capitalize()}"}
            for kind in ("executions", "workflows")
        ]
        return {
            "data": {
                "scopes": sorted(self.fake.scopes),
                "resources": {
                    entry["path"].rpartition("/")[2]: {
                        "operations": ["list", "read"],
                        "endpoints": [entry],
                    }
                    for entry in endpoints
                },
                "filters": {},
                "specUrl": "/api/v1/openapi.yml",
            }
        }


def _decoded(text: str) -> dict[str, Any]:
    try:
        found = orjson.loads(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError):
        found = None
    if not isinstance(found, dict):
        raise Refused(400, "An invalid cursor was provided")
    return found


def _between(value: int, low: int, high: int) -> bool:
    return value != NEVER and low <= value <= high
