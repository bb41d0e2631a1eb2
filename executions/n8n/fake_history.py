"""The life of a stand-in n8n: weeks of believable history, and then on in real time.

All that happens is drawn from the seed and from the hour counted from the start, so the same start
gives the same life again, to the last id. `advance` may be called as often as one likes; what
happens does not depend on it. What people do to it (retries, stops, deletions) is written down and
happens again when the life is lived again, or every later id would be another.
"""

import heapq
import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import NamedTuple

from executions.n8n.fake import EPOCH, FakeN8n, milliseconds
from executions.n8n.fake_catalog import HANDLER, Incident, Plan
from executions.n8n.fake_workflows import stable_id

HOUR = 3_600_000
MINUTE = 60_000
DAY = 24 * HOUR
CANCELED, QUEUE_CANCELED, CRASHED = 0.0008, 0.0003, 0.0002
RETRIED, RETRY_SUCCEEDS = 0.06, 0.7
# The server ran out of memory then, and all that ran crashed; hours ago.
CRASHES = (216.8, 19.3)


@dataclass(frozen=True, slots=True)
class Run:
    """One run as it was drawn: when, how long, and how it ends."""

    at: int
    plan: Plan
    duration: int
    status: str
    error: str = ""
    waits: int = 0
    retried_after: int = 0
    retry_status: str = "success"
    child_fails: bool = False


class Event(NamedTuple):
    """Something that happens at a time; the number keeps the order of those at the same time."""

    at: int
    number: int
    happen: Callable[[datetime], object]


