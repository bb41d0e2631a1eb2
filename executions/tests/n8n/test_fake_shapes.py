"""The stand-in answers with the same fields and types as the recorded n8n, endpoint by endpoint."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest

from executions.n8n.fake import FakeN8n
from executions.n8n.fake_api import answer
from executions.n8n.fake_errors import MAKERS
from executions.n8n.fake_http import Request
from executions.n8n.fake_workflows import CALL, CODE, HTTP, SET, WAIT, WEBHOOK, FakeNode
from executions.tests.n8n.recorded import recorded, recorded_rows

NOW = datetime(2026, 11, 23, 18, tzinfo=UTC)
HOOK = FakeNode("Webhook", WEBHOOK, {"path": "orders"})
# What differs with each workflow.
OPAQUE = frozenset(
    {"parameters", "json", "node", "nodes", "connections", "runData", "context", "stack"}
)


@pytest.fixture
def fake():
    return FakeN8n(first_id=5_000_001, clock=lambda: NOW)


def ask(fake, path, method="GET", key="", body=None, **query):
    headers = {"x-n8n-api-key": key or fake.api_key}
    request = Request(method, path, query, headers, orjson.dumps(body or {}))
    found, _ = answer(fake, request)
    return found.status, orjson.loads(orjson.dumps(found.content))


def get(fake, path, **query):
    return ask(fake, path, **query)[1]


def shape(value):
    """The value with its leaves replaced by the names of their types."""
    if isinstance(value, dict):
        return {key: "…" if key in OPAQUE else shape(part) for key, part in value.items()}
    if isinstance(value, list):
        return [shape(part) for part in value[:1]]
    return "number" if type(value) in (int, float) else type(value).__name__


def assert_same_shape(mine, real):
    assert shape(mine) == shape(real)


def test_a_row_of_the_list(fake):
    fake.run(fake.add_workflow("Orders"))

    page = get(fake, "/api/v1/executions")

    assert_same_shape(page["data"][0], recorded_rows("executions-page")[-1])
    assert list(page["data"][0]) == list(recorded_rows("executions-page")[-1])
    assert page.keys() == recorded("executions-page").keys()


@pytest.mark.parametrize("status", ["new", "running", "waiting", "canceled", "crashed"])
def test_a_row_of_every_status(fake, status):
    workflow = fake.add_workflow("Orders")
    execution = fake.queue(workflow)
    if status != "new":
        fake.begin(execution)
    if status == "waiting":
        fake.wait(execution, NOW + timedelta(hours=6))
    if status in ("canceled", "crashed"):
        fake.finish(execution, status)

    rows = get(fake, "/api/v1/executions", status=status)["data"]

    assert_same_shape(rows[0], recorded_rows(f"executions-status-{status}")[0])


def test_a_row_of_the_list_with_data(fake):
    fake.run(fake.add_workflow("Orders", nodes=[HOOK, FakeNode("Total", CODE)]))

    mine = get(fake, "/api/v1/executions", includeData="true")["data"][0]

    real = recorded_rows("executions-page-with-data")[0]
    assert list(mine) == list(real)
    assert {k: type(v) for k, v in mine.items()} == {k: type(v) for k, v in real.items()}


def test_a_single_execution_without_data(fake):
    execution = fake.run(fake.add_workflow("Orders"), "error")

    mine = get(fake, f"/api/v1/executions/{execution}")

    assert list(mine) == list(recorded("execution-without-data"))
    assert_same_shape(mine, recorded("execution-without-data"))


def test_a_single_execution_with_data(fake):
    nodes = [HOOK, FakeNode("Total", CODE)]
    execution = fake.run(fake.add_workflow("Orders", nodes=nodes))

    mine = get(fake, f"/api/v1/executions/{execution}", includeData="true")

    real = recorded("execution-success")
    assert list(mine) == list(real)
    assert_same_shape(mine["workflowData"], real["workflowData"])
    assert shape(mine["data"]["resultData"]) == shape(real["data"]["resultData"])
    assert mine["data"].keys() == real["data"].keys()
    run, real_run = (d["data"]["resultData"]["runData"]["Webhook"][0] for d in (mine, real))
    assert run.keys() == real_run.keys()


@pytest.mark.parametrize(
    ("name", "kind", "node"),
    [
        ("error-code-throws", "code", CODE),
        ("error-code-typeerror", "type_error", CODE),
        ("error-econnrefused", "refused", HTTP),
        ("error-dns", "dns", HTTP),
        ("error-timeout", "timeout", HTTP),
        ("error-connection-reset", "reset", HTTP),
        ("error-http-401", "unauthorized", HTTP),
        ("error-http-404", "not_found", HTTP),
        ("error-http-429", "rate_limited", HTTP),
        ("error-http-500", "server_error", HTTP),
        ("error-retry-on-fail", "unavailable", HTTP),
        ("error-malformed-json", "malformed", HTTP),
        ("error-expression", "expression", SET),
        ("error-no-credentials", "no_credentials", HTTP),
        ("error-stop-and-error", "stopped", SET),
    ],
)
def test_the_error_of_each_kind(fake, name, kind, node):
    workflow = fake.add_workflow("Orders", nodes=[HOOK, FakeNode("Call", node)])
    execution = fake.run(workflow, "error", error=kind)

    mine = get(fake, f"/api/v1/executions/{execution}", includeData="true")["data"]["resultData"]

    real = recorded(name)["data"]["resultData"]
    assert mine["lastNodeExecuted"] == "Call"
    assert_same_shape(mine["error"], real["error"])
    assert mine["error"].get("httpCode") == real["error"].get("httpCode")
    if kind not in ("code", "stopped"):
        assert mine["error"]["message"].split(" [")[0] == real["error"]["message"].split(" [")[0]


def test_every_kind_of_error_can_be_made(fake):
    workflow = fake.add_workflow("Orders")
    for kind in MAKERS:
        fake.run(workflow, "error", error=kind)

    rows = get(fake, "/api/v1/executions", includeData="true")["data"]

    assert all(row["data"]["resultData"]["error"]["message"] for row in rows)


def test_a_canceled_run_and_a_crashed_one(fake):
    workflow = fake.add_workflow("Orders")
    fake.run(workflow, "canceled")
    fake.run(workflow, "crashed")

    crashed, canceled = get(fake, "/api/v1/executions", includeData="true")["data"]

    for mine, name in ((canceled, "canceled"), (crashed, "crashed")):
        real = recorded(f"execution-{name}-with-data")["data"]["resultData"]
        assert_same_shape(mine["data"]["resultData"]["error"], real["error"])


def test_a_sub_workflow_and_what_called_it(fake):
    calling = [HOOK, FakeNode("Call child", CALL, {"workflowId": {"value": "child"}})]
    parent_workflow = fake.add_workflow("Quote", nodes=calling)
    child_workflow = fake.add_workflow("Price", workflow_id="child")
    parent = fake.start(parent_workflow)
    fake.run(child_workflow, "error", error="code", mode="integrated", parent=parent)
    fake.finish(parent, "error")

    child, caller = get(fake, "/api/v1/executions", includeData="true")["data"]

    real = recorded("error-sub-workflow-parent")["data"]["resultData"]["error"]
    assert_same_shape(caller["data"]["resultData"]["error"], real)
    assert child["data"]["parentExecution"]["executionId"] == parent
    error = child["data"]["resultData"]["error"]
    assert caller["data"]["resultData"]["error"]["message"] == error["message"]


def test_a_waiting_run(fake):
    workflow = fake.add_workflow("Approval", nodes=[HOOK, FakeNode("Wait", WAIT)])
    execution = fake.start(workflow)
    fake.wait(execution, NOW + timedelta(hours=6))

    mine = get(fake, f"/api/v1/executions/{execution}", includeData="true")

    real = recorded("execution-waiting-with-data")
    assert mine["data"].keys() == real["data"].keys()
    assert mine["data"]["resultData"]["runData"]["Wait"][0]["executionStatus"] == "waiting"


def test_the_workflows(fake):
    for number in range(4):
        fake.add_workflow(f"Workflow {number}", tags=["prod"])

    page = get(fake, "/api/v1/workflows", limit="3")

    real = recorded("workflows-page")
    assert page["nextCursor"] == real["nextCursor"]
    assert_same_shape(page["data"][0], real["data"][0])


def test_a_single_workflow(fake):
    workflow = fake.add_workflow("Quote", tags=["prod"])

    mine = get(fake, f"/api/v1/workflows/{workflow}")

    real = recorded("workflow-parent")
    assert mine.keys() == real.keys()
    assert mine["shared"][0].keys() == real["shared"][0].keys()
    assert_same_shape(mine["tags"], real["tags"])


def test_what_the_key_may_do(fake):
    mine, real = get(fake, "/api/v1/discover"), recorded("discover")

    assert mine["data"].keys() == real["data"].keys()
    assert_same_shape(mine["data"]["scopes"], real["data"]["scopes"])
    assert_same_shape(
        mine["data"]["resources"]["executions"]["endpoints"],
        real["data"]["resources"]["executions"]["endpoints"],
    )


def test_a_retry(fake):
    execution = fake.run(fake.add_workflow("Orders"), "error")

    _, mine = ask(fake, f"/api/v1/executions/{execution}/retry", method="POST")

    real = recorded("retry")
    assert mine.keys() == real.keys()
    assert (mine["mode"], mine["retryOf"]) == ("retry", execution)
    assert get(fake, f"/api/v1/executions/{execution}")["retrySuccessId"] == mine["id"]


def test_a_stop(fake):
    execution = fake.start(fake.add_workflow("Orders"))

    _, mine = ask(fake, f"/api/v1/executions/{execution}/stop", method="POST")

    assert_same_shape(mine, recorded("stop"))
    assert mine["status"] == "canceled"


def test_a_deletion(fake):
    execution = fake.run(fake.add_workflow("Orders"))

    _, mine = ask(fake, f"/api/v1/executions/{execution}", method="DELETE")

    assert_same_shape(mine, recorded("delete"))


def test_health(fake):
    assert get(fake, "/healthz") == recorded("healthz")


@pytest.mark.parametrize(
    ("status", "path", "query", "name"),
    [
        (400, "executions", {"cursor": "garbage"}, "answer-cursor-garbage"),
        (400, "executions", {"limit": "-1"}, "answer-limit-negative"),
        (400, "executions", {"limit": "abc"}, "answer-limit-text"),
        (400, "executions", {"status": "failed"}, "answer-status-wrong"),
        (400, "executions", {"startedAfter": "yesterday"}, "answer-started-after-bad"),
        (400, "executions/abc", {}, "answer-id-text"),
        (404, "executions/99999999999999999999", {}, "answer-id-huge"),
        (404, "executions/999999999", {}, "answer-id-unknown"),
        (404, "nope", {}, "answer-path-unknown"),
        (404, "workflows/nope", {}, "answer-workflow-404"),
        (400, "workflows", {"cursor": "garbage"}, "answer-workflows-cursor-garbage"),
        (200, "executions", {"workflowId": "nope"}, "answer-workflow-unknown"),
        (200, "executions", {"status": "unknown"}, "executions-empty"),
    ],
)
def test_refusals_have_n8ns_own_words(fake, status, path, query, name):
    assert ask(fake, f"/api/v1/{path}", **query) == (status, recorded(name))


def test_a_wrong_key_and_a_missing_scope(fake):
    assert ask(fake, "/api/v1/executions", key="wrong") == (401, recorded("answer-bad-key"))

    fake.scopes = frozenset()
    assert ask(fake, "/api/v1/executions") == (403, recorded("answer-missing-scope"))


def test_retrying_stopping_and_deleting_what_cannot_be(fake):
    workflow = fake.add_workflow("Orders")
    ended, running = fake.run(workflow), fake.start(workflow)
    path = "/api/v1/executions"

    assert ask(fake, f"{path}/{ended}/retry", method="POST") == (409, recorded("retry-of-success"))
    assert ask(fake, f"{path}/{ended}/stop", method="POST")[0] == 409
    assert ask(fake, f"{path}/{running}", method="DELETE") == (400, recorded("delete-running"))
