"""The page of one environment: its verdict, what it covers, and the history of its syncs."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.utils import timezone

from executions import coverage
from executions.models import Environment, Health, SyncRun, SyncState
from executions.tests.factories import EnvironmentFactory, ExecutionFactory
from tenants.models import Role
from tenants.scope import operator_scope, tenant_scope
from tenants.tests.factories import MembershipFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def environment():
    with operator_scope():
        return EnvironmentFactory(name="Production", health=Health.REACHABLE)


@pytest.fixture
def change(environment):
    """Set columns of the environment and of its sync."""

    def to(environment_values=None, **sync_values):
        tenant_id = environment.tenant_id
        with tenant_scope(tenant_id):
            Environment.objects.for_tenant(tenant_id).update(
                **(environment_values or {"name": "P"})
            )
            if sync_values:
                SyncState.objects.for_tenant(tenant_id).update(**sync_values)

    return to


@pytest.fixture
def add_run(environment):
    def with_values(**values):
        with tenant_scope(environment.tenant_id):
            return SyncRun.objects.create(
                tenant=environment.tenant, environment=environment, **{"kind": "cycle", **values}
            )

    return with_values


@pytest.fixture
def seen(environment):
    """Write a stretch, given in days before now, into the ledger."""

    def stretch(since, until=0.0):
        now = timezone.now()
        known = coverage.Stretch(now - timedelta(days=since), now - timedelta(days=until))
        with tenant_scope(environment.tenant_id):
            coverage.extend(environment.tenant_id, environment.pk, known)

    return stretch


@pytest.fixture
def address(environment):
    return f"/t/{environment.tenant.slug}/environments/{environment.pk}"


@pytest.fixture
def page(client, environment, address):
    """The page as somebody of this role reads it."""

    def of(role=Role.OPERATOR):
        with operator_scope():
            client.force_login(MembershipFactory(tenant=environment.tenant, role=role).user)
        answer = client.get(address)
        assert answer.status_code == 200
        return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", "", answer.content.decode())))

    return of


def test_quarantine_shows_its_reason_and_can_be_released(client, page, change, address):
    change(quarantined_at=timezone.now(), quarantine_reason="Copying died 3 times in a row.")

    text = page()

    assert "Quarantined Copying died 3 times in a row." in text
    assert "left alone until somebody releases it" in text
    assert "Release" in text
    client.post(f"{address}/release")
    assert "Quarantined" not in page()


def test_a_viewer_sees_the_quarantine_and_no_button(page, change):
    change(quarantined_at=timezone.now(), quarantine_reason="Copying died 3 times in a row.")

    text = page(Role.VIEWER)

    assert "Copying died 3 times in a row." in text
    assert "Release" not in text


@pytest.mark.parametrize(
    ("health", "advice"),
    [
        (Health.UNREACHABLE, "What was copied stays, and it goes on there."),
        (Health.KEY_REJECTED, "Give it another API key."),
        (Health.SCOPE_MISSING, "Give it an API key with all four scopes."),
        (Health.NOT_N8N, "Check the address and what stands between"),
    ],
)
def test_a_failure_says_why_and_what_happens_next(page, change, add_run, health, advice):
    change(
        {"health": health, "health_reason": "It went wrong."},
        failures=2,
        due_at=timezone.now() + timedelta(minutes=3, seconds=20),
    )
    add_run(state="running", message="It went wrong.", failures=2)

    text = page()

    for times in (f"It went wrong. {advice}", "It is tried again in 3 min."):
        assert text.count(times) == 2


def test_a_sync_that_came_through_keeps_what_failed_on_its_way(page, add_run):
    add_run(state="done", message="n8n did not answer in time.", failures=3, rows_refused=1)

    text = page()

    assert "Came through after 3 failed tries. The last one: n8n did not answer in time." in text
    assert "1 row was no executions and left out." in text


def test_what_was_seen_is_told_with_its_gaps(page, change, seen):
    seen(8, 5), seen(4)
    change(synced_at=timezone.now())

    text = page()

    assert "Everything that n8n listed up to" in text
    gap = re.search(r"Not seen, so nothing can be said of these times: (.*) Syncs", text)[1]
    assert gap.count(" to ") == 1
    assert f"{timezone.now() - timedelta(days=5):%Y-%m-%d}" in gap


def test_no_gap_is_told_as_such(page, change, seen):
    seen(30)
    change(synced_at=timezone.now())

    assert "There are no gaps since" in page()


def test_before_the_first_sync_nothing_is_whole(page):
    assert "No sync has come to its end yet" in page()


def test_what_was_not_in_n8n_any_more_is_told_apart_from_what_is_still_loading(
    page, change, seen, add_run
):
    seen(2)
    change(synced_at=timezone.now())
    assert "n8n had nothing older when it was loaded" in page()

    add_run(kind="history", state="running")

    assert "still being loaded" in page()


def test_an_n8n_that_saves_no_successes_is_told(page, environment):
    with tenant_scope(environment.tenant_id):
        for _ in range(20):
            ExecutionFactory(
                tenant=environment.tenant, environment_id=environment.pk, status="error"
            )

    assert "no success rate can be said" in page()


def test_a_load_shows_how_far_it_is(client, page, environment, address, add_run):
    now = timezone.now()
    add_run(
        kind="history",
        state="running",
        rows_seen=2500,
        busy_ms=5000,
        top_at=now,
        oldest_at=now - timedelta(days=1),
        floor_at=now - timedelta(days=4),
    )

    text = page()

    assert "Load of the past: 2,500 of about 10,000 executions, 500 a second" in text
    assert 'value="25.0"' in client.get(address).content.decode()
