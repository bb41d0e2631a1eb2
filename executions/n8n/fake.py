"""A stand-in n8n: a whole server in memory that answers as n8n 2.41 was seen to answer.

Tests and the demonstration drive it by its methods and reach it through the very client that
talks to a real one, in memory (`client`) or over HTTP (executions.n8n.fake_server). What bites in
the real one bites here: running executions are not in the plain list and take their place in it
at their old id, rows without data vanish from lists with data, cursors are not checked.
"""

import copy
import threading
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from executions.n8n.fake_data import Row
from executions.n8n.fake_errors import CODE_OF_KIND, KINDS, ErrorJson, plain_error
from executions.n8n.fake_faults import Dialect, FaultPlan
from executions.n8n.fake_http import RequestLog
from executions.n8n.fake_store import (
    CODE_OF_MODE,
    CODE_OF_STATUS,
    GONE,
    NEVER,
    RUNNING,
    STATUSES,
    ExecutionStore,
    NewRow,
)
from executions.n8n.fake_workflows import DEFAULT_NODES, FakeNode, FakeWorkflow, stable_id

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
API_KEY = "stand-in-key"
SCOPES = frozenset(
    {"execution:list", "execution:read", "execution:retry", "execution:stop", "execution:delete"}
    | {"workflow:list", "workflow:read", "tag:list"}
)


class FakeRow(NamedTuple):
    """A row as it really is, for comparing with what was copied."""

    id: str
    status: str
    mode: str
    workflow_id: str
    started_at: datetime | None
    stopped_at: datetime | None
    retry_of: str
    retry_success_id: str


@dataclass(frozen=True, slots=True)
class Backup:
    """All that a database held at one moment."""

    store: ExecutionStore
    workflows: list[FakeWorkflow]


def milliseconds(moment: datetime) -> int:
    return (moment - EPOCH) // MILLISECOND


