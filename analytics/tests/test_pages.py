"""The pages of numbers as the server renders them: every number leads to the rows it counts."""

import gzip
import re
from datetime import timedelta
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from django.http import QueryDict
from django.utils import timezone

from analytics.models import ErrorGroup
from analytics.tests.counting import add_run, random_runs, refresh_all
from analytics.tests.failing import fail
from executions.filters import ExecutionFilter
from executions.models import Coverage, Health, SyncState
from executions.tests.factories import EnvironmentFactory, WorkflowFactory
from tenants.models import Role, Tenant
from tenants.scope import operator_scope, tenant_scope
from tenants.tests.factories import MembershipFactory

pytestmark = pytest.mark.django_db
COUNTED = re.compile(r'<a [^>]*?data-count="(\d+)"[^>]*?href="([^"]*)"')
# A number of its own that leads nowhere; a version counts nothing.
LOOSE = re.compile(r"(?<!version</dt>)<(?:td|dd)\b[^>]*>\s*([1-9][\d,]*)\s*</")


REFUSED = "Request failed with status code 401"
KEYED = {
    "name": 'HTTP "1": call',
    "credentials": [{"type": "httpAuth", "id": "1", "name": "Shop key"}],
}


@pytest.fixture
def member():
    with operator_scope():
        return MembershipFactory(role=Role.OWNER)


@pytest.fixture
def top(client, member):
    client.force_login(member.user)
    return f"/t/{member.tenant.slug}"


def make_environment(member, name):
    with operator_scope():
        environment = EnvironmentFactory(
            tenant=member.tenant, name=name, health=Health.REACHABLE, base_url="http://n8n.example"
        )
        now = timezone.now()
        SyncState.objects.filter(environment=environment).update(synced_at=now)
        Coverage.objects.create(
            tenant_id=environment.tenant_id,
            environment=environment,
            from_at=now - timedelta(days=40),
            to_at=now,
        )
    return environment


def fill(environment, *, count=300, workflows=4, seed=1, days=3):
    now = timezone.now()
    with operator_scope():
        for number in range(workflows):
            WorkflowFactory(
                environment=environment,
                workflow_id=f"wf{number}",
                name=f"Flow {number}",
                is_active=number > 0,
                nodes=[KEYED],
                tags=["billing"] if number % 2 else ["ops"],
            )
        random_runs(
            environment,
            count=count,
            since=now - timedelta(days=days),
            until=now,
            seed=seed,
            workflows=workflows,
        )
        for number in range(6):
            fail(
                environment,
                now - timedelta(minutes=7 * number + 1),
                ("timeout of 100 ms exceeded", REFUSED)[number % 2],
                workflow_id="wf1",
                error_node=("Wait", 'HTTP "1": call')[number % 2],
                workflow_version_id=f"v{number % 2}",
                n8n_execution_id=f"{seed}-e{number}",
                id_order=900 + number,
            )
        fail(
            environment,
            now - timedelta(hours=30),
            REFUSED,
            workflow_id="wf2",
            error_node="Other",
            n8n_execution_id=f"{seed}-before",
            id_order=890,
        )
        refresh_all()


@pytest.fixture
def two(member):
    """Two environments with runs of every status."""
    production, staging = (
        make_environment(member, "Production"),
        make_environment(member, "Staging"),
    )
    fill(production)
    fill(staging, seed=2, count=120)
    return production, staging


def error_of(member):
    """The error whose failures name a credential."""
    with tenant_scope(member.tenant_id):
        groups = ErrorGroup.objects.for_tenant(member.tenant)
        return next(group.pk for group in groups if group.error_class == "auth")


def counts_on(text):
    return [(int(count), unescape(address)) for count, address in COUNTED.findall(text)]


def rows_behind(tenant, address):
    with tenant_scope(tenant.pk):
        chosen = ExecutionFilter(QueryDict(urlsplit(address).query), tenant=tenant)
        assert chosen.is_valid(), chosen.errors
        return chosen.executions().count()


@pytest.mark.parametrize(
    ("page", "at_least"),
    [
        ("/", 40),
        ("/workflows", 10),
        ("/environments", 4),
        ("/workflows/{one}/wf1", 20),
        ("/errors?tab=all", 3),
        ("/errors/{error}", 4),
        ("/errors/credentials", 1),
    ],
)
@pytest.mark.parametrize(
    "query",
    [
        "",
        "time_range=6h",
        "from=now-2d&to=now-3h",
        "tag=billing",
        "environment={one}",
        "zone=Asia/Kathmandu",
    ],
)
def test_every_number_leads_to_exactly_the_rows_that_it_counts(
    client, member, top, two, page, at_least, query
):
    path = top + page.format(one=two[0].pk, error=error_of(member))
    address = f"{path}{'&' if '?' in path else '?'}{query.format(one=two[0].pk)}"

    answer = client.get(address)

    text = answer.content.decode()
    found = counts_on(text)
    assert answer.status_code == 200
    assert len(found) >= (at_least if query in ("", "zone=Asia/Kathmandu") else 1)
    assert LOOSE.findall(text) == []
    wrong = {
        address: (count, rows)
        for count, address in set(found)
        if count != (rows := rows_behind(member.tenant, address))
    }
    assert wrong == {}


def test_what_needs_attention_leads_to_its_rows(client, member, top, two):
    text = client.get(f"{top}/").content.decode()

    failing = re.findall(r'href="([^"]+)"[^>]*>.{0,80}?<bdi>[^<]* failed in (\d+) of', text)
    assert failing
    for address, count in failing:
        assert rows_behind(member.tenant, unescape(address)) == int(count)


