"""The rows of a stand-in n8n as JSON, and the data of an execution made when it is asked for.

Data are never stored: they come from the row and a random source that the row's id seeds, so they
are the same each time.
"""

import random
from collections.abc import Sequence
from typing import Any

from executions.n8n.fake_errors import (
    KINDS,
    MAKERS,
    ErrorJson,
    canceled_error,
    crashed_error,
    plain_error,
)
from executions.n8n.fake_store import MODES, NEVER, STATUSES, ExecutionStore
from executions.n8n.fake_workflows import (
    CALL,
    CODE,
    HTTP,
    SCHEDULE,
    WAIT,
    FakeNode,
    FakeWorkflow,
    iso,
)

Json = dict[str, Any]
CODE_KINDS = frozenset({"code", "type_error", "data"})
NETWORK_KINDS = frozenset(
    {"refused", "dns", "timeout", "reset", "unauthorized", "not_found", "rate_limited"}
    | {"server_error", "unavailable", "malformed", "no_credentials"}
)
CUSTOMERS = ("Ada", "Grace", "Linus", "Zoë", "Nikola", "Mária", "Wei", "Olu")


class Row:
    """One row of a store, with its workflow, as n8n would show it."""

    def __init__(
        self, store: ExecutionStore, workflows: Sequence[FakeWorkflow], index: int
    ) -> None:
        self._store, self._workflows, self._index = store, workflows, index
        self.id = store.ids[index]
        self.status = STATUSES[store.status[index]]
        self.mode = MODES[store.mode[index]]
        self.workflow = workflows[store.workflow[index]]
        self.started = store.started[index]
        self.stopped = store.stopped[index]

    def listed(self) -> Json:
        """The ten fields of a list."""
        return {
            "id": str(self.id),
            "finished": self.status == "success",
            "mode": self.mode,
            "retryOf": self._other(self._store.retry_of),
            "retrySuccessId": self._other(self._store.retry_success),
            "status": self.status,
            "startedAt": _time(self.started),
            "stoppedAt": _time(self.stopped),
            "workflowId": self.workflow.id,
            "waitTill": _time(self._store.wait_till.get(self.id, NEVER)),
        }

    def single(self) -> Json:
        """The fields of a single execution."""
        listed = self.listed()
        return {
            **{key: listed[key] for key in list(listed)[:6]},
            "createdAt": iso(self._store.created[self._index]),
            "startedAt": listed["startedAt"],
            "stoppedAt": listed["stoppedAt"],
            "deletedAt": None,
            "workflowId": self.workflow.id,
            "waitTill": listed["waitTill"],
            "storedAt": "db",
            "tracingContext": None,
            "deduplicationKey": None,
            "jsonSizeBytes": self.size_bytes,
            "binaryDataSizeBytes": 0,
            "workflowVersionId": self.version_id,
            "usedPrivateCredentials": False,
        }

    def listed_with_data(self) -> Json:
        """What a list with data adds."""
        data = self.data()
        return {
            **self.listed(),
            "storedAt": "db",
            "jsonSizeBytes": self.size_bytes,
            "workflowVersionId": self.version_id,
            "data": data["data"],
            "workflowData": data["workflowData"],
            "customData": data["customData"],
        }

    def retried(self) -> Json:
        """How n8n answers a retry."""
        listed = self.listed()
        keys = ("id", "mode", "startedAt", "workflowId", "finished", "retryOf", "status")
        return {**{key: listed[key] for key in keys}, **self.data(), "storedAt": "db"}

    @property
    def size_bytes(self) -> int:
        return 3_200 + self.id % 1_700

    @property
    def version_id(self) -> str | None:
        return None if self.mode == "retry" else self.workflow.version_id

    @property
    def has_data(self) -> bool:
        return self.id not in self._store.without_data

    def data(self) -> Json:
        """The data of the run, the custom data and the workflow as it was."""
        return {
            "data": RunData(self, self._store, self._workflows).as_json(),
            "customData": {},
            "workflowData": self.workflow.snapshot(),
        }

    def error_kind(self) -> str:
        return KINDS[self._store.error[self._index]]

    def _other(self, links: dict[int, int]) -> str | None:
        found = links.get(self.id)
        return None if found is None else str(found)


