from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from executions.n8n.fake import FakeN8n
from executions.n8n.fake_catalog import HANDLER, Incident, Plan, Rhythm
from executions.n8n.fake_companies import DEMO, FACTORY, SHOP, SHOP_INCIDENTS
from executions.n8n.fake_history import Life
from executions.n8n.fake_server import client_of
from executions.n8n.fake_workflows import stable_id

# A Monday evening, so that the days before are a weekend.
START = datetime(2026, 11, 23, 18, tzinfo=UTC)
HOUR = timedelta(hours=1)


def live(plans=SHOP, days=3, **options):
    fake = FakeN8n(first_id=500, clock=lambda: START)
    return Life(fake, plans, START, days=days, **options)


@pytest.fixture(scope="module")
def shop():
    return live(incidents=SHOP_INCIDENTS, days=8)


@pytest.fixture(scope="module")
def rows(shop):
    return list(shop.fake.rows())


def started(rows, plan_name):
    wanted = stable_id(plan_name)
    return [row.started_at for row in rows if row.workflow_id == wanted and row.started_at]


def test_ids_follow_the_order_of_the_starts(rows):
    starts = [row.started_at for row in rows if row.started_at is not None]

    assert starts == sorted(starts)


def test_nothing_lies_in_the_future(rows):
    assert all((row.stopped_at or row.started_at or START) <= START for row in rows)


def test_every_kind_of_end_and_of_mode_is_there(rows):
    statuses, modes = Counter(r.status for r in rows), Counter(r.mode for r in rows)

    assert statuses.keys() >= {"success", "error", "canceled", "crashed", "waiting"}
    assert modes.keys() >= {"webhook", "trigger", "integrated", "error", "retry"}
    assert 0.005 < statuses["error"] / len(rows) < 0.05


def test_most_kinds_of_error_are_there(shop):
    kinds = {shop.fake.store.error[i] for i in range(len(shop.fake.store))} - {0}

    assert len(kinds) >= 10


def test_a_schedule_is_kept_to_the_minute(rows):
    starts = started(rows, "Orders: sync to the ERP")

    by_schedule = [start for start in starts if start.minute % 15 == 0]
    assert len(by_schedule) >= 8 * 96 - 1
    assert len(by_schedule) > 0.97 * len(starts)


def test_offices_rest_at_night_and_at_the_weekend(rows):
    starts = started(rows, "Support: sort tickets")

    working = [s for s in starts if s.weekday() < 5 and 8 <= s.hour < 18]
    assert len(working) > 0.7 * len(starts)


def test_a_rhythm_is_about_one_over_a_week():
    for rhythm in Rhythm:
        weights = [rhythm.weight(day, hour) for day in range(7) for hour in range(24)]
        assert sum(weights) / len(weights) == pytest.approx(1, abs=0.15)


def test_an_incident_makes_what_it_touches_fail(shop):
    ids = [stable_id(name) for name in SHOP_INCIDENTS[0].workflows]
    begins = START - SHOP_INCIDENTS[0].begins * HOUR
    ends = START - SHOP_INCIDENTS[0].ends * HOUR

    during = [
        row.status
        for row in shop.fake.rows()
        if row.workflow_id in ids and row.started_at and begins <= row.started_at <= ends
    ]
    assert during.count("error") > 0.7 * len(during)


def test_a_failure_is_followed_by_the_error_workflow(rows):
    failed = {r.id for r in rows if r.status == "error" and r.mode in ("webhook", "trigger")}
    handled = started(rows, HANDLER)

    assert len(handled) >= len(failed) * 0.95


def test_a_retry_names_its_original(rows):
    by_id = {row.id: row for row in rows}
    retries = [row for row in rows if row.mode == "retry"]

    assert retries
    for retry in retries:
        assert by_id[retry.retry_of].status == "error"
        assert by_id[retry.retry_of].workflow_id == retry.workflow_id


def test_runs_that_are_not_saved_leave_holes():
    plan = Plan("IT: certificates", every=60, saves_success=False)

    life = live((plan,))

    assert not [row for row in life.fake.rows() if row.status == "success"]
    assert life.fake.store.next_id > 570


def test_the_same_start_and_seed_give_the_same_life():
    assert list(live(days=1).fake.rows()) == list(live(days=1).fake.rows())
    assert list(live(days=1).fake.rows()) != list(live(days=1, seed=2).fake.rows())


def test_it_goes_on_in_the_same_way_in_small_steps_and_in_one():
    steps, leap = live(FACTORY, days=1), live(FACTORY, days=1)

    for minute in range(1, 181):
        steps.advance(START + timedelta(minutes=minute))
    leap.advance(START + 3 * HOUR)

    assert list(steps.fake.rows()) == list(leap.fake.rows())


def test_new_runs_come_every_few_seconds():
    life = live(days=1)
    before = len(life.fake.store)

    life.advance(START + timedelta(minutes=10))

    assert len(life.fake.store) - before > 50


def test_what_people_did_happens_again_in_the_next_life(tmp_path):
    diary = tmp_path / "diary"
    first = live(FACTORY, days=1, diary=diary)
    failed = next(row.id for row in first.fake.rows() if row.status == "error")
    with client_of(first.fake) as client:
        client.retry_execution(failed)
    first.advance(START + HOUR)

    second = live(FACTORY, days=1, diary=diary)
    second.advance(START + HOUR)

    assert list(second.fake.rows()) == list(first.fake.rows())
    assert second.fake.row(failed).retry_success_id != ""


def test_a_request_finds_everything_that_happened_until_then():
    life = live((Plan("Tick", every=1),), days=1)
    life.fake.clock = lambda: START + timedelta(minutes=5, seconds=30)

    with client_of(life.fake) as client:
        newest = client.list_executions(limit=1).items[0]

    assert newest.started_at > START + timedelta(minutes=5)


def test_the_companies_are_large_enough_to_be_believed():
    names = {plan.name for demo in DEMO for plan in demo.plans}

    assert len(names) >= 25
    assert len({demo.tenant_slug for demo in DEMO}) == 2
    assert len({(demo.tenant_slug, demo.name) for demo in DEMO}) == 3
    assert len({demo.key for demo in DEMO}) == 3


def test_every_incident_names_workflows_that_are_there():
    for demo in DEMO:
        known = {plan.name for plan in demo.plans}
        assert all(set(incident.workflows) <= known for incident in demo.incidents)
        assert {plan.calls for plan in demo.plans if plan.calls} <= known


def test_an_incident_outside_of_its_time_does_nothing():
    incident = Incident(2_000.0, 1_999.0, ("Tick",), "refused")

    life = live((Plan("Tick", every=1),), days=1, incidents=(incident,))

    assert {row.status for row in life.fake.rows()} <= {"success", "running", "canceled", "crashed"}