@dataclass(slots=True)
class Life:
    """A stand-in n8n that lives: made with its past, then advanced."""

    fake: FakeN8n
    plans: Sequence[Plan]
    start: datetime
    seed: int = 1
    incidents: Sequence[Incident] = ()
    days: int = 30
    diary: Path | None = None
    _events: list[Event] = field(init=False, default_factory=list)
    _number: int = field(init=False, default=0)
    _origin: int = field(init=False)
    _next_hour: int = field(init=False)

    def __post_init__(self) -> None:
        self._origin = milliseconds(self.start)
        self._next_hour = -self.days * 24
        began = self.start - timedelta(days=400)
        for plan in self.plans:
            self.fake.add_workflow(
                plan.name,
                workflow_id=stable_id(plan.name),
                nodes=plan.nodes(),
                is_active=not plan.is_archived,
                tags=plan.tags,
                settings=plan.settings(),
                created_at=max(began, self.start - timedelta(days=plan.days_live)),
            )
            self.fake.workflow(stable_id(plan.name)).is_archived = plan.is_archived
        for hours in CRASHES:
            self._at(self._origin - round(hours * HOUR), self._crash)
        for at, kind, execution in self._read_diary():
            self._at(at, partial(self._act, kind, execution))
        self.advance(self.start)
        self.fake.before_answer = lambda: self.advance(self.fake.clock())
        self.fake.on_action = self._write_diary

    def advance(self, now: datetime) -> None:
        """Let everything happen up to now."""
        with self.fake.lock:
            self._advance(milliseconds(now))

    def _advance(self, until: int) -> None:
        while (begins := self._origin + self._next_hour * HOUR) <= until:
            self._plan_hour(self._next_hour)
            self._next_hour += 1
            self._let_happen(min(begins + HOUR, until))
        self._let_happen(until)

    def _let_happen(self, until: int) -> None:
        while self._events and self._events[0].at <= until:
            event = heapq.heappop(self._events)
            event.happen(_moment(event.at))

    # --- What people do ----------------------------------------------------------------------

    def _read_diary(self) -> list[tuple[int, str, str]]:
        if self.diary is None or not self.diary.exists():
            return []
        lines = self.diary.read_text(encoding="utf-8").splitlines()
        entries = (line.split() for line in lines)
        return [(int(at), kind, execution) for at, kind, execution in entries]

    def _write_diary(self, kind: str, execution: str) -> None:
        if self.diary is not None:
            with self.diary.open("a", encoding="utf-8") as diary:
                diary.write(f"{milliseconds(self.fake.clock())} {kind} {execution}\n")

    def _act(self, kind: str, execution: str, moment: datetime) -> None:
        if self.fake.status_of(execution) is None:
            return
        if kind == "retry":
            self.fake.retry(execution, at=moment)
        elif kind == "stop":
            self.fake.finish(execution, "canceled", at=moment)
        elif kind == "delete":
            self.fake.delete(execution)

    # --- What is drawn -----------------------------------------------------------------------

    def _plan_hour(self, hour: int) -> None:
        begins = self._origin + hour * HOUR
        for plan in self.plans:
            if plan.is_called or plan.is_archived or hour < -plan.days_live * 24:
                continue
            source = random.Random(f"{self.seed} {plan.name} {hour}")
            for at in _starts(plan, begins, source):
                run = self._draw(plan, at, source)
                self._at(at, partial(self._begin, run))

    def _draw(self, plan: Plan, at: int, source: random.Random) -> Run:
        error = self._incident_error(plan, at, source)
        luck = source.random()
        failed = plan.errors and luck < plan.fails
        status = "error" if error or failed else _rare_end(source.random())
        return Run(
            at=at,
            plan=plan,
            duration=_duration(plan, source),
            status=status,
            error=error or (source.choice(plan.errors) if failed else ""),
            waits=source.randrange(10 * MINUTE, 2 * DAY) if source.random() < plan.waits else 0,
            retried_after=(source.randrange(4 * MINUTE, HOUR) if source.random() < RETRIED else 0),
            retry_status="success" if source.random() < RETRY_SUCCEEDS else "error",
            child_fails=bool(plan.calls) and source.random() < self._plan_of(plan.calls).fails,
        )

    def _incident_error(self, plan: Plan, at: int, source: random.Random) -> str:
        drawn, ago = source.random(), (self._origin - at) / HOUR
        for incident in self.incidents:
            if incident.ends <= ago <= incident.begins and plan.name in incident.workflows:
                return incident.error if drawn < incident.share else ""
        return ""

    def _plan_of(self, name: str) -> Plan:
        return next(plan for plan in self.plans if plan.name == name)

    # --- What happens ------------------------------------------------------------------------

    def _at(self, at: int, happen: Callable[[datetime], object]) -> None:
        self._number += 1
        heapq.heappush(self._events, Event(at, self._number, happen))

    def _begin(self, run: Run, moment: datetime) -> None:
        workflow, mode = stable_id(run.plan.name), "trigger" if run.plan.every else "webhook"
        if run.status == "queue_canceled":
            queued = self.fake.queue(workflow, at=moment, mode=mode)
            self._at(run.at + run.duration, partial(self._finish, queued, "canceled", ""))
            return
        execution = self.fake.start(workflow, at=moment, mode=mode)
        if run.plan.calls and run.status in ("success", "error"):
            self._call(run, execution, moment)
        if run.waits:
            self._at(run.at + 200, partial(self._pause, run, execution))
            return
        self._at(run.at + run.duration, partial(self._end, run, execution))

    def _call(self, run: Run, parent: str, moment: datetime) -> None:
        """A sub-workflow runs within its parent."""
        if run.status == "error" and not run.child_fails:
            return
        child = self.fake.start(
            stable_id(run.plan.calls), at=moment, mode="integrated", parent=parent
        )
        called = self._plan_of(run.plan.calls)
        status, error = ("error", called.errors[0]) if run.child_fails else ("success", "")
        half = max(run.duration // 2, 1)
        self._at(run.at + half, partial(self._finish, child, status, error))

    def _pause(self, run: Run, execution: str, moment: datetime) -> None:
        if not self._is(execution, "running"):
            return
        self.fake.wait(execution, moment + timedelta(milliseconds=run.waits), at=moment)
        self._at(run.at + run.waits, partial(self._resume, run, execution))

    def _resume(self, run: Run, execution: str, moment: datetime) -> None:
        if not self._is(execution, "waiting"):
            return
        self.fake.begin(execution, at=moment)
        self._at(run.at + run.waits + run.duration, partial(self._end, run, execution))

    def _end(self, run: Run, execution: str, moment: datetime) -> None:
        failed = run.status == "error" or run.child_fails
        if not self._finish(execution, "error" if failed else run.status, run.error, moment):
            return
        if run.status == "success" and not failed and not run.plan.saves_success:
            self.fake.delete(execution)
        if failed:
            self._after_failure(run, execution, moment)

    def _after_failure(self, run: Run, execution: str, moment: datetime) -> None:
        """The error workflow runs at once; sometimes somebody retries later."""
        at = milliseconds(moment)
        self._at(at + 40, partial(self._handle, execution))
        if run.retried_after:
            self._at(at + run.retried_after, partial(self._retry, run, execution))

    def _handle(self, failed: str, moment: datetime) -> None:
        handled = self.fake.start(stable_id(HANDLER), at=moment, mode="error", caused_by=failed)
        ends = milliseconds(moment) + 300 + int(failed) % 200
        self._at(ends, partial(self._finish, handled, "success", ""))

    def _retry(self, run: Run, original: str, moment: datetime) -> None:
        if self.fake.status_of(original) is None:
            return
        again = self.fake.start(
            stable_id(run.plan.name), at=moment, mode="retry", retry_of=original
        )
        error = run.error if run.retry_status == "error" else ""
        ends = milliseconds(moment) + run.duration
        self._at(ends, partial(self._finish, again, run.retry_status, error))

    def _finish(self, execution: str, status: str, error: str, moment: datetime) -> bool:
        """Whether it was still there to end: a crash may have come first."""
        if self.fake.status_of(execution) not in ("running", "new"):
            return False
        self.fake.finish(execution, status, at=moment, error=error or None)
        return True

    def _is(self, execution: str, status: str) -> bool:
        return self.fake.status_of(execution) == status

    def _crash(self, moment: datetime) -> None:
        self.fake.crash_running(at=moment + timedelta(seconds=20))


def _starts(plan: Plan, begins: int, source: random.Random) -> Iterator[int]:
    """When a workflow starts within the hour that begins there."""
    return _by_schedule(plan, begins, source) if plan.every else _by_chance(plan, begins, source)


def _by_schedule(plan: Plan, begins: int, source: random.Random) -> Iterator[int]:
    period = plan.every * MINUTE
    first = -(-(begins - plan.at * MINUTE) // period) * period + plan.at * MINUTE
    for at in range(first, begins + HOUR, period):
        if not plan.weekdays_only or _moment(at).weekday() < 5:
            yield at + source.randrange(5, 60)


def _by_chance(plan: Plan, begins: int, source: random.Random) -> Iterator[int]:
    hour = _moment(begins)
    rate = plan.per_day / DAY * plan.rhythm.weight(hour.weekday(), hour.hour)
    at = begins + source.expovariate(rate)
    while at < begins + HOUR:
        yield int(at)
        at += source.expovariate(rate)


def _duration(plan: Plan, source: random.Random) -> int:
    return max(round(source.lognormvariate(math.log(plan.typical_ms), plan.spread)), 3)


def _rare_end(drawn: float) -> str:
    """Almost every run that does not fail succeeds."""
    for share, status in ((CANCELED, "canceled"), (QUEUE_CANCELED, "queue_canceled")):
        if drawn < share:
            return status
        drawn -= share
    return "crashed" if drawn < CRASHED else "success"


def _moment(at: int) -> datetime:
    return EPOCH + timedelta(milliseconds=at)
