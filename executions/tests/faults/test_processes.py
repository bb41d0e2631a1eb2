"""Real workers and beats, their broker and their database: killed, stopped, cut off, told to end.

Each test ends where both sides are the same, whatever happened on the way.
"""

import signal
import threading
from collections import Counter

import pytest
from django.db import OperationalError

from executions.environments import release_from_quarantine
from executions.models import DetailState, Execution, SyncRun, SyncState
from executions.n8n import fake_faults
from executions.n8n.fake import FakeN8n
from executions.n8n.fake_server import FakeServer
from executions.tests.faults import stage as stages
from executions.tests.faults.ledger import compare
from executions.tests.faults.stage import eventually
from tenants.audit import Actor
from tenants.scope import operator_scope, tenant_scope

pytestmark = pytest.mark.processes
LISTS = "/api/v1/executions"


@pytest.fixture
def n8n(stage):
    """With a page long enough to be caught in the middle of a load."""
    fake = FakeN8n(first_id=1000, latency_ms=15)
    fake.add_workflow("Order sync")
    return fake


@pytest.fixture
def environment(n8n, connect):
    with FakeServer(n8n) as server:
        yield connect(server.url)


@pytest.fixture
def gate(n8n):
    """Lets n8n hold back its answers from the so-many-th page on, until it is opened."""
    gate = Gate(n8n)
    yield gate
    gate.opened.set()


class Gate:
    def __init__(self, fake):
        self._fake, self._after = fake, None
        self.reached, self.opened = threading.Event(), threading.Event()
        fake.before_answer = self._hold

    def close_after(self, requests):
        self._after = requests

    def _hold(self):
        if self._after is not None and self._fake.log.total > self._after:
            self.reached.set()
            self.opened.wait(30)


def of(environment, model):
    with tenant_scope(environment.tenant_id):
        return list(model.objects.for_tenant(environment.tenant_id).filter(**_in(environment)))


def _in(environment):
    return {"environment_id": environment.pk}


def state_of(environment):
    return of(environment, SyncState)[0]


def pages_of(environment):
    return sum(run.pages for run in of(environment, SyncRun))


def ended_runs(environment):
    """Where each walk that has ended stands; a turn that was asked for lately may still run."""
    return {
        (run.pk, run.position, run.pages)
        for run in of(environment, SyncRun)
        if run.state not in SyncRun.OPEN
    }


def is_copied(n8n, environment):
    if any(run.state in SyncRun.OPEN for run in of(environment, SyncRun)):
        return False
    return not compare(n8n, environment)


def is_copied_by_dispatches(stage, n8n, environment):
    """Asked again and again; what is due later is due now."""
    stages.as_operator(stages.DUE_NOW)
    stage.dispatch()
    return is_copied(n8n, environment)


def is_paused_between_writes(worker):
    """Stop it, unless it is writing just now."""
    worker.signal(signal.SIGSTOP)
    if stages.writes_are_open():
        worker.signal(signal.SIGCONT)
        return False
    return True


def cursors(n8n):
    """The cursors of all pages that were asked for below the top."""
    asked = [entry.query.get("cursor") for entry in list(n8n.log.entries) if entry.path == LISTS]
    return [cursor for cursor in asked if cursor]


def test_the_same_task_in_four_hands_is_done_once(stage, n8n, environment):
    n8n.add_many(3000, every_ms=1000)
    stage.worker(), stage.worker()

    for _ in range(4):
        stage.send_sync(environment)

    eventually(lambda: is_copied(n8n, environment))
    assert len(cursors(n8n)) == len(set(cursors(n8n)))
    assert n8n.log.most_open <= 2


def test_a_worker_that_was_paused_past_its_lease_writes_nothing_when_it_wakes(
    stage, n8n, environment, gate
):
    n8n.add_many(3000, every_ms=1000, errors_every=0)
    slow = stage.worker(concurrency=1)
    gate.close_after(6)
    stage.send_sync(environment)
    gate.reached.wait(20)
    eventually(lambda: is_paused_between_writes(slow))
    stages.as_operator(stages.EXPIRE_LEASES)
    gate.opened.set()

    stage.worker(concurrency=1)
    eventually(lambda: is_copied_by_dispatches(stage, n8n, environment), every=0.3)
    before = ended_runs(environment)
    slow.signal(signal.SIGCONT)

    eventually(lambda: "lease_lost" in slow.log.read_text())
    assert before
    assert before <= ended_runs(environment)
    assert not compare(n8n, environment)


def test_a_broker_that_forgets_everything_and_every_connection_stops_nothing(
    stage, n8n, environment
):
    n8n.add_many(5000, every_ms=1000)
    worker = stage.worker()
    stage.beat()
    eventually(lambda: pages_of(environment) >= 2)

    stage.restart_broker()
    worker.kill_children()

    def is_copied_without_a_wait():
        stages.expire_leases_of_the_dead(worker)
        return is_copied(n8n, environment)

    eventually(is_copied_without_a_wait)


def test_a_database_that_goes_away_in_the_middle_of_a_load_loses_and_doubles_nothing(
    stage, n8n, environment
):
    n8n.add_many(5000, every_ms=1000)
    worker = stage.worker()
    stage.send_sync(environment)
    eventually(lambda: pages_of(environment) >= 2)

    with stages.refused_connections():
        eventually(lambda: OperationalError.__name__ in worker.log.read_text())

    stages.as_operator(stages.EXPIRE_LEASES)
    eventually(lambda: is_copied_by_dispatches(stage, n8n, environment), every=0.3)
    assert state_of(environment).quarantined_at is None


