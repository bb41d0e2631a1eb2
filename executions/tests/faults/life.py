"""What happens in a stand-in n8n while it is copied, drawn from a seed."""

import random
from datetime import UTC, datetime, timedelta

from executions.n8n import fake_faults
from executions.n8n.fake import FakeN8n
from executions.n8n.fake_faults import Fault, FaultPlan, Kind, Rule

DAYS = 5
ERRORS = ("timeout", "unauthorized", "unavailable", "dns")
LISTS = "/api/v1/executions"


def faulty_plan(seed: int) -> FaultPlan:
    """5 % of 5xx, 2 % of 429, and pages as no list should have them."""
    rules = [
        Rule(fake_faults.status(503), rate=0.02),
        Rule(fake_faults.status(500), rate=0.02),
        Rule(fake_faults.status(502, html=True), rate=0.01),
        Rule(fake_faults.status(429, retry_after="1"), rate=0.02),
        Rule(Fault(Kind.TRUNCATE), rate=0.005),
        Rule(Fault(Kind.CLOSE), rate=0.005),
    ]
    pages = (Kind.REPEAT_PAGE, Kind.SHIFT_PAGE, Kind.EMPTY_PAGE, Kind.SHORT_PAGE)
    pages += (Kind.LOOP, Kind.REORDER, Kind.BAD_ROW)
    rules += [Rule(Fault(kind), rate=0.02, path=LISTS) for kind in pages]
    return FaultPlan(rules, seed=seed)


class Life:
    """Runs that start, outlive younger ones, wait, resume, fail and are retried."""

    def __init__(self, fake: FakeN8n, executions: int, source: random.Random) -> None:
        self._fake, self._source = fake, source
        self._workflows = [fake.add_workflow(f"Workflow {number}") for number in range(5)]
        every = timedelta(days=DAYS) / executions
        until = datetime.now(UTC) - timedelta(minutes=10)
        fake.add_many(executions, until=until, every_ms=every // timedelta(milliseconds=1))
        self._running: list[str] = []
        self._waiting: list[str] = []
        self._queued: list[str] = []
        self._failed: list[str] = []
        for _ in range(10):
            self._start()

    def step(self) -> None:
        acts = (self._start, self._finish, self._finish, self._wait, self._resume, self._queue)
        acts += (self._begin, self._burst, self._fail, self._retry, self._skip, self._rush)
        weights = (6, 3, 3, 2, 2, 2, 2, 5, 3, 3, 1, 0.5)
        self._source.choices(acts, weights)[0]()

    def settle(self) -> None:
        """Everything comes to its end, but for a few that go on for ever."""
        for waiting in self._waiting[1:]:
            self._fake.begin(waiting)
            self._running.append(waiting)
        for running in self._running[2:]:
            self._fake.finish(running, self._source.choice(("success", "error", "canceled")))

    def _workflow(self) -> str:
        return self._source.choice(self._workflows)

    def _take(self, pool: list[str]) -> str | None:
        return pool.pop(self._source.randrange(len(pool))) if pool else None

    def _start(self) -> None:
        self._running.append(self._fake.start(self._workflow()))

    def _finish(self) -> None:
        if (row := self._take(self._running)) is not None:
            self._fake.finish(row, self._source.choice(("success", "success", "canceled")))

    def _wait(self) -> None:
        if (row := self._take(self._running)) is not None:
            self._fake.wait(row, datetime.now(UTC) + timedelta(hours=1))
            self._waiting.append(row)

    def _resume(self) -> None:
        if (row := self._take(self._waiting)) is not None:
            self._fake.begin(row)
            self._running.append(row)

    def _queue(self) -> None:
        self._queued.append(self._fake.queue(self._workflow()))

    def _begin(self) -> None:
        if (row := self._take(self._queued)) is not None:
            self._fake.begin(row)
            self._running.append(row)

    def _burst(self) -> None:
        for _ in range(self._source.randint(1, 8)):
            self._fake.run(self._workflow())

    def _rush(self) -> None:
        """More than a page at once, so that what runs now ends far below the newest."""
        self._fake.add_many(300, until=datetime.now(UTC), every_ms=1)

    def _fail(self) -> None:
        error = self._source.choice(ERRORS)
        self._failed.append(self._fake.run(self._workflow(), "error", error=error))

    def _retry(self) -> None:
        if (row := self._take(self._failed)) is not None:
            self._fake.run(self._workflow(), mode="retry", retry_of=row)

    def _skip(self) -> None:
        self._fake.skip_ids(self._source.randint(1, 5))
