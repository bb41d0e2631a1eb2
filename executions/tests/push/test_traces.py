"""Traces of n8n to executions: alone, twice, in any order, and beside what sync copies."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import TestCase
from django.utils import timezone
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from executions.grouping.fingerprint import rule_key_of
from executions.models import DetailState, DirtyHour, Execution, RunSpan, SyncState, Workflow
from executions.n8n.payloads import RowFlag
from executions.normalize import normalize
from executions.push.models import PushToken
from executions.push.otlp import PROTOBUF, read_request
from executions.push.spans import read_spans
from executions.signals import executions_ingested
from executions.tests.factories import ExecutionFactory
from executions.tests.push.conftest import changed, only, sample, spans_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("scope")]


def stored(environment, key=None):
    rows = Execution.objects.for_tenant(environment.tenant_id).filter(
        environment_id=environment.pk, **({"n8n_execution_id": key} if key else {})
    )
    return rows.get()


def nodes(environment):
    rows = RunSpan.objects.for_tenant(environment.tenant_id).exclude(span_id="")
    return list(rows.order_by("started_at", "place"))


def test_a_run_becomes_an_execution(send, environment):
    answer = send(sample("success.pb"))

    row = stored(environment)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer["Content-Type"] == "application/x-protobuf"
    assert (row.n8n_execution_id, row.id_order, row.epoch) == ("5000002", 5000002, 1)
    assert (row.status, row.normalized_status, row.mode) == ("success", "success", "webhook")
    assert row.workflow_name == "Orders: intake"
    assert row.workflow_id and row.workflow_version_id
    assert row.finished_at - row.started_at == timedelta(milliseconds=row.execution_time)
    assert row.flags == RowFlag.PUSHED
    assert row.recheck_at > timezone.now()


def test_its_hour_is_marked_and_the_others_are_told_after_the_commit(send, environment):
    heard = []
    executions_ingested.connect(lambda **told: heard.append(told), weak=False, dispatch_uid="test")
    try:
        with TestCase.captureOnCommitCallbacks(execute=True):
            send(sample("success.pb"))
            assert heard == []
    finally:
        executions_ingested.disconnect(dispatch_uid="test")

    row = stored(environment)
    assert [told["execution_ids"] for told in heard] == [(row.pk,)]
    assert heard[0]["environment_id"] == environment.pk
    hours = DirtyHour.objects.values_list("hour", flat=True)
    assert list(hours) == [row.started_at.replace(minute=0, second=0, microsecond=0)]


def test_a_failure_has_its_words_node_class_and_group(send, environment):
    send(sample("code-throws.pb"))

    row = stored(environment)
    assert (row.status, row.error_class) == ("error", "code")
    assert row.error_message == "Order has no customer_id [line 3]"
    assert (row.error_node, row.error_node_type) == ("Check order", "n8n-nodes-base.code")
    assert row.fingerprint
    assert row.detail_state == DetailState.PENDING


def test_a_general_sentence_makes_no_group_before_its_details_are_there(send, environment):
    send(sample("http-500.pb"))

    row = stored(environment)
    assert row.error_message == "The service was not able to process your request"
    assert rule_key_of(row.fingerprint) == "unknown.reason_pending"
    assert row.detail_state == DetailState.PENDING


def test_the_same_body_twice_changes_nothing(send, environment):
    send(sample("mixed.pb"))
    before = list(Execution.objects.order_by("id").values())
    spans = RunSpan.objects.count()

    send(sample("mixed.pb"))

    assert list(Execution.objects.order_by("id").values()) == before
    assert RunSpan.objects.count() == spans
    assert len(before) == 40


def test_a_waiting_run_is_followed_and_its_end_keeps_the_first_start(send, environment):
    send(sample("waiting.pb"))
    waiting = stored(environment)
    request = resumed(sample("waiting.pb"))

    send(request)

    row = stored(environment)
    assert (waiting.status, waiting.finished_at) == ("waiting", None)
    assert waiting.recheck_at is not None
    assert (row.status, row.started_at) == ("success", waiting.started_at)
    assert row.finished_at - row.started_at >= timedelta(hours=6)


def resumed(body):
    """The run's end six hours later, as n8n tells it: with a link, from where it went on."""
    request = ExportTraceServiceRequest.FromString(
        changed(only(body, "workflow.execute"), status="success")
    )
    span = spans_of(request)[0]
    span.links.add(trace_id=span.trace_id, span_id=span.span_id)
    span.span_id = b"resumed!"
    span.start_time_unix_nano += 6 * 3600 * 10**9
    span.end_time_unix_nano += 6 * 3600 * 10**9 + 10**6
    return request.SerializeToString()


