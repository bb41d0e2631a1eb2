"""Failures that n8n's Error Trigger posts, alone and beside traces and lists."""

import json

import pytest

from executions.models import DetailState, Execution
from executions.n8n.payloads import RowFlag
from executions.tests.factories import ExecutionFactory
from executions.tests.push.conftest import ERRORS, changed, sample

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("scope")]

TRIGGER_FAILURE = {
    "trigger": {
        "error": {
            "name": "NodeOperationError",
            "message": "Credentials not found",
            "timestamp": 1795539420604,
            "node": {"name": "IMAP", "type": "n8n-nodes-base.emailReadImap"},
        },
        "mode": "trigger",
    },
    "workflow": {"id": "wf7", "name": "Mail in"},
}


def failure(**execution):
    told = json.loads(sample("error-trigger-http-500.json"))
    told["execution"] |= execution
    return json.dumps(told)


def test_a_failure_becomes_an_execution_with_its_group(send, environment):
    answer = send(failure(), to=ERRORS)

    row = Execution.objects.get()
    assert (answer.status_code, answer.json()) == (202, {"accepted": 1})
    assert (row.n8n_execution_id, row.status, row.mode) == ("5000099", "error", "webhook")
    assert row.workflow_name == "Billing: server error"
    assert (row.started_at, row.occurred_at) == (None, row.finished_at)
    assert (row.error_class, row.error_code) == ("server_error", "500")
    assert (row.error_node, row.error_node_type) == ("Charge", "n8n-nodes-base.httpRequest")
    assert "database is on fire" in row.error_template
    assert row.fingerprint
    assert (row.flags & RowFlag.PUSHED, row.detail_state) == (RowFlag.PUSHED, DetailState.PENDING)


def test_it_is_told_once_however_often_it_is_posted(send):
    send(failure(), to=ERRORS)
    before = Execution.objects.values().get()

    send(failure(), to=ERRORS)

    assert Execution.objects.values().get() | {"updated_at": 0} == before | {"updated_at": 0}


@pytest.mark.parametrize("trigger_first", [True, False])
def test_trace_and_trigger_make_one_row_with_the_best_of_both(send, trigger_first):
    told = json.loads(failure(id="5000003"))
    trace = changed(sample("http-500.pb"), workflow_id=told["workflow"]["id"])

    def by_trigger():
        send(json.dumps(told), to=ERRORS)

    def by_trace():
        send(trace)

    for way in (by_trigger, by_trace) if trigger_first else (by_trace, by_trigger):
        way()

    row = Execution.objects.get()
    assert row.started_at is not None and row.execution_time is not None
    assert (row.error_class, row.error_node) == ("server_error", "Charge")
    assert row.fingerprint


def test_what_the_details_queue_fetched_stays(send, environment):
    ExecutionFactory(
        tenant=environment.tenant,
        environment_id=environment.pk,
        n8n_execution_id="5000099",
        workflow_id="",
        status="error",
        detail_state=DetailState.FETCHED,
        error_message="All that n8n knows",
    )

    send(failure(), to=ERRORS)

    assert Execution.objects.get().error_message == "All that n8n knows"


def test_a_trigger_that_failed_before_a_run_is_kept_once(send):
    for _ in range(2):
        answer = send(json.dumps(TRIGGER_FAILURE), to=ERRORS)

    row = Execution.objects.get()
    assert answer.status_code == 202
    assert row.n8n_execution_id.startswith("trigger-")
    assert (row.status, row.mode, row.workflow_name) == ("error", "trigger", "Mail in")
    assert (row.error_class, row.error_node) == ("credentials", "IMAP")
    # n8n has no run of it: nothing to fetch, to confirm or to ask for.
    assert (row.detail_state, row.recheck_at, row.id_order) == (DetailState.FETCHED, None, None)
    assert not row.flags & RowFlag.PUSHED


def test_a_list_of_failures_is_taken(send):
    body = [json.loads(failure(id="1")), json.loads(failure(id="2")), TRIGGER_FAILURE]

    answer = send(json.dumps(body), to=ERRORS)

    assert answer.json() == {"accepted": 3}
    assert Execution.objects.count() == 3


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("no json", "is not JSON"),
        ("[]", "holds 0 failures"),
        (json.dumps([{}] * 101), "holds 101 failures"),
        ("{}", "neither “execution” nor “trigger”"),
        ("7", "neither “execution” nor “trigger”"),
        ('{"execution": {"error": {}}}', "no usable id"),
    ],
)
def test_anything_else_is_refused_with_what_is_wanted(send, body, words):
    answer = send(body, to=ERRORS)

    assert answer.status_code == 400
    assert answer["Content-Type"] == "application/problem+json"
    assert words in answer.json()["detail"]
    assert "Error Trigger" in answer.json()["detail"]


def test_another_type_of_body_is_refused(send):
    answer = send(failure(), to=ERRORS, content_type="application/x-www-form-urlencoded")

    assert answer.status_code == 415
