"""Pages as no list should have them: nothing is lost, nothing is doubled."""

import pytest

from executions.models import DetailState, SyncRun, SyncState, Workflow
from executions.n8n import fake_faults
from executions.n8n.client import N8nClient
from executions.n8n.fake_faults import Fault, Kind, Rule

pytestmark = pytest.mark.django_db
LISTS = "/api/v1/executions"
ODD_PAGES = [
    *(Kind.REPEAT_PAGE, Kind.SHIFT_PAGE, Kind.EMPTY_PAGE, Kind.SHORT_PAGE),
    *(Kind.LOOP, Kind.REORDER, Kind.BAD_ROW),
]


@pytest.fixture
def fail_on(n8n):
    """Let the so-many-th answers to requests for lists be faulty."""

    def plan(fault, *numbers):
        n8n.plan.rules.append(Rule(fault, path=LISTS, on=frozenset(numbers)))

    return plan


@pytest.mark.parametrize("kind", ODD_PAGES)
def test_odd_pages_lose_nothing_and_double_nothing(n8n, fail_on, turn, stored, truth, rows, kind):
    n8n.add_many(1500, every_ms=1000)
    fail_on(Fault(kind), 3, 5)

    turn()

    assert stored() == truth()
    assert rows().count() == 1500
    assert set(rows(SyncRun).values_list("state", flat=True)) == {"done"}


@pytest.mark.parametrize("kind", [Kind.REPEAT_PAGE, Kind.SHIFT_PAGE, Kind.REORDER, Kind.LOOP])
def test_odd_pages_with_data_take_no_reason_for_gone(n8n, turn, rows, kind):
    for _ in range(60):
        n8n.run(n8n.workflow_id, "error", error="timeout")
    n8n.plan.always(Fault(kind), path=LISTS)

    turn()

    assert rows().filter(detail_state=DetailState.FETCHED).count() == 60


def test_a_list_that_leads_in_a_circle_is_told_and_never_taken_for_whole(
    n8n, turn, stored, truth, rows, health
):
    n8n.add_many(1500, every_ms=1000)
    n8n.plan.rules.append(Rule(Fault(Kind.REPEAT_PAGE), path=LISTS, on=frozenset(range(4, 40))))

    failed = turn()

    assert "circle" in failed.failure
    assert health() == "not_n8n"
    assert rows(SyncRun).exclude(state="done").count() == 1
    n8n.plan.clear()
    turn()
    assert stored() == truth()


def test_an_empty_page_again_and_again_is_the_end(n8n, turn, rows):
    n8n.add_many(500, every_ms=1000)
    n8n.plan.rules.append(Rule(Fault(Kind.EMPTY_PAGE), path=LISTS, on=frozenset(range(3, 400))))

    assert turn().failure == ""

    assert rows(SyncRun).get().state == "done"


def test_a_failure_on_a_page_goes_on_at_that_page(n8n, fail_on, turn, stored, truth):
    n8n.add_many(1500, every_ms=1000)
    fail_on(fake_faults.status(503), 5)

    assert turn().failure
    begun = n8n.log.total
    turn()

    assert stored() == truth()
    again = [entry for entry in list(n8n.log.entries)[begun:] if entry.path == LISTS]
    pages_above = 3
    assert len(again) <= 1500 / 250 - pages_above + 3


def test_a_cursor_that_is_refused_begins_at_the_top(n8n, fail_on, turn, stored, truth, rows):
    n8n.add_many(1500, every_ms=1000)
    fail_on(fake_faults.status(400), 4)

    assert turn().failure == ""

    assert stored() == truth()
    assert rows(SyncState).get().capabilities["takes_our_cursors"] is False


def test_cursors_that_are_always_refused_end_in_a_failure(n8n, turn, monkeypatch):
    n8n.add_many(1500, every_ms=1000)
    asked = N8nClient.list_executions

    def without_cursors(self, *, cursor=None, **filters):
        if cursor:
            n8n.plan.next(fake_faults.status(400), path=LISTS)
        return asked(self, cursor=cursor, **filters)

    monkeypatch.setattr(N8nClient, "list_executions", without_cursors)

    assert "refused the call" in turn().failure


def test_a_row_that_is_none_is_counted_and_costs_no_other(n8n, fail_on, turn, stored, truth, rows):
    n8n.add_many(300)
    fail_on(Fault(Kind.BAD_ROW), 2)

    turn()

    assert stored() == truth()
    assert rows(SyncRun).get().rows_refused == 1


def test_a_run_that_ends_while_its_page_passes_is_not_lost(n8n, turn, stored, truth, monkeypatch):
    n8n.add_many(800, every_ms=1000)
    slow = n8n.start(n8n.workflow_id)
    n8n.add_many(800, every_ms=1)
    asked = N8nClient.list_executions

    def ending(self, **filters):
        page = asked(self, **filters)
        row = n8n.row(slow)
        if filters.get("cursor") and min(int(item.id) for item in page.items) < int(slow):
            if row.status == "running":
                n8n.finish(slow)
        return page

    monkeypatch.setattr(N8nClient, "list_executions", ending)

    turn()
    assert slow in stored()


def test_thousands_of_workflows_come_by_pages(n8n, turn, rows, django_assert_max_num_queries):
    for number in range(1200):
        n8n.add_workflow(f"Workflow {number}")
    n8n.add_many(10)

    with django_assert_max_num_queries(200):
        turn()

    assert rows(Workflow).count() == 1201


def test_huge_workflows_come_in_smaller_pages(n8n, turn, rows):
    for number in range(30):
        n8n.add_workflow(f"Workflow {number}", settings={"note": "x" * 400_000})
    n8n.add_many(10)

    assert turn().failure == ""

    assert rows(Workflow).count() == 31
    assert rows().count() == 10


def test_a_workflow_beyond_every_limit_does_not_stop_the_runs(n8n, turn, rows):
    n8n.add_workflow("Endless", settings={"note": "x" * 5_000_000})
    n8n.add_many(10)

    assert turn().failure == ""

    assert rows().count() == 10