def test_a_final_state_is_never_taken_back(send, environment):
    send(sample("success.pb"))

    for status in ("waiting", "running", "error"):
        send(changed(sample("success.pb"), status=status))

    assert stored(environment).status == "success"


def test_what_was_listed_is_not_changed_by_a_late_span(send, environment):
    row = ExecutionFactory(
        tenant=environment.tenant,
        environment_id=environment.pk,
        n8n_execution_id="5000002",
        workflow_id="",
    )
    before = Execution.objects.filter(pk=row.pk).values().get()

    send(sample("success.pb"))

    assert Execution.objects.filter(pk=row.pk).values().get() == before
    assert Execution.objects.count() == 1
    assert {span.execution_id for span in nodes(environment)} == {row.pk}


def test_a_running_row_ends_by_its_span_and_keeps_n8ns_own_start(send, environment):
    began = datetime(2026, 11, 24, 16, 40, tzinfo=UTC)
    ExecutionFactory(
        tenant=environment.tenant,
        environment_id=environment.pk,
        n8n_execution_id="5000002",
        workflow_id="",
        status="running",
        started_at=began,
        finished_at=None,
        execution_time=None,
        occurred_at=began,
    )

    send(sample("success.pb"))

    row = stored(environment)
    assert (row.status, row.started_at, row.occurred_at) == ("success", began, began)
    assert row.recheck_at is not None


def test_a_retry_heals_its_original(send, environment):
    ExecutionFactory(
        tenant=environment.tenant,
        environment_id=environment.pk,
        n8n_execution_id="5000068",
        status="error",
    )
    retried = changed(sample("retried.pb"), status="success")

    send(retried)

    original = Execution.objects.get(n8n_execution_id="5000068")
    assert Execution.objects.get(n8n_execution_id="5000086").retry_of == "5000068"
    assert original.retry_success_id == "5000086"


def test_the_listed_name_of_a_workflow_goes_before_the_told_one(send, environment):
    send(sample("waiting.pb"))
    workflow_id = stored(environment).workflow_id
    Execution.objects.all().delete()
    Workflow.objects.create(
        tenant=environment.tenant,
        environment=environment,
        workflow_id=workflow_id,
        name="Renamed",
        seen_at=timezone.now(),
    )

    send(sample("waiting.pb"))

    assert stored(environment).workflow_name == "Renamed"


# --- Lives of n8n ----------------------------------------------------------------------------


def life(environment, **values):
    SyncState.objects.filter(environment=environment).update(**values)


def test_a_late_span_of_an_older_life_finds_its_row_and_changes_nothing(send, environment):
    send(sample("success.pb"))
    Execution.objects.update(epoch=1, flags=0, recheck_at=None)
    life(environment, epoch=2)

    send(sample("success.pb"))

    assert stored(environment).epoch == 1


def test_an_id_that_another_workflow_had_is_new_in_the_newest_life(send, environment):
    ExecutionFactory(
        tenant=environment.tenant,
        environment_id=environment.pk,
        n8n_execution_id="5000002",
        workflow_id="of-an-older-life",
    )
    life(environment, epoch=2)

    send(sample("success.pb"))

    rows = Execution.objects.order_by("epoch").values_list("epoch", "n8n_execution_id")
    assert list(rows) == [(1, "5000002"), (2, "5000002")]


