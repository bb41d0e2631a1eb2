"""One environment against a stand-in n8n, turn by turn."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from django.db import connection
from django.utils import timezone

from executions import leases, recheck, sync
from executions.grouping.fingerprint import rule_key_of
from executions.models import (
    Coverage,
    DetailState,
    Environment,
    Execution,
    Health,
    SyncRun,
    SyncState,
    Workflow,
)
from executions.n8n import fake_faults
from executions.n8n.errors import Unreachable
from executions.n8n.fake import FakeN8n
from executions.n8n.fake_server import client_of
from executions.tests.factories import EnvironmentFactory
from tenants.models import Tenant
from tenants.scope import operator_scope, tenant_scope

pytestmark = pytest.mark.django_db


@pytest.fixture
def n8n(monkeypatch):
    fake = FakeN8n(first_id=1000)
    fake.workflow_id = fake.add_workflow("Order sync", tags=["sales"])
    monkeypatch.setattr(sync, "open_client", lambda environment: client_of(fake))
    return fake


@pytest.fixture
def environment():
    with operator_scope():
        return EnvironmentFactory()


@pytest.fixture
def turn(environment):
    """Do a turn, and more while there is more to do at once."""

    def run(**changes):
        if changes:
            rows(environment, SyncState).update(**changes)
        for _ in range(20):
            result = sync.run_turn(
                tenant_id=environment.tenant_id, environment_id=environment.pk, owner="test"
            )
            if not result.has_more:
                return result
        pytest.fail("The sync never came to an end.")

    return run


@pytest.fixture(autouse=True)
def scope(environment):
    with tenant_scope(environment.tenant_id):
        yield


def rows(environment, model=Execution):
    return model.objects.for_tenant(environment.tenant_id)


def stored(environment):
    return {row.n8n_execution_id: row.status for row in rows(environment)}


def truth(fake):
    return {row.id: row.status for row in fake.rows()}


def recheck_now(environment):
    rows(environment).exclude(recheck_at=None).update(recheck_at=timezone.now())


def probe_now():
    with connection.cursor() as cursor:
        cursor.execute("UPDATE executions_missingid SET probe_at = now() - interval '1 s'")


def test_the_first_load_copies_everything_that_is_kept(n8n, environment, turn):
    n8n.add_many(1200, every_ms=60_000)

    result = turn()

    assert (result.ran, result.failure) == (True, "")
    assert stored(environment) == truth(n8n)
    assert rows(environment, Environment).get().health == Health.REACHABLE
    assert rows(environment, Workflow).get().tags == ["sales"]
    assert set(rows(environment).values_list("workflow_name", flat=True)) == {"Order sync"}


def test_what_is_older_than_the_retention_is_neither_stored_nor_asked_for(n8n, environment, turn):
    n8n.add_many(5000, every_ms=3_600_000)
    kept = environment.tenant.retention_days * 24

    turn()

    assert abs(rows(environment).count() - kept) <= 1
    assert rows(environment, SyncRun).get().pages < 4


def test_a_second_turn_changes_nothing(n8n, environment, turn):
    n8n.add_many(600)
    turn()
    before = list(rows(environment).order_by("id").values())

    turn()

    assert list(rows(environment).order_by("id").values()) == before
    last = rows(environment, SyncRun).first()
    assert (last.rows_new, last.rows_changed, last.state) == (0, 0, SyncRun.State.DONE)


def test_new_runs_are_copied_by_the_next_cycle(n8n, environment, turn):
    n8n.add_many(300)
    turn()

    for _ in range(3):
        n8n.run(n8n.workflow_id)
    turn()

    assert stored(environment) == truth(n8n)


def test_a_run_that_outlives_younger_ones_ends_as_n8n_shows_it(n8n, environment, turn):
    n8n.add_many(300)
    slow = n8n.start(n8n.workflow_id)
    turn()
    assert stored(environment)[slow] == "running"

    for _ in range(400):
        n8n.run(n8n.workflow_id)
    n8n.finish(slow)
    recheck_now(environment)
    turn()

    assert stored(environment) == truth(n8n)


def test_a_run_that_was_in_neither_list_is_found_by_its_id(n8n, environment, turn):
    n8n.add_many(10)
    turn()
    hidden = n8n.start(n8n.workflow_id)
    n8n.dialect.lists_running = False
    for _ in range(300):
        n8n.run(n8n.workflow_id)
    turn()
    assert hidden not in stored(environment)

    n8n.finish(hidden)
    probe_now()
    turn()

    assert stored(environment)[hidden] == "success"


def test_a_run_that_a_first_load_could_not_see_is_found_by_its_id(
    n8n, environment, turn, monkeypatch
):
    """It begins after the list of running ones was read, and has no end when its page is."""
    n8n.add_many(10)
    began = []

    def copy_and_begin(turn):
        running = recheck.copy_running(turn)
        began.append(n8n.start(n8n.workflow_id))
        n8n.add_many(300, until=timezone.now(), every_ms=1)
        return running

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(sync, "recheck", SimpleNamespace(**vars(recheck)))
        meanwhile.setattr(sync.recheck, "copy_running", copy_and_begin)
        turn()
    n8n.finish(began[0])
    turn()
    assert began[0] not in stored(environment)

    probe_now()
    turn()

    assert stored(environment) == truth(n8n)


def test_an_n8n_that_refuses_to_list_running_ones_is_asked_once(n8n, environment, turn):
    n8n.dialect.lists_running = False
    n8n.add_many(10)

    turn()
    turn()

    assert rows(environment, SyncState).get().capabilities["lists_running"] is False
    asked = [entry for entry in n8n.log.entries if entry.query.get("status") == "running"]
    assert len(asked) == 1


def test_a_waiting_run_that_resumes_ends_as_n8n_shows_it(n8n, environment, turn):
    waiting = n8n.start(n8n.workflow_id)
    n8n.wait(waiting, timezone.now() + timedelta(hours=1))
    turn()
    row = rows(environment).get()
    assert (row.normalized_status, row.finished_at, row.execution_time) == ("waiting", None, None)

    n8n.begin(waiting)
    n8n.finish(waiting)
    recheck_now(environment)
    turn()

    assert rows(environment).get().normalized_status == "success"


def test_a_queued_run_gets_its_start_when_it_begins(n8n, environment, turn):
    queued = n8n.queue(n8n.workflow_id)
    turn()
    assert rows(environment).get().started_at is None

    n8n.begin(queued)
    n8n.finish(queued)
    recheck_now(environment)
    turn()

    row = rows(environment).get()
    assert row.status == "success"
    assert row.occurred_at == row.started_at


def test_a_successful_retry_sets_the_link_on_the_old_row(n8n, environment, turn):
    failed = n8n.run(n8n.workflow_id, "error", error="timeout")
    n8n.add_many(600)
    turn()

    retry = n8n.run(n8n.workflow_id, mode="retry", retry_of=failed)
    turn()

    assert rows(environment).get(n8n_execution_id=failed).retry_success_id == retry


def test_crashed_runs_are_corrected(n8n, environment, turn):
    running = n8n.start(n8n.workflow_id)
    turn()

    n8n.crash_running()
    recheck_now(environment)
    turn()

    row = rows(environment).get(n8n_execution_id=running)
    assert (row.status, row.normalized_status) == ("crashed", "error")
    assert row.error_class


def test_a_running_one_that_n8n_no_longer_has_is_gone_and_unknown(n8n, environment, turn):
    running = n8n.start(n8n.workflow_id)
    turn()

    n8n.delete(running)
    recheck_now(environment)
    turn()

    row = rows(environment).get()
    assert row.gone_at is not None
    assert (row.status, row.normalized_status) == ("running", "unknown")


def test_failures_get_message_node_class_and_group(n8n, environment, turn):
    n8n.run(n8n.workflow_id, "error", error="unauthorized")

    turn()

    row = rows(environment).get()
    assert row.detail_state == DetailState.FETCHED
    assert row.error_message
    assert row.error_node
    assert row.error_class == "auth"
    assert len(row.fingerprint) == 32
    assert ["status", "401"] in row.error_values


def test_a_failure_whose_data_are_gone_is_marked_and_not_asked_for_again(n8n, environment, turn):
    failed = n8n.run(n8n.workflow_id, "error", error="timeout")
    n8n.drop_data(failed)
    turn()
    asked = len(n8n.log.entries)

    turn()

    row = rows(environment).get()
    assert (row.detail_state, row.error_message) == (DetailState.GONE, "")
    assert rule_key_of(row.fingerprint) == "unknown.reason_gone"
    later = list(n8n.log.entries)[asked:]
    assert [entry for entry in later if "includeData" in entry.query] == []


def test_a_failure_that_n8n_takes_back_loses_its_error(n8n, environment, turn):
    healed = n8n.run(n8n.workflow_id, "error", error="timeout")
    turn()

    n8n.finish(healed, "success")
    turn()

    row = rows(environment).get()
    assert (row.normalized_status, row.error_message, row.fingerprint) == ("success", "", "")


def test_many_failures_side_by_side_are_fetched_by_windows(n8n, environment, turn):
    for _ in range(40):
        n8n.run(n8n.workflow_id, "error", error="timeout")

    turn()

    singles = [entry for entry in n8n.log.entries if "/executions/" in entry.path]
    assert rows(environment).filter(detail_state=DetailState.FETCHED).count() == 40
    assert singles == []


def test_a_wiped_n8n_opens_a_new_epoch_and_overwrites_nothing(n8n, environment, turn):
    n8n.add_many(300)
    turn()
    before = set(rows(environment).values_list("id", "started_at"))

    n8n.reset(first_id=1)
    n8n.run(n8n.workflow_id, at=timezone.now() + timedelta(seconds=5))
    turn()

    assert rows(environment, SyncState).get().epoch == 2
    assert before < set(rows(environment).values_list("id", "started_at"))
    assert rows(environment).filter(epoch=2).count() == 1


def test_a_wiped_n8n_whose_ids_meet_the_old_ones_opens_a_new_epoch(n8n, environment, turn):
    n8n.add_many(300)
    turn()

    n8n.reset(first_id=1000)
    for _ in range(5):
        n8n.run(n8n.workflow_id, at=timezone.now() + timedelta(seconds=5))
    turn()

    assert rows(environment).filter(epoch=1).count() == 300
    assert rows(environment).filter(epoch=2).count() == 5


def test_a_restored_backup_doubles_nothing_that_both_lives_share(n8n, environment, turn):
    n8n.add_many(300, until=timezone.now() - timedelta(hours=1))
    backup = n8n.backup()
    for _ in range(20):
        n8n.run(n8n.workflow_id, at=timezone.now() - timedelta(minutes=30))
    turn()

    n8n.restore(backup)
    for _ in range(7):
        n8n.run(n8n.workflow_id, at=timezone.now() + timedelta(seconds=5))
    turn()

    assert rows(environment).filter(epoch=1).count() == 320
    assert rows(environment).filter(epoch=2).count() == 7


def test_deleting_the_newest_rows_in_n8n_opens_no_epoch(n8n, environment, turn):
    n8n.add_many(300)
    turn()

    for row in list(n8n.rows())[:5]:
        n8n.delete(row.id)
    turn()

    assert rows(environment, SyncState).get().epoch == 1
    assert rows(environment).count() == 300


def test_a_raised_retention_fetches_the_past_that_was_left_out(n8n, environment, turn):
    n8n.add_many(500, every_ms=3_600_000)
    turn()
    first = rows(environment).count()

    with operator_scope():
        Tenant.objects.filter(pk=environment.tenant_id).update(retention_days=14)
    turn()

    assert first < 200
    assert abs(rows(environment).count() - 14 * 24) <= 1


def test_a_load_that_was_cut_off_goes_on_where_it_stopped(n8n, environment, turn, monkeypatch):
    n8n.add_many(3000, every_ms=1000)
    monkeypatch.setattr(sync, "TURN", timedelta(0))
    sync.run_turn(tenant_id=environment.tenant_id, environment_id=environment.pk, owner="first")
    assert 0 < rows(environment).count() < 3000

    monkeypatch.undo()
    monkeypatch.setattr(sync, "open_client", lambda environment: client_of(n8n))
    n8n.run(n8n.workflow_id)
    turn()

    assert stored(environment) == truth(n8n)
    whole = rows(environment, SyncRun).filter(kind=SyncRun.Kind.HISTORY).get()
    assert (whole.rows_seen, whole.state) == (3000, SyncRun.State.DONE)


def test_reasons_that_n8n_always_fails_over_do_not_hold_up_the_past(
    n8n, environment, turn, monkeypatch
):
    n8n.add_many(3000, every_ms=1000)
    with monkeypatch.context() as brief:
        brief.setattr(sync, "TURN", timedelta(0))
        sync.run_turn(tenant_id=environment.tenant_id, environment_id=environment.pk, owner="first")

    def fail(*_):
        raise Unreachable("n8n.example")

    monkeypatch.setattr(sync.details, "fetch_details", fail)
    for _ in range(2):
        assert turn().failure

    assert stored(environment) == truth(n8n)


def test_coverage_grows_from_the_oldest_row_to_now_without_a_gap(n8n, environment, turn):
    n8n.add_many(1200, every_ms=60_000)
    turn()
    turn()

    stretch = rows(environment, Coverage).get()
    oldest = rows(environment).order_by("started_at").first()
    assert stretch.from_at <= oldest.started_at
    assert timezone.now() - stretch.to_at < timedelta(minutes=1)


def test_what_n8n_pruned_before_it_was_seen_stays_a_gap(n8n, environment, turn):
    n8n.add_many(300, until=timezone.now() - timedelta(hours=2), every_ms=1000)
    turn()
    rows(environment, Coverage).update(to_at=timezone.now() - timedelta(hours=2))
    rows(environment, SyncState).update(high_water_at=timezone.now() - timedelta(hours=2))

    n8n.add_many(2000, every_ms=1000)
    n8n.prune(keep=500)
    turn()

    assert rows(environment, Coverage).count() == 2


def test_a_rejected_key_is_told_and_not_hammered(n8n, environment, turn, monkeypatch):
    monkeypatch.setattr(sync, "open_client", lambda environment: client_of(n8n, api_key="wrong"))

    result = turn()

    state = rows(environment, SyncState).get()
    assert "rejected the API key" in result.failure
    assert rows(environment, Environment).get().health == Health.KEY_REJECTED
    assert state.due_at - timezone.now() > timedelta(minutes=4)


@pytest.mark.parametrize(
    ("fault", "health"),
    [
        (fake_faults.status(503), Health.UNREACHABLE),
        (fake_faults.status(429, retry_after="120"), Health.RATE_LIMITED),
        (fake_faults.html_page(), Health.NOT_N8N),
        (fake_faults.status(403), Health.SCOPE_MISSING),
    ],
)
def test_a_fault_names_itself_and_heals_with_the_next_good_turn(
    n8n, environment, turn, fault, health
):
    n8n.add_many(10)
    n8n.plan.always(fault, path="/api/v1/executions")
    failed = turn()
    assert failed.failure
    assert rows(environment, Environment).get().health == health

    n8n.plan.clear()
    turn()

    assert rows(environment, Environment).get().health == Health.REACHABLE
    assert stored(environment) == truth(n8n)


def test_the_daily_comparison_finds_what_n8n_deleted(n8n, environment, turn):
    n8n.add_many(700)
    turn()
    deleted = [row.id for row in n8n.rows()][300:303]
    for row_id in deleted:
        n8n.delete(row_id)

    turn(reconciled_at=timezone.now() - timedelta(days=2))
    turn()

    gone = rows(environment).exclude(gone_at=None)
    assert sorted(gone.values_list("n8n_execution_id", flat=True)) == sorted(deleted)
    assert set(gone.values_list("normalized_status", flat=True)) <= {"success", "error"}
    assert rows(environment).count() == 700
    assert rows(environment).exclude(recheck_at=None).count() == 0


def test_a_paused_environment_is_left_alone(n8n, environment, turn):
    rows(environment, Environment).update(is_paused=True)

    assert turn().ran is False
    assert not n8n.log.entries


def test_a_second_worker_finds_the_lease_taken(n8n, environment, turn):
    lease = leases.acquire(
        tenant_id=environment.tenant_id, environment_id=environment.pk, owner="other"
    )

    assert lease is not None
    assert turn().ran is False


def test_a_worker_whose_lease_was_taken_over_writes_nothing(n8n, environment):
    slow = leases.acquire(
        tenant_id=environment.tenant_id, environment_id=environment.pk, owner="slow"
    )
    rows(environment, SyncState).update(lease_expires_at=datetime(2020, 1, 1, tzinfo=UTC))
    leases.acquire(tenant_id=environment.tenant_id, environment_id=environment.pk, owner="fast")

    with pytest.raises(leases.LeaseLost), leases.writing(slow):
        pass


def test_three_deaths_in_a_row_put_an_environment_in_quarantine(n8n, environment, turn):
    for _ in range(4):
        leases.acquire(
            tenant_id=environment.tenant_id, environment_id=environment.pk, owner="dying"
        )
        rows(environment, SyncState).update(lease_expires_at=datetime(2020, 1, 1, tzinfo=UTC))

    assert turn().ran is False
    state = rows(environment, SyncState).get()
    assert state.quarantined_at is not None
    assert "died 3 times" in state.quarantine_reason
