import pytest

from executions.n8n.execution_details import MAX_MESSAGE, read_detail
from executions.n8n.payloads import RowFlag
from executions.tests.n8n.recorded import names_of, recorded

# What each recorded failure says: name, code, node, type of node, message.
ERRORS = {
    "error-code-throws": (
        "WrappedExecutionError", "", "Check order", "code", "Order has no customer_id [line 3]",
    ),
    "error-connection-reset": (
        "NodeApiError", "ECONNRESET", "Get page", "httpRequest",
        "The connection to the server was closed unexpectedly, perhaps it is offline. "
        "You can retry the request immediately or wait and retry later.",
    ),
    "error-dns": (
        "NodeApiError", "ENOTFOUND", "Call partner", "httpRequest",
        "The connection cannot be established, this usually occurs due to an incorrect host "
        "(domain) value",
    ),
    "error-expression": (
        "NodeOperationError", "", "Build text", "set", "Referenced node doesn't exist",
    ),
    "error-http-401": (
        "NodeApiError", "401", "Call CRM", "httpRequest",
        "Authorization failed - please check your credentials",
    ),
    "error-malformed-json": ("", "", "Get feed", "httpRequest", "Invalid JSON in response body"),
    "error-stop-and-error": (
        "NodeOperationError", "", "Reject", "stopAndError", "Rejected: amount over the limit",
    ),
    "error-sub-workflow-child": (
        "WrappedExecutionError", "", "Price", "code", "Price list is empty [line 1]",
    ),
    "error-sub-workflow-parent": (
        "", "", "Call child", "executeWorkflow", "Price list is empty [line 1]",
    ),
    "execution-crashed-with-data": (
        "WorkflowCrashedError", "", "Crunch", "httpRequest",
        "Workflow did not finish, possible out-of-memory issue",
    ),
}  # fmt: skip


def failed(error, **result):
    """A failed execution with this error in its data."""
    return {"id": "1", "data": {"resultData": {"error": error, **result}}}


@pytest.mark.parametrize("name", ERRORS)
def test_it_reads_why_and_where_a_recorded_execution_failed(name):
    error = read_detail(recorded(name)).error

    kind = f"n8n-nodes-base.{ERRORS[name][3]}"
    assert (error.name, error.http_code, error.node) == ERRORS[name][:3]
    assert (error.node_type, error.message) == (kind, ERRORS[name][4])


@pytest.mark.parametrize("name", names_of("error-"))
def test_every_recorded_failure_has_a_message_and_a_node(name):
    error = read_detail(recorded(name)).error

    assert error.message
    assert error.node


@pytest.mark.parametrize("name", ["execution-success", "execution-waiting-with-data"])
def test_a_run_that_did_not_fail_has_no_error(name):
    assert read_detail(recorded(name)).error is None


def test_the_words_of_the_other_service_are_kept_beside_n8ns():
    error = read_detail(recorded("error-http-500")).error

    assert error.description == "Database is on fire"
    assert error.messages[0].startswith("500 - ")


def test_a_run_canceled_by_hand_says_so():
    error = read_detail(recorded("execution-canceled-with-data")).error

    assert error.name == "ManualExecutionCancelledError"
    assert error.node == ""


def test_a_failed_call_of_a_sub_workflow_names_the_execution_of_it():
    detail = read_detail(recorded("error-sub-workflow-parent"))

    assert detail.error.child_execution_id == "5000043"
    assert detail.nodes[-1].child_execution_id == "5000043"


def test_a_sub_workflow_names_the_execution_that_called_it():
    detail = read_detail(recorded("execution-sub-workflow-child-ok"))

    assert detail.parent_execution_id == "5000157"
    assert detail.parent_workflow_id == "bFo4jRuyQlKj8H2J"


