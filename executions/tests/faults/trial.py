"""A whole first load with what happens meanwhile, under faults, while its workers are killed."""

import random
import signal
import time
from dataclasses import dataclass

from executions.models import DetailState, Execution, SyncRun, SyncState
from executions.n8n.fake import FakeN8n
from executions.n8n.fake_server import FakeServer
from executions.tests.faults import stage as stages
from executions.tests.faults.ledger import Difference, HourlyNumbers, compare
from executions.tests.faults.life import Life, faulty_plan
from executions.tests.faults.stage import Process, Stage
from tenants.scope import tenant_scope

NUDGE_SECONDS = 0.05
WHOLE_WORKER = 0.15
# In a row at one place, before the one that puts an environment aside.
MOST_DEATHS = 2
# Patience only: a trial ends as soon as both sides are the same, however busy the machine.
SETTLE_SECONDS = 900
LONGEST_SECONDS = 3600


@dataclass(frozen=True)
class Plan:
    """How much of everything; the same plan gives the same n8n and the same faults."""

    seed: int
    executions: int
    kills: int
    steps: int


@dataclass(frozen=True)
class Outcome:
    """What one seed came to."""

    plan: Plan
    kills: int
    requests: int
    faults: int
    rows: int
    seconds: float
    difference: Difference
    unmarked: list
    quarantined: bool
    without_reason: int

    def __str__(self) -> str:
        wrong = self.difference
        return (
            f"seed {self.plan.seed}: {self.rows} rows, {self.kills} kills, {self.faults} faults in "
            f"{self.requests} requests, {self.seconds:.1f} s, lost {len(wrong.lost)}, doubled "
            f"{len(wrong.doubled)}, other {len(wrong.other)}, unmarked hours {len(self.unmarked)}"
        )


class Trial:
    """One seed."""

    def __init__(self, plan: Plan, stage: Stage, fake: FakeN8n, environment, numbers) -> None:
        self.plan, self.stage, self.fake, self.environment = plan, stage, fake, environment
        self.source = random.Random(plan.seed)
        self.life = Life(fake, plan.executions, self.source)
        self.numbers = numbers
        self.kills = self.steps = 0
        self.worker: Process = stage.worker()
        self._nudged_at = 0.0
        self._next_kill = self._drawn_kill()

    def run(self) -> Outcome:
        began = time.monotonic()
        while self.kills < self.plan.kills or self.steps < self.plan.steps:
            assert time.monotonic() - began < LONGEST_SECONDS, "the load stands still"
            self._live()
            self._nudge(stages.DUE_NOW)
            self._kill_where_drawn()
            time.sleep(self.source.uniform(0.005, 0.03))
        self.life.settle()
        self._await_the_truth()
        return self._outcome(time.monotonic() - began)

    def _live(self) -> None:
        """Life goes on at the pace of the load, so that the two always overlap."""
        if self.fake.log.total and self.steps < self.plan.steps:
            self.steps += 1
            self.life.step()
        if self.source.random() < 0.05:
            self.numbers.take_marks()

    def _nudge(self, *statements: str) -> None:
        """Waiting for schedules proves nothing here: what is due later is due now."""
        if time.monotonic() - self._nudged_at > NUDGE_SECONDS:
            stages.expire_leases_of_the_dead(self.worker)
            stages.as_operator(*statements)
            self.stage.dispatch()
            self._nudged_at = time.monotonic()

    def _drawn_kill(self) -> int:
        """After so many requests: a kill that finds the worker idle would prove nothing."""
        a_kill = self.plan.executions / 250 * 1.5 / self.plan.kills
        return self.fake.log.total + self.source.randint(3, max(round(a_kill * 2), 15))

    def _kill_where_drawn(self) -> None:
        if self.kills == self.plan.kills or self.fake.log.total < self._next_kill:
            return
        if self._has_died_here_before():
            return
        time.sleep(self.source.uniform(0, 0.05))
        if self.source.random() < WHOLE_WORKER:
            self.worker.signal(signal.SIGKILL)
            self.worker = self.stage.worker()
        else:
            self.worker.kill_children()
        self.kills += 1
        self._next_kill = self._drawn_kill()

    def _has_died_here_before(self) -> bool:
        """Once more at the same place, and it is put aside, as it should be: another test's."""
        with tenant_scope(self.environment.tenant_id):
            return SyncState.objects.get(environment=self.environment).crashes >= MOST_DEATHS

    def _await_the_truth(self) -> None:
        deadline = time.monotonic() + SETTLE_SECONDS
        while not self._is_true() and time.monotonic() < deadline:
            self._nudge(stages.DUE_NOW, stages.RECHECK_NOW, stages.PROBE_NOW)
            time.sleep(NUDGE_SECONDS)

    def _is_true(self) -> bool:
        with tenant_scope(self.environment.tenant_id):
            runs = SyncRun.objects.for_tenant(self.environment.tenant_id)
            if runs.filter(state__in=SyncRun.OPEN).exists() or self._without_reason():
                return False
        return not compare(self.fake, self.environment)

    def _without_reason(self) -> int:
        """Failures whose data n8n has and we have not."""
        rows = Execution.objects.for_tenant(self.environment.tenant_id)
        return rows.filter(status="error").exclude(detail_state=DetailState.FETCHED).count()

    def _outcome(self, seconds: float) -> Outcome:
        entries = list(self.fake.log.entries)
        difference, unmarked = compare(self.fake, self.environment), self.numbers.unmarked()
        with tenant_scope(self.environment.tenant_id):
            state = SyncState.objects.get(environment=self.environment)
            without_reason = self._without_reason()
        return Outcome(
            plan=self.plan,
            kills=self.kills,
            requests=self.fake.log.total,
            faults=sum(bool(entry.fault) for entry in entries),
            rows=len(list(self.fake.rows())),
            seconds=seconds,
            difference=difference,
            unmarked=unmarked,
            quarantined=state.quarantined_at is not None,
            without_reason=without_reason,
        )


def try_seed(plan: Plan, stage: Stage, connect, numbers_of=HourlyNumbers) -> Outcome:
    """The numbers are whoever adds up the marked hours: a model of it, or the real one."""
    fake = FakeN8n(first_id=1000, plan=faulty_plan(plan.seed), latency_ms=5)
    with FakeServer(fake) as server:
        environment = connect(server.url)
        return Trial(plan, stage, fake, environment, numbers_of(environment)).run()