class RunData:
    """The data of one run."""

    def __init__(self, row: Row, store: ExecutionStore, workflows: Sequence[FakeWorkflow]) -> None:
        self._row, self._store, self._workflows = row, store, workflows
        self._random = random.Random(row.id * 7_919 + row.started)
        self._nodes = row.workflow.nodes

    def as_json(self) -> Json:
        row = self._row
        data: Json = {
            "version": 1,
            "startData": {},
            "resultData": self._result(),
            "executionData": self._execution_data(),
        }
        parent = self._store.parent.get(row.id)
        if parent is not None:
            data["parentExecution"] = self._link(parent)
        data["resumeToken"] = f"{self._random.getrandbits(128):032x}"
        if row.status == "waiting":
            data["waitTill"] = _time(self._store.wait_till.get(row.id, NEVER))
        return data

    def _result(self) -> Json:
        status = self._row.status
        if status in ("new", "running", "unknown"):
            return {"runData": {}}
        if status == "canceled":
            return self._canceled()
        if status == "crashed":
            return self._crashed()
        last = self._last_node()
        return self._ran(last, self._error(last) if status == "error" else None)

    def _canceled(self) -> Json:
        # Runs that hit their time limit are canceled as well, without a word about it.
        if self._row.id % 4 == 0:
            return {"runData": {}}
        return {"runData": {}, "error": canceled_error(str(self._row.id), self._row.stopped)}

    def _crashed(self) -> Json:
        node = self._nodes[-1].name
        return {
            "runData": {},
            "lastNodeExecuted": node,
            "error": crashed_error(self._row.stopped),
        }

    def _last_node(self) -> int:
        """The place of the node at which the run ended."""
        if self._row.status == "waiting":
            return self._first(WAIT)
        if self._row.status != "error":
            return len(self._nodes) - 1
        kind = self._row.error_kind()
        if self._row.id in self._store.child:
            return self._first(CALL)
        if kind in CODE_KINDS:
            return self._first(CODE)
        return self._first(HTTP) if kind in NETWORK_KINDS else len(self._nodes) - 1

    def _first(self, kind: str) -> int:
        places = [i for i, node in enumerate(self._nodes) if i and node.type == kind]
        return places[0] if places else len(self._nodes) - 1

    def _error(self, last: int) -> ErrorJson:
        row = self._row
        own = self._store.own_error.get(row.id)
        if own is not None:
            return own
        child = self._store.child.get(row.id)
        if child is not None:
            return self._error_of_child(child)
        maker = MAKERS.get(row.error_kind())
        if maker is None:
            return plain_error("Something went wrong [line 1]")
        return maker(self._random, self._nodes[last].as_json(last), row.stopped)

    def _error_of_child(self, child: int) -> ErrorJson:
        """A parent shows its child's words, and no name, node or code."""
        index = self._store.find(child)
        if index is None:
            return plain_error("The sub-workflow failed")
        row = Row(self._store, self._workflows, index)
        run = RunData(row, self._store, self._workflows)
        error = run._error(run._last_node())
        words: ErrorJson = {key: error[key] for key in ("message", "stack") if key in error}
        return {**self._link(child), **words}

    def _link(self, other: int) -> Json:
        index = self._store.find(other)
        workflow = self._workflows[self._store.workflow[index]].id if index is not None else ""
        return {"executionId": str(other), "workflowId": workflow}

    def _ran(self, last: int, error: ErrorJson | None) -> Json:
        runs: Json = {}
        length = max(self._row.stopped - self._row.started, 0) // (last + 1)
        for place in range(last + 1):
            is_last = place == last
            run = self._node_run(place, length)
            if is_last and error is not None:
                run |= {"executionStatus": "error", "error": error}
            else:
                self._add_output(run, place)
            runs[self._nodes[place].name] = [run]
        result: Json = {"runData": runs, "lastNodeExecuted": self._nodes[last].name}
        return ({"error": error} if error is not None else {}) | result

    def _node_run(self, place: int, length: int) -> Json:
        source = [] if place == 0 else [_source(self._nodes[place - 1])]
        return {
            "startTime": self._row.started + place * length,
            "executionIndex": place,
            "source": source,
            "hints": [],
            "executionTime": 0 if place == 0 else length,
            "executionStatus": "success",
        }

    def _add_output(self, run: Json, place: int) -> None:
        node = self._nodes[place]
        if node.type == WAIT and self._row.status == "waiting":
            run["executionStatus"] = "waiting"
        child = self._store.child.get(self._row.id)
        if node.type == CALL and child is not None:
            run["metadata"] = {"subExecution": self._link(child), "subExecutionsCount": 1}
        run["data"] = {"main": [[{"json": self._item(place), "pairedItem": {"item": 0}}]]}

    def _item(self, place: int) -> Json:
        body = {
            "customer": self._random.choice(CUSTOMERS),
            "amount": self._random.randrange(20, 900),
            "order": self._random.randrange(100_000, 999_999),
        }
        if place:
            return body
        if self._nodes[0].type == SCHEDULE:
            return {"timestamp": iso(max(self._row.started, 0))}
        headers = {"host": "hooks.example", "content-type": "application/json"}
        return {"headers": headers, "params": {}, "query": {}, "body": body}

    def _execution_data(self) -> Json:
        return {
            "contextData": {},
            "nodeExecutionStack": [],
            "metadata": {},
            "waitingExecution": {},
            "waitingExecutionSource": {},
            "runtimeData": {
                "version": 1,
                "establishedAt": max(self._row.started, 0),
                "source": self._row.mode,
                "triggerNode": {"name": self._nodes[0].name, "type": self._nodes[0].type},
                "redaction": {"version": 2, "production": False, "manual": False},
            },
        }


def _source(node: FakeNode) -> Json:
    return {"previousNode": node.name, "previousNodeOutput": 0, "previousNodeRun": 0}


def _time(milliseconds: int) -> str | None:
    return None if milliseconds == NEVER else iso(milliseconds)
