"""The pages of numbers as the server renders them: every number leads to the rows it counts."""

import gzip
import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from django.http import QueryDict

from analytics.models import ErrorGroup
from analytics.tests.filling import fill, make_environment
from executions.filters import ExecutionFilter
from tenants.models import Role, Tenant
from tenants.scope import operator_scope, tenant_scope
from tenants.tests.factories import MembershipFactory

pytestmark = pytest.mark.django_db
COUNTED = re.compile(r'<a [^>]*?data-count="(\d+)"[^>]*?href="([^"]*)"')
# A number of its own that leads nowhere; a version counts nothing.
LOOSE = re.compile(r"(?<!version</dt>)<(?:td|dd)\b[^>]*>\s*([1-9][\d,]*)\s*</")


@pytest.fixture(scope="module")
def written(module_transaction):
    """A member, and two environments with runs of every status."""
    with operator_scope():
        member = MembershipFactory(role=Role.OWNER)
    production = make_environment(member, "Production")
    staging = make_environment(member, "Staging")
    fill(production)
    fill(staging, seed=2, count=120)
    return member, (production, staging)


@pytest.fixture
def member(written):
    return written[0]


@pytest.fixture
def two(written):
    return written[1]


@pytest.fixture
def top(client, member):
    client.force_login(member.user)
    return f"/t/{member.tenant.slug}"


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


def test_a_table_is_sorted_by_its_heads_and_says_so(client, top, two):
    text = client.get(f"{top}/workflows").content.decode()
    head = re.search(
        r'<th scope="col" class="number extra" aria-sort="descending"><a href="([^"]+)">Risk', text
    )
    turned = client.get(unescape(head[1])).content.decode()

    assert parse_qs(urlsplit(unescape(head[1])).query)["sort"] == ["risk"]
    assert 'aria-sort="ascending"' in turned


def test_a_workflow_that_nobody_knows_does_not_exist(client, top, two):
    for workflow_id in ("nothing", "%00", "a" * 300):
        assert client.get(f"{top}/workflows/{two[0].pk}/{workflow_id}").status_code == 404


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