def test_it_sums_up_what_each_node_did_in_the_order_of_the_run():
    detail = read_detail(recorded("execution-sub-workflow-parent-ok"))

    assert [(n.name, n.status, n.items) for n in detail.nodes] == [
        ("Webhook", "success", 1),
        ("Call child", "success", 1),
        ("Quote", "success", 1),
    ]
    assert detail.nodes[1].execution_time_ms == 158
    assert detail.nodes[1].child_execution_id == "5000160"


def test_data_that_n8n_does_not_show_for_their_size_are_told():
    detail = read_detail(recorded("execution-data-too-large"))

    assert detail.is_too_large
    assert detail.workflow_name == "Reports: big payload"


def test_an_execution_without_data_says_so():
    detail = read_detail(recorded("execution-without-data"))

    assert not detail.has_data
    assert detail.error is None


def test_an_error_that_n8n_redacts_keeps_its_kind_and_code():
    row = {
        "id": "1",
        "data": {
            "resultData": {
                "redactedError": {"type": "NodeApiError", "httpCode": "403"},
                "lastNodeExecuted": "Call CRM",
            },
            "redactionInfo": {"isRedacted": True},
        },
    }

    detail = read_detail(row)

    assert detail.is_redacted
    assert (detail.error.name, detail.error.http_code) == ("NodeApiError", "403")
    assert (detail.error.node, detail.error.is_redacted) == ("Call CRM", True)


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (None, ""),
        ("", ""),
        (429, "429"),
        (1.5, "1.5"),
        (True, "true"),
        (["a", "b", None], "a; b"),
        ({"message": "inner"}, "inner"),
        ({"error": {"message": "deep"}}, "deep"),
        ({"code": 7}, '{"code":7}'),
        ("[object Object]", "[object Object]"),
        ("a\x00b\ud83d", "a\ufffdb\ufffd"),
    ],
)
def test_a_message_of_any_type_becomes_text(message, text):
    assert read_detail(failed({"message": message})).error.message == text


@pytest.mark.parametrize(("error", "text"), [("plain", "plain"), (["x"], "x"), (12, "12")])
def test_an_error_that_is_no_object_becomes_a_message(error, text):
    detail = read_detail(failed(error, lastNodeExecuted="Last"))

    assert (detail.error.message, detail.error.node) == (text, "Last")


def test_the_error_of_the_last_node_serves_where_the_run_has_none():
    row = failed(None, lastNodeExecuted="A", runData={"A": [{"error": {"message": "at node"}}]})

    assert read_detail(row).error.message == "at node"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ({"httpCode": 429}, "429"),
        ({"code": "ER_DUP_ENTRY"}, "ER_DUP_ENTRY"),
        ({"cause": {"code": "ECONNRESET"}}, "ECONNRESET"),
        ({"httpCode": "x" * 61}, ""),
        ({"httpCode": []}, ""),
        ({"httpCode": True}, ""),
    ],
)
def test_a_code_is_taken_from_where_it_is(error, code):
    assert read_detail(failed(error)).error.http_code == code


def test_a_huge_message_is_cut_and_flagged():
    detail = read_detail(failed({"message": "x" * 10_000_000, "stack": "y" * 10_000_000}))

    assert len(detail.error.message) == MAX_MESSAGE
    assert len(detail.error.stack_head) <= 2_000
    assert detail.flags & RowFlag.TEXT_CUT


def test_a_deep_message_ends_at_a_depth():
    deep = {"message": "bottom"}
    for _ in range(500):
        deep = {"message": deep}

    assert "bottom" not in read_detail(failed({"message": deep})).error.cause


@pytest.mark.parametrize("data", [None, [], "text", 7, {"resultData": []}, {"resultData": None}])
def test_data_of_another_shape_are_no_error(data):
    assert read_detail({"id": "1", "data": data}).error is None


def test_custom_data_are_capped_text():
    row = {"id": "1", "customData": {f"k{n}": {"message": "v"} for n in range(1000)}}

    detail = read_detail(row)

    assert len(detail.custom_data) == 50
    assert detail.custom_data[0] == ("k0", "v")