def test_an_id_that_stands_for_another_run_now_is_left_to_the_list(send, environment):
    row = ExecutionFactory(
        tenant=environment.tenant,
        environment_id=environment.pk,
        n8n_execution_id="5000002",
        workflow_id="another",
    )

    answer = send(sample("success.pb"))

    assert answer.status_code == 200
    assert stored(environment).workflow_id == row.workflow_id
    assert RunSpan.objects.exclude(execution_id=None).count() == 0


def test_an_unknown_low_id_that_began_last_is_left_to_the_list(send, environment):
    """It may be of an n8n that was wiped, which the next cycle will find out."""
    life(environment, high_water=6_000_000, high_water_at=datetime(2026, 11, 1, tzinfo=UTC))

    send(sample("success.pb"))

    assert Execution.objects.count() == 0


def test_what_is_older_than_is_kept_is_not_stored(send, environment, monkeypatch):
    later = datetime(2037, 1, 1, tzinfo=UTC)
    monkeypatch.setattr("executions.push.receiving.timezone.now", lambda: later)

    send(sample("success.pb"))

    assert Execution.objects.count() == 0


# --- Nodes -----------------------------------------------------------------------------------


def test_nodes_have_their_times_and_items(send, environment):
    send(sample("success.pb"))

    row = stored(environment)
    found = nodes(environment)
    assert [node.node for node in found] == ["Webhook", "Normalise", "Get stock", "Total"]
    assert {node.execution_id for node in found} == {row.pk}
    assert found[2].node_type == "n8n-nodes-base.httpRequest"
    assert (found[2].items_in, found[2].items_out, found[2].failed) == (1, 1, False)
    assert all(0 <= node.duration_ms < 60_000 for node in found)


@pytest.mark.parametrize("first", ["node.execute", "workflow.execute"])
def test_nodes_and_their_run_come_in_either_order(send, environment, first):
    body = sample("success.pb")
    names = ["node.execute", "workflow.execute"]

    for name in sorted(names, key=lambda name: name != first):
        send(only(body, name))

    assert {node.execution_id for node in nodes(environment)} == {stored(environment).pk}
    assert len(nodes(environment)) == 4


def test_a_child_keeps_its_nodes_apart_from_its_parents(send, environment):
    send(sample("parent-and-child.pb"))

    by_run = {}
    for node in nodes(environment):
        by_run.setdefault(node.execution_id, []).append(node.node)
    names = {row.workflow_name: sorted(by_run[row.pk]) for row in Execution.objects.all()}
    assert names == {
        "Child: price": ["Price", "When called"],
        "Parent: quote": ["Call child", "Quote", "Webhook"],
    }


def test_of_a_run_that_loops_only_the_first_nodes_are_kept(send, environment, monkeypatch):
    monkeypatch.setattr("executions.push.nodes.MOST_OF_A_RUN", 3)

    send(sample("success.pb"))

    assert len(nodes(environment)) == 2  # And the run's own row.


# --- What is told of it ----------------------------------------------------------------------


def test_arrivals_are_counted_by_the_day(send, environment):
    send(sample("mixed.pb"))
    send(sample("success.pb"))

    token = PushToken.objects.get()
    assert token.traces_at is not None and token.errors_at is None
    assert (token.runs_counted, token.counted_on) == (41, timezone.now().date())


def test_a_status_that_nobody_knows_is_kept_as_it_is(send, environment):
    send(changed(sample("success.pb"), status="exploded"))

    row = stored(environment)
    assert (row.status, row.normalized_status) == ("exploded", "unknown")


def test_normalize_is_the_same_for_told_and_listed_runs(send, environment):
    """Guards the one way in: what is stored is what normalize makes of the payload."""
    [run] = read_spans(read_request(sample("success.pb"), PROTOBUF), PROTOBUF).runs
    send(sample("success.pb"))

    row, record = stored(environment), normalize(run.payload)
    assert (row.execution_time, row.flags) == (record.execution_time_ms, record.flags)
