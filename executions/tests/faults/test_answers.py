"""Answers that are none, and n8n servers of other versions."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from executions import details
from executions.models import DetailState, Environment, SyncRun, SyncState
from executions.n8n import fake_faults
from executions.n8n.fake import FakeN8n
from executions.n8n.fake_faults import Dialect, Fault, FaultPlan, Kind
from executions.n8n.fake_server import FakeServer

pytestmark = pytest.mark.django_db
LISTS = "/api/v1/executions"

FAULTS = {
    "500": (fake_faults.status(500), "unreachable"),
    "502 by a proxy": (fake_faults.status(502, html=True), "unreachable"),
    "503": (fake_faults.status(503), "unreachable"),
    "504": (fake_faults.status(504), "unreachable"),
    "429": (fake_faults.status(429), "rate_limited"),
    "401": (fake_faults.status(401), "key_rejected"),
    "403": (fake_faults.status(403), "scope_missing"),
    "403 by a proxy": (fake_faults.status(403, html=True), "not_n8n"),
    "404": (fake_faults.status(404, html=True), "not_n8n"),
    "a sign-in page": (fake_faults.html_page(), "not_n8n"),
    "JSON of something else": (fake_faults.text("[1, 2]"), "not_n8n"),
    "no data in it": (fake_faults.text('{"ok": true}'), "not_n8n"),
    "nothing": (fake_faults.text(""), "not_n8n"),
    "cut JSON": (fake_faults.text('{"data": [{"id": "10'), "not_n8n"),
    "broken off": (Fault(Kind.TRUNCATE), "unreachable"),
    "closed": (Fault(Kind.CLOSE), "unreachable"),
    "silence": (Fault(Kind.SILENT), "unreachable"),
    "a byte, a pause": (fake_faults.drip(0.1), "unreachable"),
    "a slow head": (Fault(Kind.SLOW_HEAD, seconds=0.1), "unreachable"),
    "without an end": (Fault(Kind.ENDLESS), "unreachable"),
    "a bomb": (Fault(Kind.BOMB), "unreachable"),
    "brackets": (fake_faults.text("[" * 100_000), "not_n8n"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_an_answer_that_is_none_is_named_and_heals(
    n8n, turn, stored, truth, health, rows, impatient, name
):
    fault, expected = FAULTS[name]
    n8n.add_many(20)
    n8n.plan.always(fault, path=LISTS)

    with impatient():
        assert turn().failure

    assert (health(), stored()) == (expected, {})
    assert rows(Environment).get().health_reason
    n8n.plan.clear()
    assert turn().failure == ""
    assert (health(), stored()) == ("reachable", truth())


@pytest.mark.parametrize(
    ("said", "shortest", "longest"),
    [
        ("120", 100, 140),
        ("-5", 0, 5),
        ("0", 0, 5),
        ("315360000", 800, 1000),
        ("Fri, 01 Jan 2300 00:00:00 GMT", 800, 1000),
        ("soon", 20, 70),
        (None, 20, 70),
    ],
)
def test_it_waits_as_long_as_it_is_told_within_reason(n8n, turn, wait, said, shortest, longest):
    n8n.plan.always(fake_faults.status(429, retry_after=said))

    turn()

    assert shortest <= wait() <= longest


def test_failures_are_tried_later_and_later_and_then_once_a_minute(n8n, turn, wait, rows):
    n8n.plan.always(fake_faults.status(503))

    waits = []
    for _ in range(12):
        turn()
        waits.append(wait())

    assert 25 < waits[0] < 35
    assert all(50 < seconds < 70 for seconds in waits[2:])
    assert rows(SyncState).get().failures == 12


def test_an_n8n_that_has_no_api_yet_while_it_starts_is_tried_again_within_a_minute(n8n, turn, wait):
    n8n.plan.always(fake_faults.status(404, html=True))

    for _ in range(12):
        turn()

    assert 0 < wait() < 70


def test_a_refused_key_is_not_sent_again_in_the_same_turn(n8n, turn, wait):
    n8n.plan.always(fake_faults.status(401))

    turn()

    assert n8n.log.total == 1
    assert wait() > 240


@pytest.mark.parametrize("code", [301, 302, 307, 308])
def test_a_redirection_is_not_followed_and_the_key_goes_nowhere_else(n8n, turn, health, code):
    elsewhere = FakeN8n()
    with FakeServer(elsewhere) as other:
        n8n.plan.always(fake_faults.redirect(f"{other.url}/api/v1/executions", code=code))

        failed = turn()

    assert health() == "not_n8n"
    assert "sends the call on" in failed.failure
    assert elsewhere.log.total == 0


@pytest.mark.parametrize(
    "dialect",
    [
        Dialect(ids_as_numbers=True),
        Dialect(lists_running=False),
        Dialect(tells_scopes=False, knows_started_after=False),
        Dialect(refuses_unknown_parameters=True, knows_started_after=False),
    ],
    ids=["numbers", "running refused", "old", "strict"],
)
def test_other_versions_of_n8n_are_copied_too(n8n, turn, stored, truth, dialect):
    n8n.dialect = dialect
    n8n.add_many(600)
    n8n.wait(n8n.start(n8n.workflow_id), timezone.now() + timedelta(hours=1))

    assert turn().failure == ""

    assert stored() == truth()


def test_an_n8n_that_tells_no_status_is_copied_as_well_as_it_can(n8n, turn, stored):
    n8n.dialect = Dialect(tells_status=False)
    n8n.add_many(100, errors_every=10)

    turn()

    assert sorted(stored().values()) == ["error"] * 10 + ["success"] * 90


@pytest.mark.parametrize("hours", [2, -2])
def test_a_clock_that_is_off_is_noticed_and_changes_no_schedule(
    n8n, turn, rows, stored, truth, wait, hours
):
    n8n.clock = lambda: datetime.now(UTC) + timedelta(hours=hours)
    n8n.add_many(300)

    turn()

    skew = rows(Environment).get().clock_skew_ms
    assert abs(skew - hours * 3_600_000) < 5_000
    assert stored() == truth()
    assert 0 < wait() < 60


@pytest.mark.parametrize("hours", [1, -1])
def test_our_own_clock_that_jumps_changes_no_schedule(
    n8n, turn, rows, stored, truth, monkeypatch, hours
):
    running = n8n.start(n8n.workflow_id)
    n8n.add_many(300)
    true_now = timezone.now
    with monkeypatch.context() as jumped:
        jumped.setattr(timezone, "now", lambda: true_now() + timedelta(hours=hours))
        turn()

    state, row = rows(SyncState).get(), rows().get(n8n_execution_id=running)
    assert 0 < (state.due_at - true_now()).total_seconds() < 60
    assert abs(state.synced_at - true_now()) < timedelta(minutes=1)
    assert 0 < (row.recheck_at - true_now()).total_seconds() < 60
    assert stored() == truth()


def test_a_run_that_was_asked_for_by_a_clock_ahead_can_end(n8n, turn, rows, environment):
    n8n.add_many(10)
    run = SyncRun.objects.create(
        tenant_id=environment.tenant_id, environment=environment, kind=SyncRun.Kind.CYCLE
    )
    rows(SyncRun).filter(pk=run.pk).update(created_at=timezone.now() + timedelta(seconds=30))

    turn()

    assert rows(SyncRun).get(pk=run.pk).state == SyncRun.State.DONE


def test_never_more_than_two_requests_are_open_at_once(n8n, turn):
    n8n.latency_ms = 5
    n8n.add_many(2000, errors_every=10)

    turn()

    assert n8n.log.most_open <= 2


def test_a_single_run_over_which_n8n_fails_holds_up_nothing_and_is_given_up_in_the_end(
    n8n, turn, rows, stored, truth
):
    n8n.add_many(1500, errors_every=0)
    n8n.run(n8n.workflow_id, "error", error="timeout")
    broken = n8n.run(n8n.workflow_id, "error", error="timeout")
    n8n.plan.always(fake_faults.status(500), path=f"{LISTS}/{broken}")

    states = []
    for _ in range(details.ATTEMPTS):
        assert turn().failure == ""
        failures = rows().filter(status="error").order_by("n8n_execution_id")
        states.append(list(failures.values_list("detail_state", flat=True)))

    assert stored() == truth()
    assert states == [[2, 1]] * (details.ATTEMPTS - 1) + [[2, 3]]


class DiesWhenAskedFor(FaultPlan):
    """n8n goes down when it is asked for this path, until somebody starts it again."""

    def __init__(self, path):
        super().__init__()
        self.path, self.is_down = path, False

    def take(self, path):
        self.is_down = self.is_down or path == self.path
        return fake_faults.status(503) if self.is_down else None


def test_an_n8n_that_is_down_costs_no_failure_its_reason(n8n, turn, rows):
    failed = n8n.run(n8n.workflow_id, "error", error="timeout")
    n8n.plan = DiesWhenAskedFor(f"{LISTS}/{failed}")
    for _ in range(details.ATTEMPTS + 1):
        n8n.plan.is_down = False
        assert "503" in turn().failure

    n8n.plan = FaultPlan()
    turn()

    assert rows().get(status="error").detail_state == DetailState.FETCHED


def test_a_running_one_over_which_n8n_fails_lets_the_others_pass(n8n, turn, rows, stored):
    stuck, other = n8n.start(n8n.workflow_id), n8n.start(n8n.workflow_id)
    turn()
    n8n.plan.always(fake_faults.status(500), path=f"{LISTS}/{stuck}")
    n8n.finish(stuck)
    n8n.finish(other)
    n8n.dialect.lists_running = False
    rows().update(recheck_at=timezone.now())

    turn()
    turn()

    assert stored()[other] == "success"