def test_the_time_and_the_filters_stay_while_moving(client, top, two):
    query = f"environment={two[0].pk}&tag=billing"

    relative = client.get(f"{top}/workflows?{query}&time_range=7d").content.decode()
    from_the_list = client.get(f"{top}/executions?{query}&started_after=now-7d").content.decode()

    assert f'href="{top}/?environment={two[0].pk}&amp;tag=billing&amp;time_range=7d"' in relative
    to_list = f"{top}/executions?environment={two[0].pk}&amp;tag=billing&amp;started_after=now-7d"
    assert f'href="{to_list}"' in relative
    assert (
        f"{top}/workflows?environment={two[0].pk}&amp;tag=billing&amp;time_range=7d"
        in from_the_list
    )


@pytest.mark.parametrize("page", ["/", "/workflows", "/environments", "/workflows/{one}/wf1"])
def test_what_cannot_be_asked_is_refused_in_a_sentence(client, top, two, page):
    answer = client.get(top + page.format(one=two[0].pk), {"time_range": "1y", "colour": "red"})

    assert answer.status_code == 400
    text = unescape(answer.content.decode())
    assert "“1y” is not one of: 1h, 6h, 24h, 7d, 30d." in text or "“colour” is not a filter" in text


@pytest.mark.parametrize(
    ("show", "shown"),
    [("failing", {"Flow 1"}), ("silent", {"Flow 3"}), ("active", {"Flow 1", "Flow 3"})],
)
def test_workflows_are_narrowed_to_what_needs_a_look(client, member, top, show, shown):
    environment = make_environment(member, "Production")
    now = timezone.now()
    with operator_scope():
        for number in (1, 3, 4):
            WorkflowFactory(
                environment=environment,
                workflow_id=f"wf{number}",
                name=f"Flow {number}",
                is_active=number < 4,
            )
        add_run(environment, now - timedelta(minutes=5), workflow_id="wf1", status="error")
        refresh_all()

    text = client.get(f"{top}/workflows", {"show": show}).content.decode()

    assert set(re.findall(r"<bdi>(Flow \d)</bdi>", text)) == shown


def test_a_table_is_sorted_by_its_heads_and_says_so(client, top, two):
    text = client.get(f"{top}/workflows").content.decode()
    head = re.search(
        r'<th scope="col" class="number extra" aria-sort="descending"><a href="([^"]+)">Risk', text
    )
    turned = client.get(unescape(head[1])).content.decode()

    assert parse_qs(urlsplit(unescape(head[1])).query)["sort"] == ["risk"]
    assert 'aria-sort="ascending"' in turned


def test_pages_of_the_table_lead_on_and_back(client, member, top):
    environment = make_environment(member, "Production")
    fill(environment, workflows=30)

    first = client.get(f"{top}/workflows").content.decode()
    second = client.get(
        top + "/workflows" + unescape(re.search(r'href="([^"]+)" rel="next"', first)[1])
    )
    back = re.search(r'href="([^"]+)" rel="prev"', second.content.decode())[1]

    assert "1–25 of 30" in first
    assert "26–30 of 30" in second.content.decode()
    assert unescape(back) == "?"


def test_a_workflow_that_nobody_knows_does_not_exist(client, top, two):
    for workflow_id in ("nothing", "%00", "a" * 300):
        assert client.get(f"{top}/workflows/{two[0].pk}/{workflow_id}").status_code == 404


def test_the_first_visit_leads_an_admin_to_connecting_and_tells_others_whom_to_ask(
    client, member, top
):
    assert client.get(f"{top}/").url == f"{top}/environments/connect"
    with operator_scope():
        viewer = MembershipFactory(tenant=member.tenant, role=Role.VIEWER)
    client.force_login(viewer.user)

    for page in ("/", "/workflows", "/environments"):
        assert (
            "Ask an admin of this tenant to connect one" in client.get(top + page).content.decode()
        )


def test_a_time_without_runs_says_so_and_offers_the_way_on(client, member, top):
    environment = make_environment(member, "Production")
    with operator_scope():
        WorkflowFactory(environment=environment, workflow_id="wf1", name="Flow 1")

    assert (
        "It did not run in this time"
        in client.get(f"{top}/workflows/{environment.pk}/wf1").content.decode()
    )
    assert "No errors in this time" in client.get(f"{top}/").content.decode()


PAGES = ("/", "/workflows", "/environments", "/workflows/{one}/wf1", "/find?q=flow", "/settings")


@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_light(client, top, two, page):
    """The budget is 150 kB compressed; what all pages share is below 100 kB (see its own test)."""
    answer = client.get(
        top
        + page.format(one=two[0].pk)
        + ("?time_range=30d" if "?" not in page and page != "/settings" else "")
    )

    assert answer.status_code == 200
    assert len(gzip.compress(answer.content)) < 40_000


def test_days_begin_by_the_zone_that_is_chosen(client, member, top, two):
    with tenant_scope(member.tenant_id):
        Tenant.objects.filter(pk=member.tenant_id).update(time_zone="Asia/Kathmandu")

    text = client.get(f"{top}/?time_range=7d").content.decode()
    other = re.search(r'href="([^"]+zone=UTC)"', text)[1]

    assert "Times are in Asia/Kathmandu." in text
    assert "Times are in UTC." in client.get(unescape(other)).content.decode()
