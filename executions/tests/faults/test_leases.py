"""Who may write, and what becomes of an environment that kills whoever tries."""

import pytest
from django.db import connection
from django.utils import timezone

from executions import leases, sync, tasks, walks
from executions.environments import release_from_quarantine
from executions.models import SyncRun, SyncState
from executions.tests.factories import EnvironmentFactory
from tenants.audit import Actor
from tenants.scope import operator_scope

pytestmark = pytest.mark.django_db
LONG_AGO = timezone.now().replace(year=2020)


class Killed(BaseException):
    """As SIGKILL does it: nothing of ours runs afterwards."""


@pytest.fixture
def acquire(environment):
    def one(owner="other"):
        return leases.acquire(
            tenant_id=environment.tenant_id, environment_id=environment.pk, owner=owner
        )

    return one


@pytest.fixture
def expire(rows):
    def now():
        rows(SyncState).exclude(lease_owner="").update(lease_expires_at=LONG_AGO)

    return now


@pytest.fixture
def dying(turn, expire, monkeypatch):
    """Turns that end where something kills their worker."""

    def at(module, name, error=Killed):
        def die(*args, **values):
            raise error

        with monkeypatch.context() as patched:
            patched.setattr(module, name, die)
            with pytest.raises(error):
                turn()
        expire()

    return at


def test_a_lease_is_taken_over_when_its_term_is_over_and_not_before(acquire, rows):
    first = acquire("first")

    assert acquire("second") is None
    left = (rows(SyncState).get().lease_expires_at - timezone.now()).total_seconds()
    assert 50 < left <= 61

    rows(SyncState).update(lease_expires_at=LONG_AGO)
    assert acquire("second").token == first.token + 1


def test_the_same_task_twice_asks_n8n_once(n8n, environment, turn, acquire):
    n8n.add_many(300)
    assert acquire("first")

    assert turn().ran is False

    assert n8n.log.total == 0


def test_a_worker_that_lost_its_lease_within_a_turn_writes_nothing(
    n8n, turn, acquire, rows, monkeypatch
):
    n8n.add_many(1500)
    write = walks._write

    def overtaken(turn, run, pages):
        if run.pages == 1:
            rows(SyncState).update(lease_expires_at=LONG_AGO)
            assert acquire("second")
        return write(turn, run, pages)

    monkeypatch.setattr(walks, "_write", overtaken)

    assert turn().ran is False

    assert rows().count() == 250
    assert rows(SyncRun).get().pages == 1
    assert rows(SyncState).get().lease_owner == "second"


def test_a_write_that_stands_still_is_ended_by_the_database(acquire, environment):
    lease = acquire()

    with leases.writing(lease), connection.cursor() as cursor:
        cursor.execute("SHOW idle_in_transaction_session_timeout")
        assert cursor.fetchone() == ("1min",)


def test_three_deaths_at_the_same_place_put_an_environment_in_quarantine(n8n, turn, rows, dying):
    n8n.add_many(300)

    for _ in range(3):
        dying(walks, "_write")

    assert turn().ran is False
    state = rows(SyncState).get()
    assert state.quarantined_at is not None
    assert "3 times" in state.quarantine_reason
    assert state.lease_owner == ""


def test_a_raised_fault_that_nobody_foresaw_counts_and_is_named(n8n, turn, rows, dying):
    n8n.add_many(300)

    for _ in range(3):
        dying(walks, "_write", ZeroDivisionError)

    assert turn().ran is False
    assert "ZeroDivisionError" in rows(SyncState).get().quarantine_reason


def test_a_page_deep_in_the_past_that_kills_its_worker_is_found_out(
    n8n, turn, rows, dying, monkeypatch
):
    n8n.add_many(1500, every_ms=60_000)
    write = walks._write

    def poison(turn, run, pages):
        if run.lowest_order is not None and run.lowest_order < 1800:
            raise Killed
        return write(turn, run, pages)

    for _ in range(3):
        n8n.run(n8n.workflow_id)
        with monkeypatch.context() as patched:
            patched.setattr(walks, "_write", poison)
            with pytest.raises(Killed):
                turn()
        rows(SyncState).update(lease_expires_at=LONG_AGO)

    assert turn().ran is False
    assert rows(SyncState).get().crash_place.startswith("page at ")


def test_deaths_at_different_places_do_not(n8n, turn, rows, dying, stored, truth):
    n8n.add_many(300)
    for module, name in [(walks, "_write"), (sync, "probe_missing_ids"), (walks, "_write")] * 2:
        n8n.run(n8n.workflow_id)
        dying(module, name)

    assert turn().ran is True

    assert stored() == truth()
    assert rows(SyncState).get().crashes == 0


def test_a_released_environment_is_copied_again(n8n, environment, turn, dying, stored, truth):
    n8n.add_many(300)
    for _ in range(3):
        dying(walks, "_write")
    assert turn().ran is False

    release_from_quarantine(environment, actor=Actor(label="a test"))

    assert turn().ran is True
    assert stored() == truth()


def test_each_due_environment_is_dispatched_once_whoever_asks(monkeypatch, environment):
    sent = []
    monkeypatch.setattr(tasks, "enqueue_sync", lambda *ids: sent.append(ids))

    for _ in range(3):
        tasks.dispatch_syncs()

    assert sent == [(environment.tenant_id, environment.pk)]


def test_after_a_long_silence_each_environment_is_dispatched_once(monkeypatch, rows):
    sent = []
    monkeypatch.setattr(tasks, "enqueue_sync", lambda *ids: sent.append(ids))
    rows(SyncState).update(due_at=LONG_AGO)

    for _ in range(3):
        tasks.dispatch_syncs()

    assert len(sent) == 1


@pytest.mark.parametrize(
    "forbidden", [(), ("hashjoin", "mergejoin", "material", "hashagg", "sort")]
)
def test_environments_that_keep_failing_are_tried_one_at_a_time_by_any_plan(
    monkeypatch, environment, forbidden
):
    sent = []
    monkeypatch.setattr(tasks, "enqueue_sync", lambda *ids: sent.append(ids))
    with connection.cursor() as cursor:
        for way in forbidden:
            cursor.execute(f"SET LOCAL enable_{way} = off")
    with operator_scope():
        dead = [EnvironmentFactory(tenant=environment.tenant) for _ in range(5)]
        SyncState.objects.filter(environment__in=dead).update(failures=7, due_at=LONG_AGO)

    tasks.dispatch_syncs()

    assert (environment.tenant_id, environment.pk) in sent
    assert len(sent) == 2
