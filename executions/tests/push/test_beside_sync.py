"""Push and pull of one n8n: in either order, at once, and through its restarts; nothing twice."""

from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from executions import confirm, sync, verification
from executions.models import DetailState, Execution, SyncRun, SyncState
from executions.n8n.fake import FakeN8n
from executions.n8n.fake_server import client_of
from executions.n8n.payloads import RowFlag
from executions.push.otlp import PROTOBUF
from executions.push.receiving import receive
from executions.push.spans import read_spans
from executions.push.tokens import issue_token
from executions.tests.factories import EnvironmentFactory
from tenants.audit import SYSTEM
from tenants.scope import operator_scope, tenant_scope

pytestmark = pytest.mark.django_db
# As measured on n8n 2.41: a span begins up to 0.6 s after the run's own start.
LATE = timedelta(milliseconds=300)


@pytest.fixture
def n8n(monkeypatch):
    fake = FakeN8n(first_id=1000)
    fake.workflow_id = fake.add_workflow("Order sync")
    monkeypatch.setattr(sync, "open_client", lambda environment: client_of(fake))
    return fake


@pytest.fixture
def environment():
    with operator_scope():
        return EnvironmentFactory()


@pytest.fixture(autouse=True)
def scope(environment):
    with tenant_scope(environment.tenant_id):
        yield


@pytest.fixture
def turn(environment):
    def run():
        for _ in range(20):
            result = sync.run_turn(
                tenant_id=environment.tenant_id, environment_id=environment.pk, owner="test"
            )
            if not result.has_more:
                assert result.failure == ""
                return
        pytest.fail("The sync never came to an end.")

    return run


@pytest.fixture
def push(n8n, environment):
    """Tell what n8n knows of these runs now, as its traces do."""
    token, _ = issue_token(environment, actor=SYSTEM)

    def tell(*ids, status=None):
        request = ExportTraceServiceRequest()
        scope = request.resource_spans.add().scope_spans.add()
        for key in ids:
            row = n8n.row(key)
            add_run(scope, row, status or row.status, n8n.workflow(row.workflow_id).name)
        receive(token, read_spans(request, PROTOBUF))

    return tell


def add_run(scope, row, status, name):
    ended = (row.stopped_at or timezone.now()) + LATE
    span = scope.spans.add(
        name="workflow.execute",
        trace_id=int(row.id).to_bytes(16, "big"),
        span_id=int(row.id).to_bytes(8, "big"),
        start_time_unix_nano=nanoseconds(row.started_at + LATE),
        end_time_unix_nano=nanoseconds(ended),
    )
    for key, value in {
        "n8n.execution.id": row.id,
        "n8n.execution.status": status,
        "n8n.execution.mode": row.mode,
        "n8n.workflow.id": row.workflow_id,
        "n8n.workflow.name": name,
    }.items():
        span.attributes.add(key=key).value.string_value = value


def nanoseconds(moment):
    return round(moment.timestamp() * 1000) * 1_000_000


def rows(environment, **values):
    return Execution.objects.for_tenant(environment.tenant_id).filter(**values)


def confirm_now(environment):
    rows(environment).exclude(recheck_at=None).update(recheck_at=timezone.now())


def is_copied(n8n, environment):
    """Row by row, every field that n8n lists, and no row more."""
    with client_of(n8n) as client:
        since = timezone.now() - timedelta(days=environment.tenant.retention_days)
        found = verification.compare(environment, client, since=since)
    assert (found.missing, found.different) == ([], [])
    ids = list(rows(environment).values_list("n8n_execution_id", flat=True))
    assert sorted(ids) == sorted(row.id for row in n8n.rows())


def test_the_next_cycle_corrects_what_was_pushed(n8n, environment, turn, push):
    turn()
    key = n8n.run(n8n.workflow_id)
    push(key)
    pushed = rows(environment).get()

    turn()

    row = rows(environment).get()
    assert row.pk == pushed.pk
    assert pushed.started_at - row.started_at == LATE
    assert (row.flags, row.recheck_at) == (0, None)
    is_copied(n8n, environment)


def test_a_push_after_the_cycle_changes_nothing(n8n, environment, turn, push):
    key = n8n.run(n8n.workflow_id)
    turn()
    before = rows(environment).values().get()

    push(key)

    assert rows(environment).values().get() == before


def test_times_that_are_near_do_not_look_like_another_life_of_n8n(n8n, environment, turn, push):
    turn()
    old = timezone.now() - timedelta(minutes=5)
    key = n8n.run(n8n.workflow_id, at=old)
    push(key)
    rows(environment).update(started_at=old + timedelta(seconds=30))

    turn()

    assert SyncState.objects.get().epoch == 1
    is_copied(n8n, environment)


def test_a_failure_keeps_its_words_until_its_details_come(n8n, environment, turn, push):
    turn()
    key = n8n.run(n8n.workflow_id, "error", error="Order has no customer")
    push(key)
    rows(environment).update(error_message="Order has no customer", error_class="code")

    turn()

    row = rows(environment).get()
    assert row.detail_state == DetailState.FETCHED
    assert row.error_message == "Order has no customer"
    is_copied(n8n, environment)


