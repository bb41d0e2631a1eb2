from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from executions.n8n.execution_details import read_detail
from executions.n8n.execution_rows import read_rows
from executions.n8n.payloads import ExecutionPayload, RowFlag
from executions.n8n.workflow_rows import read_workflows
from executions.normalize import normalize, order_of
from executions.statuses import is_final

STARTED = datetime(2026, 11, 23, 17, 34, 17, tzinfo=UTC)
FIELDS = (
    "id finished mode retryOf retrySuccessId status startedAt stoppedAt workflowId waitTill "
    "createdAt deletedAt jsonSizeBytes workflowVersionId data workflowData customData "
    "resultData error runData message name nodes tags settings active"
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(exclude_categories=()))
    | st.datetimes().map(lambda moment: moment.isoformat())
)
KEYS = st.sampled_from(FIELDS.split()) | st.text()
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(KEYS, inner, max_size=8),
    max_leaves=20,
)
# Without a deadline: a busy machine is no fault.
few = settings(max_examples=40, deadline=None)
ROWS = st.lists(st.dictionaries(KEYS, JSON, max_size=12) | JSON, max_size=6)


def payload(**changes):
    values = {
        "id": "5000372",
        "status": "success",
        "mode": "webhook",
        "started_at": STARTED,
        "stopped_at": STARTED + timedelta(milliseconds=80),
        "wait_till": None,
        "retry_of": "",
        "retry_success_id": "",
        "workflow_id": "KD9tuN95AKLPd0en",
    }
    return ExecutionPayload(**(values | changes))


@pytest.mark.parametrize(
    ("raw", "normalized"),
    [
        ("success", "success"),
        ("error", "error"),
        ("crashed", "error"),
        ("running", "running"),
        ("new", "running"),
        ("waiting", "waiting"),
        ("canceled", "canceled"),
        ("unknown", "unknown"),
        ("exploded", "unknown"),
        ("", "unknown"),
    ],
)
def test_every_status_has_one_of_our_words_and_keeps_its_own(raw, normalized):
    record = normalize(payload(status=raw))

    assert (record.status, record.normalized_status) == (raw, normalized)


def test_a_status_that_we_do_not_know_is_flagged():
    assert normalize(payload(status="exploded")).flags == RowFlag.STATUS_UNKNOWN
    assert normalize(payload(status="unknown")).flags == 0


@pytest.mark.parametrize("status", ["success", "error", "crashed", "canceled"])
def test_an_execution_that_ended_has_an_end_and_a_duration(status):
    record = normalize(payload(status=status))

    assert record.finished_at == STARTED + timedelta(milliseconds=80)
    assert record.execution_time_ms == 80


@pytest.mark.parametrize("status", ["waiting", "running", "new"])
def test_one_that_has_not_ended_has_none_although_n8n_gives_a_stop(status):
    record = normalize(payload(status=status))

    assert record.finished_at is None
    assert record.execution_time_ms is None


def test_a_queued_one_that_was_canceled_has_no_duration():
    record = normalize(payload(status="canceled", started_at=None))

    assert record.finished_at is not None
    assert record.execution_time_ms is None


def test_a_negative_duration_is_left_out_and_flagged():
    record = normalize(payload(stopped_at=STARTED - timedelta(seconds=1)))

    assert record.execution_time_ms is None
    assert record.flags == RowFlag.DURATION_NEGATIVE


def test_a_duration_of_zero_is_a_duration():
    assert normalize(payload(stopped_at=STARTED)).execution_time_ms == 0


@pytest.mark.parametrize(
    ("execution_id", "order"),
    [
        ("1", 1),
        ("007", 7),
        (str(2**63 - 1), 2**63 - 1),
        (str(2**63), None),
        ("9" * 64, None),
        ("-1", None),
        ("٣", None),
        ("0195f0aa-6a0f-71ed-a22f-7917f87e71cf", None),
    ],
)
def test_ids_that_are_numbers_have_an_order(execution_id, order):
    assert order_of(execution_id) == order


def test_an_id_that_is_no_number_is_flagged():
    assert normalize(payload(id="abc")).flags == RowFlag.ID_NOT_NUMERIC


@few
@given(ROWS)
def test_no_json_makes_it_raise(rows):
    items, refused = read_rows(rows)
    records = [normalize(item) for item in items]

    assert len(records) + len(refused) == len(rows)
    for record in records:
        assert 0 < len(record.n8n_execution_id) <= 64
        assert "\x00" not in record.n8n_execution_id + record.status + record.workflow_id
        assert (record.execution_time_ms or 0) >= 0
        assert record.finished_at is None or is_final(record.status)


@few
@given(ROWS)
def test_the_same_rows_always_give_the_same_records(rows):
    first, second = read_rows(rows)[0], read_rows(rows)[0]

    assert [normalize(item) for item in first] == [normalize(item) for item in second]


@few
@given(st.dictionaries(KEYS, JSON, max_size=10))
def test_no_json_makes_a_detail_or_a_workflow_raise(fields):
    row = {**fields, "id": "1"}

    detail = read_detail(row)
    workflows, refused = read_workflows([row])

    assert detail.execution.id == "1"
    assert len(workflows) + len(refused) == 1
    text = repr((detail.error, detail.custom_data, workflows[0].tags))
    assert "\\x00" not in text.replace("\\\\", "")
