"""What bites in a real n8n bites in the stand-in."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from executions.n8n.client import execution_cursor
from executions.n8n.errors import BadRequest, NotFound
from executions.n8n.fake import FakeN8n
from executions.n8n.fake_faults import Dialect, Fault, FaultPlan, Kind, Rule, status
from executions.n8n.fake_server import client_of

NOW = datetime(2026, 11, 23, 18, tzinfo=UTC)


@pytest.fixture
def fake():
    return FakeN8n(clock=lambda: NOW)


@pytest.fixture
def client(fake):
    with client_of(fake) as client:
        yield client


@pytest.fixture
def workflow(fake):
    return fake.add_workflow("Orders")


def ids(page):
    return [item.id for item in page.items]


def all_ids(client, **filters):
    found, cursor = [], None
    while True:
        page = client.list_executions(cursor=cursor, **filters)
        found += ids(page)
        cursor = page.next_cursor
        if cursor is None:
            return found


def test_a_running_execution_is_only_in_the_list_of_running_ones(fake, client, workflow):
    running, ended = fake.start(workflow), fake.run(workflow)

    assert ids(client.list_executions()) == [ended]
    assert ids(client.list_executions(status="running")) == [running]


def test_it_takes_its_place_at_its_old_id_when_it_ends(fake, client, workflow):
    running, ended = fake.start(workflow), fake.run(workflow)

    fake.finish(running)

    assert ids(client.list_executions()) == [ended, running]


def test_pages_follow_each_other_without_a_gap_or_a_double(fake, client, workflow):
    fake.add_many(1_003)

    found = all_ids(client, limit=100)

    assert found == [str(number) for number in range(1_003, 0, -1)]


def test_the_limit_in_the_cursor_wins_and_is_capped(fake, client, workflow):
    fake.add_many(1_000)

    page = client.list_executions(cursor=execution_cursor("900", 9_999), limit=5)

    assert len(page.items) == 250
    assert page.items[0].id == "899"


def test_new_rows_and_deletions_do_not_shift_pages(fake, client, workflow):
    fake.add_many(10)
    first = client.list_executions(limit=5)

    fake.run(workflow)
    fake.delete(first.items[-1].id)

    assert ids(client.list_executions(cursor=first.next_cursor)) == ["5", "4", "3", "2", "1"]


def test_a_page_of_rows_without_data_ends_the_paging_with_data(fake, client, workflow):
    for number in fake.add_many(4):
        if number > 2:
            fake.drop_data(str(number))

    assert client.list_details(limit=2) == ()
    assert len(client.list_details(cursor=execution_cursor("3", 2))) == 2
    assert client.get_execution("4").execution.status == "success"
    with pytest.raises(NotFound):
        client.get_execution("4", include_data=True)


def test_filters_leave_the_other_rows_out(fake, client, workflow):
    other = fake.add_workflow("Leads")
    failed = fake.run(other, "error")
    late = fake.run(workflow, at=NOW + timedelta(hours=1))

    assert ids(client.list_executions(status="error")) == [failed]
    assert ids(client.list_executions(workflow_id=workflow)) == [late]
    assert ids(client.list_executions(started_after=NOW + timedelta(minutes=1))) == [late]


def test_a_waiting_execution_has_a_stop_time_and_goes_on_under_its_id(fake, client, workflow):
    waiting = fake.start(workflow)
    fake.wait(waiting, NOW + timedelta(hours=6))
    assert client.list_executions().items[0].stopped_at is not None

    fake.begin(waiting)
    fake.finish(waiting)

    row = client.list_executions().items[0]
    assert (row.id, row.status, row.wait_till) == (waiting, "success", None)


def test_a_queued_execution_has_no_start(fake, client, workflow):
    fake.queue(workflow)

    row = client.list_executions().items[0]

    assert (row.status, row.started_at, row.stopped_at) == ("new", None, None)


def test_a_dying_server_crashes_what_ran(fake, client, workflow):
    running = fake.start(workflow)

    assert fake.crash_running() == [running]

    assert client.list_executions().items[0].status == "crashed"


def test_a_retry_marks_the_original(fake, client, workflow):
    failed = fake.run(workflow, "error", error="code")

    retried = client.retry_execution(failed)

    assert (retried.execution.mode, retried.execution.retry_of) == ("retry", failed)
    assert client.get_execution(failed).execution.retry_success_id == retried.execution.id


def test_unsaved_runs_leave_holes(fake, client, workflow):
    fake.run(workflow)
    fake.skip_ids(3)
    fake.run(workflow)

    assert ids(client.list_executions()) == ["5", "1"]


def test_pruning_leaves_the_newest(fake, client, workflow):
    fake.add_many(100)

    fake.prune(keep=10)

    assert len(client.list_executions().items) == 10


def test_a_reset_begins_at_one_again(fake, client, workflow):
    fake.add_many(100)

    fake.reset()
    fake.run(workflow)

    assert all_ids(client) == ["1"]


def test_a_restored_backup_gives_ids_a_second_time(fake, client, workflow):
    fake.add_many(3)
    backup = fake.backup()
    fake.run(workflow, "error")

    fake.restore(backup)
    assert all_ids(client) == ["3", "2", "1"]

    assert fake.run(workflow) == "4"


def test_the_truth_holds_running_rows_too(fake, workflow):
    fake.run(workflow, "error", duration_ms=80)
    fake.start(workflow)

    first, second = fake.rows()

    assert (first.status, second.status) == ("error", "running")
    assert first.stopped_at - first.started_at == timedelta(milliseconds=80)


def test_an_old_version_refuses_what_it_does_not_know(fake, client, workflow):
    fake.dialect = Dialect(
        lists_running=False, tells_scopes=False, tells_status=False, ids_as_numbers=True
    )
    fake.run(workflow)

    with pytest.raises(BadRequest):
        client.list_executions(status="running")
    assert client.discover() is None
    row = client.list_executions().items[0]
    assert (row.id, row.status) == ("1", "success")


@pytest.mark.parametrize(
    "kind", [Kind.SHIFT_PAGE, Kind.EMPTY_PAGE, Kind.SHORT_PAGE, Kind.REORDER, Kind.BAD_ROW]
)
def test_a_spoiled_page_loses_no_row_for_one_who_goes_on(fake, client, workflow, kind):
    fake.add_many(100)
    first = client.list_executions(limit=10)
    fake.plan.next(Fault(kind))

    second = client.list_executions(cursor=first.next_cursor)
    rest = all_ids_from(client, second.next_cursor)

    assert {*ids(first), *ids(second), *rest} == {str(number) for number in range(1, 101)}


def all_ids_from(client, cursor):
    found = []
    while cursor is not None:
        page = client.list_executions(cursor=cursor)
        found += ids(page)
        cursor = page.next_cursor
    return found


def test_a_looping_cursor_leads_to_itself(fake, client, workflow):
    fake.add_many(100)
    first = client.list_executions(limit=10)
    fake.plan.next(Fault(Kind.LOOP))

    second = client.list_executions(cursor=first.next_cursor)

    assert second.next_cursor == first.next_cursor


def test_a_repeated_page_comes_twice(fake, client, workflow):
    fake.add_many(100)
    first = client.list_executions(limit=10)
    fake.plan.next(Fault(Kind.REPEAT_PAGE))

    assert ids(client.list_executions(cursor=first.next_cursor)) == ids(first)


def test_a_plan_strikes_in_the_same_places_for_a_seed():
    def strikes(seed):
        plan = FaultPlan([Rule(status(500), rate=0.05), Rule(status(429), rate=0.02)], seed)
        return [plan.take("/api/v1/executions") for _ in range(2_000)]

    assert strikes(7) == strikes(7)
    assert strikes(7) != strikes(8)
    share = sum(fault is not None for fault in strikes(7)) / 2_000
    assert 0.05 < share < 0.09


def test_a_rule_can_name_its_requests_and_its_path():
    plan = FaultPlan([Rule(status(500), path="/api/v1/workflows", on=frozenset({2}))])

    paths = ["/api/v1/workflows", "/api/v1/executions", "/api/v1/workflows", "/api/v1/workflows"]

    assert [plan.take(path) is not None for path in paths] == [False, False, True, False]


def test_the_log_tells_what_was_asked(fake, client, workflow):
    client.list_executions(status="error")
    client.get_execution(fake.run(workflow))

    assert fake.log.paths() == ["GET /api/v1/executions", "GET /api/v1/executions/1"]
    assert fake.log.entries[0].query["status"] == "error"
    assert fake.log.most_open == 1


def test_a_million_rows_are_made_at_once(fake, client, workflow):
    assert len(fake.add_many(1_000_000)) == 1_000_000

    number = random.Random(1).randrange(1_000_000)
    page = client.list_executions(cursor=execution_cursor(str(number + 1), 1))

    assert page.items[0].id == str(number)