def test_what_was_pushed_of_a_failure_outlives_its_data_in_n8n(n8n, environment, turn, push):
    turn()
    key = n8n.run(n8n.workflow_id, "error", error="Order has no customer")
    push(key)
    rows(environment).update(error_message="Order 7 has no customer", error_node="Check")
    n8n.delete(key)

    confirm_now(environment)
    turn()

    row = rows(environment).get()
    assert (row.status, row.detail_state) == ("error", DetailState.GONE)
    assert (row.error_message, row.error_node) == ("Order 7 has no customer", "Check")
    assert row.fingerprint


def test_a_run_that_outlived_many_is_corrected_although_no_cycle_passes_it(
    n8n, environment, turn, push
):
    n8n.add_many(300)
    slow = n8n.start(n8n.workflow_id)
    turn()
    for _ in range(400):
        n8n.run(n8n.workflow_id)
    turn()

    n8n.finish(slow)
    push(slow)
    ended_by_push = rows(environment, n8n_execution_id=slow).get()
    confirm_now(environment)
    turn()

    assert ended_by_push.status == "success"
    is_copied(n8n, environment)


def test_runs_that_n8n_does_not_keep_stay_and_are_looked_up_by_pages(n8n, environment, turn, push):
    turn()
    kept = n8n.run(n8n.workflow_id)
    lost = [n8n.run(n8n.workflow_id) for _ in range(120)]
    push(kept, *lost)
    for key in lost:
        n8n.delete(key)
    n8n.add_many(0)
    confirm_now(environment)
    turn()

    gone = rows(environment).exclude(gone_at=None)
    assert set(gone.values_list("n8n_execution_id", flat=True)) == set(lost)
    assert set(gone.values_list("status", "recheck_at")) == {("success", None)}
    assert rows(environment, n8n_execution_id=kept).get().gone_at is None


def test_windows_hold_what_one_page_can_show():
    made = [Execution(n8n_execution_id=str(n), id_order=n) for n in (900, 1, 249, 250, 251, 5000)]

    found = [[row.id_order for row in window] for window in confirm.windows(made)]

    assert found == [[1, 249, 250], [251], [900], [5000]]


def test_a_page_that_was_fetched_before_the_end_does_not_take_it_back(
    n8n, environment, turn, push, monkeypatch
):
    turn()
    key = n8n.start(n8n.workflow_id)
    copy_running = sync.recheck.copy_running

    def ended_meanwhile(turn):
        page = turn.client.list_executions(status="running")
        monkeypatch.setattr(turn.client, "list_executions", lambda **_: page)
        n8n.finish(key)
        push(key)
        found = copy_running(turn)
        monkeypatch.undo()
        return found

    monkeypatch.setattr(sync.recheck, "copy_running", ended_meanwhile)
    monkeypatch.setattr(sync, "_cycle", lambda turn: None)
    sync.run_turn(tenant_id=environment.tenant_id, environment_id=environment.pk, owner="test")

    assert rows(environment).get().status == "success"


def test_a_wiped_n8n_opens_its_epoch_by_the_list_and_not_by_a_push(n8n, environment, turn, push):
    n8n.add_many(50)
    turn()
    n8n.reset(first_id=1010)
    key = n8n.run(n8n.workflow_id)

    push(key)
    before = SyncState.objects.get().epoch
    turn()

    assert (before, SyncState.objects.get().epoch) == (1, 2)
    assert rows(environment, n8n_execution_id=key).count() == 2
    assert rows(environment, n8n_execution_id=key, epoch=2).get().flags & RowFlag.PUSHED == 0


def test_a_push_leaves_the_walk_where_it_was(n8n, environment, turn, push):
    n8n.add_many(50)
    turn()
    state = SyncState.objects.values().get()
    runs = list(SyncRun.objects.values())

    push(n8n.run(n8n.workflow_id))

    assert SyncState.objects.values().get() == state
    assert list(SyncRun.objects.values()) == runs


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    steps=st.lists(
        st.sampled_from(["start", "finish", "fail", "run", "push", "push_all", "turn", "recheck"]),
        min_size=4,
        max_size=16,
    )
)
def test_any_order_of_push_and_pull_ends_as_n8n_shows_it(n8n, environment, turn, push, steps):
    rows(environment).delete()
    SyncState.objects.update(epoch=1, high_water=None, high_water_at=None)
    n8n.reset(first_id=1000)
    going, ended = [], []
    for step in steps:
        if step == "start":
            going.append(n8n.start(n8n.workflow_id))
        elif step in ("finish", "fail") and going:
            ended.append(going.pop(0))
            n8n.finish(ended[-1], "success" if step == "finish" else "error")
        elif step == "run":
            ended.append(n8n.run(n8n.workflow_id))
        elif step == "push" and ended:
            push(ended[-1])
        elif step == "push_all" and ended:
            push(*ended)
        elif step == "turn":
            turn()
        elif step == "recheck":
            confirm_now(environment)
    push(*ended) if ended else None
    turn()
    confirm_now(environment)
    turn()

    is_copied(n8n, environment)