class FakeN8n:
    """One n8n server with its database. All methods are safe from several threads."""

    def __init__(
        self,
        *,
        first_id: int = 1,
        api_key: str = API_KEY,
        scopes: frozenset[str] = SCOPES,
        dialect: Dialect | None = None,
        plan: FaultPlan | None = None,
        latency_ms: float = 0,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.api_key, self.scopes = api_key, scopes
        self.dialect, self.plan = dialect or Dialect(), plan or FaultPlan()
        self.latency_ms, self.clock = latency_ms, clock
        self.log = RequestLog()
        self.retry_status = "success"
        self.last_pages: dict[tuple[str | None, bool], dict[str, Any]] = {}
        self.before_answer: Callable[[], object] = lambda: None
        self.on_action: Callable[[str, str], object] = lambda kind, execution_id: None
        self.store = ExecutionStore(first_id)
        self.workflows: list[FakeWorkflow] = []
        self.lock = threading.RLock()
        self._places: dict[str, int] = {}

    # --- Workflows ---------------------------------------------------------------------------

    def add_workflow(
        self,
        name: str,
        *,
        workflow_id: str | None = None,
        nodes: Sequence[FakeNode] = DEFAULT_NODES,
        is_active: bool = True,
        tags: Sequence[str] = (),
        settings: Mapping[str, object] | None = None,
        project: str = "Operations",
        created_at: datetime | None = None,
    ) -> str:
        """A new workflow; its id."""
        made = milliseconds(created_at or self.clock())
        workflow = FakeWorkflow(
            id=workflow_id or stable_id(f"{name} {len(self.workflows)}"),
            name=name,
            nodes=tuple(nodes),
            is_active=is_active,
            tags=tuple(tags),
            settings=dict(settings or {}),
            created_at=made,
            updated_at=made,
            project=project,
        )
        with self.lock:
            self._places[workflow.id] = len(self.workflows)
            self.workflows.append(workflow)
        return workflow.id

    def workflow(self, workflow_id: str) -> FakeWorkflow:
        """The workflow itself; changing it changes what n8n answers."""
        return self.workflows[self._places[workflow_id]]

    def place_of(self, workflow_id: str) -> int | None:
        return self._places.get(workflow_id)

    # --- The life of an execution ------------------------------------------------------------

    def start(
        self,
        workflow_id: str,
        *,
        at: datetime | None = None,
        mode: str = "webhook",
        retry_of: str = "",
        parent: str = "",
        caused_by: str = "",
    ) -> str:
        """An execution begins; its id. Its parent calls it; a failed one causes an error run."""
        with self.lock:
            moment = milliseconds(at or self.clock())
            row_id = self._add(workflow_id, "running", mode, moment, moment)
            if retry_of:
                self.store.retry_of[row_id] = int(retry_of)
            if parent:
                self.store.parent[row_id] = int(parent)
                self.store.child[int(parent)] = row_id
            if caused_by:
                self.store.parent[row_id] = int(caused_by)
            return str(row_id)

    def queue(self, workflow_id: str, *, at: datetime | None = None, mode: str = "webhook") -> str:
        """An execution that waits for its turn: n8n calls it new and gives it no start."""
        with self.lock:
            moment = milliseconds(at or self.clock())
            return str(self._add(workflow_id, "new", mode, moment, NEVER))

    def begin(self, execution_id: str, *, at: datetime | None = None) -> None:
        """A queued or waiting execution runs."""
        with self.lock:
            index = self._index(execution_id)
            self.store.set_status(index, "running")
            self.store.stopped[index] = NEVER
            self.store.wait_till.pop(int(execution_id), None)
            if self.store.started[index] == NEVER:
                self.store.started[index] = milliseconds(at or self.clock())

    def finish(
        self,
        execution_id: str,
        status: str = "success",
        *,
        at: datetime | None = None,
        error: str | ErrorJson | None = None,
    ) -> None:
        """An execution ends. The error is a kind of fake_errors, a message, or n8n's own JSON."""
        with self.lock:
            index = self._index(execution_id)
            self.store.set_status(index, status)
            self.store.stopped[index] = milliseconds(at or self.clock())
            self._set_error(index, error)
            original = self.store.retry_of.get(int(execution_id))
            if original is not None and status == "success":
                self.store.retry_success[original] = int(execution_id)

    def run(
        self,
        workflow_id: str,
        status: str = "success",
        *,
        at: datetime | None = None,
        duration_ms: int = 50,
        error: str | ErrorJson | None = None,
        mode: str = "webhook",
        retry_of: str = "",
        parent: str = "",
    ) -> str:
        """An execution begins and ends; its id."""
        began = at or self.clock()
        with self.lock:
            row_id = self.start(workflow_id, at=began, mode=mode, retry_of=retry_of, parent=parent)
            ended = began + timedelta(milliseconds=duration_ms)
            self.finish(row_id, status, at=ended, error=error)
        return row_id

    def wait(self, execution_id: str, till: datetime, *, at: datetime | None = None) -> None:
        """A running execution pauses. n8n gives it a stop time although it has not ended."""
        with self.lock:
            index = self._index(execution_id)
            self.store.set_status(index, "waiting")
            self.store.stopped[index] = milliseconds(at or self.clock())
            self.store.wait_till[int(execution_id)] = milliseconds(till)

    def crash_running(self, *, at: datetime | None = None) -> list[str]:
        """The server dies and comes back: all that ran has crashed. Their ids."""
        with self.lock:
            moment = milliseconds(at or self.clock())
            crashed = list(self.store.walk(None, "running"))
            for index in crashed:
                self.store.set_status(index, "crashed")
                self.store.stopped[index] = moment
            return [str(self.store.ids[index]) for index in crashed]

    def retry(self, execution_id: str, *, at: datetime | None = None) -> str:
        """Run it again as it was; how that ends is said by `retry_status`. The new run's id."""
        with self.lock:
            index = self._index(execution_id)
            is_failing = self.retry_status == "error"
            return self.run(
                self.workflows[self.store.workflow[index]].id,
                self.retry_status,
                at=at,
                error=(KINDS[self.store.error[index]] or None) if is_failing else None,
                mode="retry",
                retry_of=execution_id,
            )

    # --- The database ------------------------------------------------------------------------

    def add_many(
        self,
        count: int,
        *,
        workflow_id: str = "",
        until: datetime | None = None,
        every_ms: int = 1_000,
        errors_every: int = 20,
    ) -> range:
        """Many executions of the past, evenly spread and ended; the range of their ids.

        Without a workflow they go round all of them. Every so many-th one failed.
        """
        with self.lock:
            store, first = self.store, self.store.next_id
            ends = milliseconds(until or self.clock())
            starts = range(ends - count * every_ms, ends, every_ms)
            spent = [(row * 7_919) % 900 + 20 for row in range(997)]
            places = [self._places[workflow_id]] if workflow_id else range(len(self.workflows))
            status, error = _repeated(count, errors_every)
            store.ids.extend(range(first, first + count))
            store.status += status
            store.error += error
            store.mode += bytes([CODE_OF_MODE["webhook"]]) * count
            store.workflow.extend((array("H", places) * (count // len(places) + 1))[:count])
            store.created.extend(array("q", starts))
            store.started.extend(array("q", starts))
            store.stopped.extend(
                array("q", (at + spent[row % 997] for row, at in enumerate(starts)))
            )
            store.next_id += count
            return range(first, first + count)

    def skip_ids(self, count: int = 1) -> None:
        """Runs that n8n did not save: their ids are used up and no row is left."""
        with self.lock:
            self.store.next_id += count

    def delete(self, execution_id: str) -> None:
        with self.lock:
            self.store.delete(self._index(execution_id))

    def prune(self, keep: int) -> None:
        """Only so many newest ids stay, as n8n does it by itself."""
        with self.lock:
            self.store.delete_below(self.store.next_id - keep)

    def drop_data(self, execution_id: str) -> None:
        """The row stays, its data are lost."""
        with self.lock:
            self._index(execution_id)
            self.store.without_data.add(int(execution_id))

    def reset(self, first_id: int = 1, *, keep_workflows: bool = True) -> None:
        """A new database: ids begin again."""
        with self.lock:
            self.store = ExecutionStore(first_id)
            if not keep_workflows:
                self.workflows, self._places = [], {}

    def backup(self) -> Backup:
        with self.lock:
            return Backup(self.store.copy(), copy.deepcopy(self.workflows))

    def restore(self, backup: Backup) -> None:
        """The database as it was; ids given since are given again."""
        with self.lock:
            self.store = backup.store.copy()
            self.workflows = copy.deepcopy(backup.workflows)
            self._places = {workflow.id: i for i, workflow in enumerate(self.workflows)}

    # --- The truth ---------------------------------------------------------------------------

    def rows(self) -> Iterator[FakeRow]:
        """All rows there are, running ones too, oldest first."""
        for index in range(len(self.store)):
            if self.store.status[index] != GONE:
                yield self._truth(Row(self.store, self.workflows, index))

    def row(self, execution_id: str) -> FakeRow | None:
        index = self.store.find(int(execution_id))
        return None if index is None else self._truth(Row(self.store, self.workflows, index))

    def status_of(self, execution_id: str) -> str | None:
        """The status, without the rest; None where there is no such row."""
        index = self.store.find(int(execution_id))
        return None if index is None else STATUSES[self.store.status[index]]

    @property
    def running(self) -> int:
        return self.store.status.count(RUNNING)

    def _truth(self, row: Row) -> FakeRow:
        return FakeRow(
            str(row.id),
            row.status,
            row.mode,
            row.workflow.id,
            _moment(row.started),
            _moment(row.stopped),
            str(self.store.retry_of.get(row.id, "")),
            str(self.store.retry_success.get(row.id, "")),
        )

    # --- Inside ------------------------------------------------------------------------------

    def _add(self, workflow_id: str, status: str, mode: str, created: int, started: int) -> int:
        place = self._places[workflow_id]
        return self.store.add(NewRow(place, status, mode, created, started))

    def _index(self, execution_id: str) -> int:
        index = self.store.find(int(execution_id))
        if index is None:
            raise KeyError(f"this n8n has no execution {execution_id}")
        return index

    def _set_error(self, index: int, error: str | ErrorJson | None) -> None:
        if error is None:
            return
        if isinstance(error, str) and error in CODE_OF_KIND:
            self.store.error[index] = CODE_OF_KIND[error]
            return
        own = plain_error(error) if isinstance(error, str) else error
        self.store.own_error[self.store.ids[index]] = own


def _repeated(count: int, errors_every: int) -> tuple[bytes, bytes]:
    """Statuses and kinds of error of many rows: one failure in so many, by turns of each kind."""
    success, failed = CODE_OF_STATUS["success"], CODE_OF_STATUS["error"]
    kinds = len(CODE_OF_KIND) - 1
    status = bytearray(bytes([success])) * count
    error = bytearray(count)
    for turn, row in enumerate(
        range(errors_every - 1, count, errors_every) if errors_every else ()
    ):
        status[row], error[row] = failed, turn % kinds + 1
    return bytes(status), bytes(error)


def _moment(at: int) -> datetime | None:
    return None if at == NEVER else EPOCH + timedelta(milliseconds=at)
