"""One execution on its page: what is usual, its other tries, and its data fetched from n8n."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from executions.models import Execution, SyncState
from executions.n8n.addresses import parse_allowed_networks
from executions.n8n.execution_data import read_data
from executions.n8n.fake import FakeN8n
from executions.n8n.fake_faults import status
from executions.n8n.fake_server import FakeServer
from executions.payload import payload_of
from executions.sync import run_turn
from executions.tests.factories import EnvironmentFactory, ExecutionFactory
from executions.tests.n8n.recorded import names_of, recorded
from executions.timeline import NodeTiming, timeline_of
from tenants.models import Role
from tenants.scope import operator_scope, tenant_scope
from tenants.tests.factories import MembershipFactory


@pytest.fixture
def membership(db):
    with operator_scope():
        return MembershipFactory(role=Role.VIEWER)


@pytest.fixture
def tenant(membership):
    return membership.tenant


@pytest.fixture
def top(client, membership):
    client.force_login(membership.user)
    return f"/t/{membership.tenant.slug}/executions"


@pytest.fixture
def environment(tenant):
    with tenant_scope(tenant.pk):
        return EnvironmentFactory(tenant=tenant, base_url="http://127.0.0.1:59999")


def run(tenant, environment, minutes=0, **values):
    values.setdefault("started_at", timezone.now() - timedelta(minutes=minutes))
    with tenant_scope(tenant.pk):
        return ExecutionFactory(tenant=tenant, environment_id=environment.pk, **values)


def page_of(client, top, row, tail=""):
    answer = client.get(f"{top}/{row.pk}{tail}")
    assert answer.status_code == 200
    return answer


# --- What is usual -----------------------------------------------------------------------------


def test_a_duration_is_compared_with_what_is_usual(client, tenant, environment, top):
    for minutes, milliseconds in enumerate([900, 1000, 1000, 1100, 90_000], start=1):
        run(tenant, environment, minutes, execution_time=milliseconds)
    run(tenant, environment, 3, execution_time=5, status="error")
    run(tenant, environment, 3, execution_time=5, workflow_id="another")
    slow = run(tenant, environment, execution_time=3200)

    page = page_of(client, top, slow)

    assert (page.context["usual"].milliseconds, page.context["usual"].runs) == (1000, 5)
    assert "3.2× its usual 1.0 s" in page.content.decode()


def test_too_few_runs_are_not_usual(client, tenant, environment, top):
    for minutes in range(1, 5):
        run(tenant, environment, minutes)

    assert page_of(client, top, run(tenant, environment)).context["usual"] is None


# --- Other tries -------------------------------------------------------------------------------


def test_all_tries_are_one_story_wherever_it_is_opened(client, tenant, environment, top):
    first = run(
        tenant, environment, 9, status="error", n8n_execution_id="11", retry_success_id="15"
    )
    second = run(tenant, environment, 8, status="error", n8n_execution_id="12", retry_of="11")
    third = run(tenant, environment, 7, n8n_execution_id="15", retry_of="12", mode="retry")
    run(tenant, environment, 6, n8n_execution_id="16")

    for row in (first, second, third):
        assert page_of(client, top, row).context["chain"] == [first, second, third]


def test_a_run_of_another_life_or_environment_is_no_try(client, tenant, environment, top):
    with tenant_scope(tenant.pk):
        other = EnvironmentFactory(tenant=tenant)
    run(tenant, other, 9, n8n_execution_id="11")
    run(tenant, environment, 9, n8n_execution_id="11", epoch=2)
    row = run(tenant, environment, n8n_execution_id="12", retry_of="11")

    page = page_of(client, top, row)

    assert page.context["chain"] == []
    assert "which was not copied" in page.content.decode()


def test_an_error_says_what_it_means_and_what_to_do(client, tenant, environment, top):
    row = run(
        tenant,
        environment,
        status="error",
        error_class="rate_limit",
        error_message="429",
        error_node='Say "hi"',
    )

    text = page_of(client, top, row).content.decode()

    assert "Too many requests" in text
    assert "send fewer requests at once" in text
    assert "?query=node%3A%22Say+%5C%22hi%5C%22%22" in text


# --- Its data ----------------------------------------------------------------------------------


@pytest.fixture
def n8n(settings):
    settings.ALLOWED_NETWORKS = parse_allowed_networks("loopback")
    fake = FakeN8n(first_id=100)
    with FakeServer(fake) as server:
        yield server


@pytest.fixture
def copied(tenant, n8n):
    """An environment whose n8n has one failed run, which was copied."""
    n8n.fake.run(n8n.fake.add_workflow("Order sync"), status="error", error="not_found")
    with tenant_scope(tenant.pk):
        environment = EnvironmentFactory(tenant=tenant, base_url=n8n.url, api_key=n8n.fake.api_key)
    assert run_turn(tenant_id=tenant.pk, environment_id=environment.pk, owner="test").ran
    with tenant_scope(tenant.pk):
        return Execution.objects.for_tenant(tenant).get()


def test_the_data_are_fetched_when_somebody_asks_and_stored_nowhere(
    client, tenant, n8n, copied, top
):
    assert "Fetch from n8n" in page_of(client, top, copied).content.decode()
    with CaptureQueriesContext(connection) as queries:
        page = page_of(client, top, copied, "/data")

    text = page.content.decode()
    payload = page.context["payload"]
    assert [part.failed for part in payload.nodes][-1] is True
    assert all(part.output.node in text for part in payload.nodes)
    assert page.context["timeline"].bars
    assert not any(one["sql"].startswith(("INSERT", "UPDATE", "DELETE")) for one in queries)


def test_a_part_of_the_page_is_fetched_where_scripts_run(client, n8n, copied, top):
    answer = client.get(f"{top}/{copied.pk}/data", headers={"HX-Request": "true"})

    assert "<html" not in answer.content.decode()
    assert "Data of each node" in answer.content.decode()


def gone(n8n, row):
    n8n.fake.delete(row.n8n_execution_id)


def without_data(n8n, row):
    n8n.fake.drop_data(row.n8n_execution_id)


def broken(n8n, row):
    n8n.fake.plan.next(status(503))


def forbidden(n8n, row):
    n8n.fake.scopes = frozenset()


def another_key(n8n, row):
    n8n.fake.api_key = "another"


def a_new_life(n8n, row):
    with tenant_scope(row.tenant_id):
        SyncState.objects.for_tenant(row.tenant_id).update(epoch=2)


@pytest.mark.parametrize(
    ("happens", "state", "sentence"),
    [
        (gone, "gone", "n8n no longer has the data of this run"),
        (without_data, "gone", "n8n no longer has the data of this run"),
        (broken, "server_error", "failed with status 503"),
        (forbidden, "scope_missing", "may not do this"),
        (another_key, "key_rejected", "rejected the API key"),
        (a_new_life, "gone", "an earlier database of this n8n"),
    ],
)
def test_what_cannot_be_fetched_says_why(client, n8n, copied, top, happens, state, sentence):
    happens(n8n, copied)

    text = page_of(client, top, copied, "/data").content.decode()

    assert f'data-state="{state}"' in text
    assert sentence in text
    assert n8n.fake.api_key not in text


def test_an_n8n_that_is_away_says_so(client, tenant, environment, top, settings):
    settings.ALLOWED_NETWORKS = parse_allowed_networks("loopback")

    text = page_of(client, top, run(tenant, environment), "/data").content.decode()

    assert 'data-state="refused"' in text


def test_a_run_without_its_environment_cannot_be_asked_for(client, tenant, environment, top):
    row = run(tenant, environment)
    with tenant_scope(tenant.pk):
        environment.delete()

    assert 'data-state="environment_removed"' in page_of(client, top, row, "/data").content.decode()


def test_what_is_too_large_is_not_asked_for(client, n8n, copied, top, monkeypatch):
    monkeypatch.setattr("executions.payload.LARGEST", 10)
    n8n.fake.log.clear()

    text = page_of(client, top, copied, "/data").content.decode()

    assert 'data-state="too_large"' in text
    assert [dict(one.query) for one in n8n.fake.log.entries] == [{}]


# --- What recorded data show -------------------------------------------------------------------


def test_recorded_data_are_read_and_masked():
    payload = payload_of(read_data(recorded("execution-success")))

    assert [part.output.node for part in payload.nodes] == [
        "Webhook",
        "Normalise",
        "Get stock",
        "Total",
    ]
    assert payload.nodes[1].output.came_from == ("Webhook",)
    assert "resume token" not in str(payload)


@pytest.mark.parametrize("name", names_of("execution-") + names_of("error-"))
def test_every_recorded_execution_can_be_shown(name):
    payload = payload_of(read_data(recorded(name)))

    assert timeline_of(payload.timings) is None or payload.nodes


def test_a_child_and_its_parent_name_each_other():
    parent = payload_of(read_data(recorded("execution-sub-workflow-parent-ok")))
    child = payload_of(read_data(recorded("execution-sub-workflow-child-ok")))

    assert len(parent.child_ids) == 1
    assert child.parent_id


# --- The timeline ------------------------------------------------------------------------------


def test_bars_lie_where_their_nodes_worked():
    begin = datetime(2026, 3, 1, tzinfo=UTC)
    second = timedelta(seconds=1)
    timeline = timeline_of(
        [
            NodeTiming("B", "", begin + 6 * second, 4000, failed=True),
            NodeTiming("A", "", begin, 5000, failed=False),
            NodeTiming("C", "", None, None, failed=False),
        ]
    )

    assert timeline.total_ms == 10_000
    assert [(bar.timing.node, bar.x, bar.width) for bar in timeline.bars] == [
        ("A", 0, 50),
        ("B", 60, 40),
        ("C", 0, 0),
    ]


def test_nothing_has_no_timeline():
    assert timeline_of([]) is None
