"""Records into rows, and the marks of the hours whose numbers that changes."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from executions import ingest
from executions.grouping.fingerprint import rule_key_of
from executions.ingest import IngestResult, write_records
from executions.models import DetailState, DirtyHour, Execution
from executions.normalize import ExecutionRecord
from executions.statuses import NormalizedStatus, normalize_status
from tenants.scope import enter_tenant

pytestmark = pytest.mark.django_db
TENANT, ENVIRONMENT = uuid4(), uuid4()
NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
NOW = NOON + timedelta(hours=6)
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def scope(db):
    enter_tenant(TENANT)


def record(key="1", status="success", started_at=NOON, **values):
    finished_at = values.pop("finished_at", started_at and started_at + timedelta(seconds=2))
    return ExecutionRecord(
        n8n_execution_id=key,
        id_order=int(key),
        workflow_id=values.pop("workflow_id", "wf1"),
        status=status,
        normalized_status=normalize_status(status),
        mode=values.pop("mode", "webhook"),
        started_at=started_at,
        finished_at=finished_at,
        execution_time_ms=finished_at and 2000,
        **values,
    )


def write(*records, names=None, epochs=None, epoch=1, now=NOW):
    return write_records(
        tenant_id=TENANT,
        environment_id=ENVIRONMENT,
        epochs=epochs or {},
        epoch=epoch,
        records=records,
        workflow_names=names or {},
        now=now,
    )


def stored(key="1", **values):
    return Execution.objects.get(n8n_execution_id=key, **values)


def counts(result):
    return result.inserted, result.changed, result.unchanged


def marked():
    return sorted(set(DirtyHour.objects.values_list("hour", flat=True)))


def take_marks():
    found = marked()
    DirtyHour.objects.all().delete()
    return found


def versions():
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, ctid::text, xmin::text, xmax::text FROM executions ORDER BY id")
        return cursor.fetchall()


def set_columns(key="1", **values):
    Execution.objects.filter(n8n_execution_id=key).update(**values)


# --- New rows --------------------------------------------------------------------------------


def test_it_stores_a_new_record_with_all_that_it_says():
    write(record("7", mode="trigger", workflow_version_id="v1", flags=4), names={"wf1": "Orders"})

    row = stored("7")
    assert (row.tenant_id, row.environment_id, row.provider) == (TENANT, ENVIRONMENT, "n8n")
    assert (row.epoch, row.id_order) == (1, 7)
    assert (row.workflow_id, row.workflow_name) == ("wf1", "Orders")
    assert (row.status, row.normalized_status, row.mode) == ("success", "success", "trigger")
    assert (row.started_at, row.finished_at) == (NOON, NOON + timedelta(seconds=2))
    assert (row.occurred_at, row.execution_time) == (NOON, 2000)
    assert (row.workflow_version_id, row.flags) == ("v1", 4)
    assert (row.created_at, row.updated_at) == (NOW, NOW)
    assert row.id.version == 7


def test_it_tells_what_a_batch_changed():
    write(record("1"), record("2", "running", finished_at=None))

    result = write(record("1"), record("2"), record("3"))

    assert counts(result) == (1, 1, 1)
    assert set(result.touched_ids) == {stored("2").pk, stored("3").pk}


def test_nothing_is_written_for_no_records():
    assert write() == IngestResult()


@pytest.mark.parametrize(
    "text", ['a "quoted" name', "back\\slash", "per %s cent", "line\nbreak", "’ä🙂", "'; DROP"]
)
def test_it_keeps_any_text_as_it_is(text):
    write(record(mode=text), names={"wf1": text})

    assert (stored().mode, stored().workflow_name) == (text, text)


def test_moments_keep_their_microseconds_and_far_futures():
    started, forever = NOON.replace(microsecond=123456), datetime(9999, 12, 31, tzinfo=UTC)

    write(record(status="waiting", started_at=started, finished_at=None, wait_till=forever))

    assert (stored().started_at, stored().wait_till) == (started, forever)


def test_the_highest_number_is_kept():
    write(record(str(2**63 - 1)))

    assert stored(str(2**63 - 1)).id_order == 2**63 - 1


def test_a_run_without_a_start_stands_at_its_end_or_where_it_was_first_seen():
    write(
        record("1", "canceled", started_at=None, finished_at=NOON),
        record("2", "new", started_at=None),
    )
    write(record("2", "canceled", started_at=None), now=NOW + HOUR)

    assert (stored("1").occurred_at, stored("2").occurred_at) == (NOON, NOW)


@pytest.mark.parametrize(
    ("status", "state", "is_asked_again"),
    [
        ("success", DetailState.NOT_NEEDED, False),
        ("error", DetailState.PENDING, False),
        ("crashed", DetailState.PENDING, False),
        ("canceled", DetailState.PENDING, False),
        ("running", DetailState.NOT_NEEDED, True),
        ("waiting", DetailState.NOT_NEEDED, True),
        ("never heard of", DetailState.NOT_NEEDED, True),
    ],
)
def test_the_status_says_what_is_asked_for_later(status, state, is_asked_again):
    write(record(status=status))

    assert stored().detail_state == state
    assert (stored().recheck_at is not None) == is_asked_again


# --- Again -----------------------------------------------------------------------------------


def test_unchanged_rows_are_neither_rewritten_nor_locked_nor_marked():
    batch = [record(str(number), workflow_version_id="v") for number in range(1, 20)]
    write(*batch, names={"wf1": "Orders"})
    before, _ = versions(), take_marks()

    result = write(*batch, names={"wf1": "Orders"}, now=NOW + HOUR)

    assert counts(result) == (0, 0, 19)
    assert versions() == before
    assert marked() == []


def test_a_record_twice_in_a_batch_counts_once_and_the_last_one_wins():
    result = write(record(status="running", finished_at=None), record(status="error"))

    assert counts(result) == (1, 0, 0)
    assert stored().status == "error"


@pytest.mark.parametrize(
    "values",
    [
        {"status": "crashed"},
        {"mode": "retry"},
        {"workflow_id": "wf2"},
        {"retry_of": "9"},
        {"started_at": NOON - HOUR},
        {"finished_at": NOON + HOUR},
        {"wait_till": NOON},
        {"retry_success_id": "9"},
        {"workflow_version_id": "v2"},
    ],
    ids=lambda values: next(iter(values)),
)
def test_what_changed_is_written(values):
    write(record())

    result = write(record(**values), now=NOW + HOUR)

    row, (name, value) = stored(), next(iter(values.items()))
    assert counts(result) == (0, 1, 0)
    assert getattr(row, name) == value
    assert (row.created_at, row.updated_at) == (NOW, NOW + HOUR)


def test_an_answer_that_tells_less_wipes_nothing():
    write(record(workflow_version_id="v1", retry_success_id="5"), names={"wf1": "Orders"})

    result = write(record(mode="cli"))

    row = stored()
    assert counts(result) == (0, 1, 0)
    assert (row.workflow_version_id, row.retry_success_id) == ("v1", "5")
    assert row.workflow_name == "Orders"


def test_a_name_that_is_known_later_is_filled_in_and_then_stays():
    write(record())

    write(record(), names={"wf1": "Orders"})
    result = write(record(), names={"wf1": "Renamed"})

    assert stored().workflow_name == "Orders"
    assert counts(result) == (0, 0, 1)


def test_a_failure_that_healed_keeps_nothing_of_its_error():
    write(record(status="error"))
    told = dict.fromkeys((*ingest.TOLD, "error_class", "error_template", "fingerprint"), "told")
    set_columns(**told, grouping_version=3, error_values=[["host", "db"]], detail_attempts=2)

    write(record(status="success"))

    row = stored()
    assert {name: getattr(row, name) for name in told} == dict.fromkeys(told, "")
    assert (row.normalized_status, row.grouping_version) == (NormalizedStatus.SUCCESS, 0)
    assert row.error_values is None
    assert (row.detail_state, row.detail_attempts) == (DetailState.NOT_NEEDED, 0)


@pytest.mark.parametrize(
    ("status", "rule_key"),
    [
        ("error", "unknown.reason_pending"),
        ("canceled", "unknown.reason_pending"),
        ("crashed", "resource.crashed_silently"),
        ("success", ""),
    ],
)
def test_a_failure_is_in_a_group_before_its_reason_is_known(status, rule_key):
    write(record(status=status))

    row = stored()
    assert rule_key_of(row.fingerprint) == rule_key
    assert row.error_class == rule_key.partition(".")[0]


def test_a_change_beside_the_status_leaves_the_reason_as_it_is():
    write(record(status="error"))
    group = {"fingerprint": "f" * 32, "error_values": [["host", "db"]]}
    set_columns(error_message="boom", detail_state=DetailState.FETCHED, detail_attempts=1, **group)

    write(record(status="error", retry_success_id="8"))

    row = stored()
    assert (row.error_message, row.detail_state) == ("boom", DetailState.FETCHED)
    assert row.detail_attempts == 1
    assert {name: getattr(row, name) for name in group} == group


def test_another_failure_is_asked_for_its_reason_again():
    write(record(status="error"))
    set_columns(detail_state=DetailState.FETCHED, detail_attempts=3)

    write(record(status="crashed"))

    assert (stored().detail_state, stored().detail_attempts) == (DetailState.PENDING, 0)


def test_a_row_that_was_gone_comes_back():
    write(record())
    set_columns(gone_at=NOW, normalized_status=NormalizedStatus.UNKNOWN)

    result = write(record())

    assert counts(result) == (0, 1, 0)
    assert (stored().gone_at, stored().normalized_status) == (None, "success")


def test_an_execution_of_another_epoch_is_another_row():
    write(record("1"), record("2"))

    result = write(record("1", mode="cli"), record("2"), epoch=2, epochs={"2": 1})

    assert counts(result) == (1, 0, 1)
    assert (stored("1", epoch=1).mode, stored("1", epoch=2).mode) == ("webhook", "cli")
    assert stored("2").epoch == 1


def test_other_tenants_rows_are_not_touched():
    write(record())
    enter_tenant(other := uuid4())

    result = write_records(
        tenant_id=other,
        environment_id=ENVIRONMENT,
        epochs={},
        epoch=1,
        records=[record(mode="cli")],
        workflow_names={},
        now=NOW,
    )

    enter_tenant(TENANT)
    assert counts(result) == (1, 0, 0)
    assert stored().mode == "webhook"


# --- Retries ---------------------------------------------------------------------------------


def test_a_successful_retry_is_linked_from_its_original():
    write(record("1", "error"))

    write(record("2", mode="retry", retry_of="1"))

    assert stored("1").retry_success_id == "2"


def test_an_original_and_its_retry_in_one_batch_are_linked():
    write(record("2", mode="retry", retry_of="1"), record("1", "error"))

    assert stored("1").retry_success_id == "2"


def test_the_newest_of_several_successful_retries_is_linked():
    write(record("1", "error"))

    write(*(record(key, mode="retry", retry_of="1") for key in ("9", "10", "2")))

    assert stored("1").retry_success_id == "10"


def test_a_retry_that_failed_links_nothing():
    write(record("1", "error"))

    write(record("2", "error", mode="retry", retry_of="1"))

    assert stored("1").retry_success_id == ""


def test_a_link_is_written_once():
    write(record("1", "error"), record("2", retry_of="1"))
    before = versions()

    write(record("1", "error"), record("2", retry_of="1"))

    assert versions() == before


def test_a_retry_of_a_run_in_an_older_epoch_links_nothing_in_the_new_one():
    write(record("1", "error"))

    write(record("1", "error"), record("2", retry_of="1"), epoch=2)

    assert stored("1", epoch=1).retry_success_id == ""
    assert stored("1", epoch=2).retry_success_id == "2"


# --- Marks -----------------------------------------------------------------------------------


def test_the_hours_of_new_rows_are_marked():
    late = NOON + timedelta(minutes=59, seconds=59)

    write(record("1"), record("2", started_at=late), record("3", started_at=NOON + 3 * HOUR))

    assert marked() == [NOON, NOON + 3 * HOUR]
    assert DirtyHour.objects.count() == 2


def test_a_row_that_moves_marks_its_old_hour_and_its_new_one():
    write(record())
    take_marks()

    write(record(started_at=NOON + 2 * HOUR))

    assert marked() == [NOON, NOON + 2 * HOUR]


def test_only_changed_rows_mark_their_hours():
    write(record("1"), record("2", "running", started_at=NOON + HOUR, finished_at=None))
    take_marks()

    write(record("1"), record("2", started_at=NOON + HOUR))

    assert marked() == [NOON + HOUR]


# --- Whatever the order ----------------------------------------------------------------------


def shape():
    """All rows without what differs by design: ids of ours and moments of writing."""
    hidden = {"id", "created_at", "updated_at", "recheck_at"}
    names = [f.attname for f in Execution._meta.concrete_fields if f.attname not in hidden]
    return sorted(Execution.objects.values_list(*names), key=str)


LISTED = [
    record("1", "error", retry_success_id="4"),
    record("2", "running", started_at=NOON + HOUR, finished_at=None),
    record("3", "canceled", started_at=None, finished_at=NOON),
    record("4", mode="retry", retry_of="1"),
    record("5", "crashed", started_at=NOON - 5 * HOUR, workflow_id="wf2"),
    record("6", "waiting", wait_till=NOON + HOUR, finished_at=None),
]


@given(
    st.lists(st.sampled_from(LISTED)).flatmap(
        lambda extra: st.permutations(LISTED + extra).flatmap(
            lambda order: st.tuples(st.just(order), st.integers(1, len(order)))
        )
    )
)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_order_and_repetition_of_the_same_records_gives_the_same_rows(plan):
    order, size = plan
    Execution.objects.all().delete()
    write(*LISTED)
    expected, hours = shape(), take_marks()
    Execution.objects.all().delete()

    results = [write(*order[at : at + size]) for at in range(0, len(order), size)]

    assert shape() == expected
    assert take_marks() == hours
    assert sum(result.inserted for result in results) == len(LISTED)


# --- How it is planned -----------------------------------------------------------------------


def test_stored_rows_are_looked_up_by_the_unique_index_without_any_statistics():
    """As for a tenant that came after the statistics: each look-up seems to find one row."""
    write(*(record(str(number)) for number in range(1, 500)))
    parameters = {"tenant": TENANT, "environment": ENVIRONMENT, "epochs": '{"1": 1}'}

    with connection.cursor() as cursor:
        cursor.execute(ingest.BY_KEY)
        cursor.execute(f"EXPLAIN {ingest.STORED}", parameters)
        plan = "\n".join(line for (line,) in cursor.fetchall())

    assert plan.count("Scan using") == plan.count("execution_unique_remote_id on executions") == 1
    assert "Sort" not in plan


def test_what_planning_was_told_ends_with_the_statement():
    write(record())

    with connection.cursor() as cursor:
        cursor.execute("SHOW enable_sort")
        assert cursor.fetchone() == ("on",)