@pytest.fixture
def fleet(stage, connect):
    """Several environments of one n8n, each of which is due, and then not for an hour."""
    stage.settings["OBSERVATORY_SYNC_SECONDS"] = "3600"
    fake = FakeN8n(first_id=1000)
    fake.add_workflow("Order sync")
    fake.add_many(10)
    with FakeServer(fake) as server:
        yield [connect(server.url) for _ in range(8)]


def turns_of(fleet):
    return [len(of(environment, SyncRun)) for environment in fleet]


def test_two_beats_give_each_due_environment_one_turn(stage, fleet):
    stage.beat(), stage.beat()
    eventually(lambda: len(stage.senders("maintenance")) == 2)

    stage.worker()
    eventually(lambda: min(turns_of(fleet)) == 1)

    assert turns_of(fleet) == [1] * len(fleet)


def test_an_hour_of_dispatches_at_once_gives_each_environment_one_turn(stage, fleet):
    for _ in range(60):
        stage.dispatch()
    stage.worker(), stage.worker()

    eventually(lambda: stage.is_idle() and min(turns_of(fleet)) == 1)

    assert turns_of(fleet) == [1] * len(fleet)


def test_killed_processes_are_replaced_though_celery_is_told_of_them_too_early(stage):
    worker = stage.worker(PYTHONPATH=stage.customized(stages.TOLD_TOO_EARLY))
    eventually(lambda: "ready" in worker.log.read_text())
    killed = worker.children()

    worker.kill_children()

    eventually(lambda: worker.children() and not set(killed) & set(worker.children()))


def test_an_environment_that_kills_workers_is_put_aside_and_the_others_go_on(
    stage, n8n, environment, connect
):
    n8n.add_many(600)
    healthy = connect(environment.base_url)
    worker = stage.worker(PYTHONPATH=stage.poison(environment))

    def is_put_aside():
        stages.as_operator(stages.EXPIRE_LEASES, stages.DUE_NOW)
        stage.dispatch()
        return state_of(environment).quarantined_at

    eventually(is_put_aside, every=0.5)
    eventually(lambda: is_copied(n8n, healthy))
    assert not worker.has_ended()
    assert "3 times in a row at the same place" in state_of(environment).quarantine_reason

    stage.heal()
    with tenant_scope(environment.tenant_id):
        release_from_quarantine(environment, actor=Actor(label="a test"))
    stage.dispatch()
    eventually(lambda: is_copied(n8n, environment))


def test_a_worker_that_is_told_to_stop_ends_at_a_page_and_keeps_its_place(stage, n8n, environment):
    n8n.add_many(20_000, every_ms=1000, errors_every=0)
    leaving = stage.worker(concurrency=1)
    stage.send_sync(environment)
    eventually(lambda: pages_of(environment) >= 3)

    leaving.ask_to_stop()
    eventually(leaving.has_ended, seconds=10)

    state = state_of(environment)
    assert (state.lease_owner, state.crashes, state.quarantined_at) == ("", 0, None)
    assert 3 <= pages_of(environment) < 80
    stage.worker(concurrency=1)
    stage.send_sync(environment)
    eventually(lambda: is_copied(n8n, environment))
    # Besides the page that was on its way, none is asked for a second time.
    assert len(cursors(n8n)) - len(set(cursors(n8n))) <= 1


def test_servers_that_keep_silent_delay_no_other(stage, n8n, environment, connect):
    n8n.add_many(600)
    silent = FakeN8n()
    silent.plan.always(fake_faults.Fault(fake_faults.Kind.SILENT))
    with FakeServer(silent) as server:
        dead = [connect(server.url) for _ in range(6)]
        with operator_scope():
            SyncState.objects.filter(environment__in=dead).update(failures=3)
        stage.worker()

        stage.dispatch()
        eventually(lambda: silent.log.total)

        eventually(lambda: is_copied(n8n, environment), seconds=10)


ITEM = {"json": {"id": 12345, "name": "Ada", "price": 1.5, "is_paid": True, "note": "x" * 40}}
FIVE_MEGABYTES = [ITEM] * 50_000
SIXTY_MEGABYTES = ["x" * 1000] * 60_000


@pytest.mark.parametrize("count", [6, pytest.param(200, marks=pytest.mark.slow)])
def test_huge_failures_leave_a_worker_small(stage, n8n, environment, count):
    for number in range(count):
        items = SIXTY_MEGABYTES if number == 3 else FIVE_MEGABYTES
        error = {"message": f"Order {number} failed", "context": {"items": items}}
        n8n.run(n8n.workflows[0].id, "error", error=error)
    worker = stage.worker(concurrency=1)
    stage.send_sync(environment)
    peaks = []

    def is_explained():
        peaks.extend(worker.peak_memory_mib())
        states = [row.detail_state for row in of(environment, Execution)]
        return len(states) == count and DetailState.PENDING not in states

    eventually(is_explained, seconds=60 + count * 2, every=0.5)
    states = Counter(row.detail_state for row in of(environment, Execution))
    assert states == {DetailState.FETCHED: count - 1, DetailState.TOO_LARGE: 1}
    assert 60 < max(peaks) < 400
    print(f"{count} failures of 5 MB, most memory of a worker: {max(peaks)} MiB")  # noqa: T201
