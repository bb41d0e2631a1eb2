"""Pages as the server renders them: what they show, what they refuse, what they leave alone."""

from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from executions.models import Environment, SyncRun
from executions.tests.factories import EnvironmentFactory, ExecutionFactory
from tenants.models import Role
from tenants.scope import operator_scope, tenant_scope
from tenants.tests.factories import MembershipFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def membership():
    with operator_scope():
        return MembershipFactory(role=Role.OWNER)


@pytest.fixture
def tenant(membership):
    return membership.tenant


@pytest.fixture
def environment(tenant):
    with tenant_scope(tenant.pk):
        return EnvironmentFactory(
            tenant=tenant, name="Production", base_url="http://127.0.0.1:59999"
        )


@pytest.fixture
def top(client, membership):
    """Signed in; the address that all pages of the tenant begin with."""
    client.force_login(membership.user)
    return f"/t/{membership.tenant.slug}"


def executions(tenant, environment, count=1, **values):
    newest = values.pop("newest", None) or timezone.now()
    with tenant_scope(tenant.pk):
        return [
            ExecutionFactory(
                tenant=tenant,
                environment_id=environment.pk,
                started_at=newest - timedelta(minutes=minute),
                **values,
            )
            for minute in range(count)
        ]


def stored(tenant, model=Environment):
    with tenant_scope(tenant.pk):
        return list(model.objects.for_tenant(tenant))


def sign_in_as(client, tenant, role):
    with operator_scope():
        member = MembershipFactory(tenant=tenant, role=role)
    client.force_login(member.user)


class Texts(HTMLParser):
    """The texts of the notices on a page."""

    def __init__(self, page):
        super().__init__()
        self.notices, self.inside = [], False
        self.feed(page.content.decode())

    def handle_starttag(self, tag, attributes):
        if tag == "p":
            self.inside = "notice" in (dict(attributes).get("class") or "")
            self.notices += [""] if self.inside else []

    def handle_endtag(self, tag):
        if tag == "p":
            self.inside = False

    def handle_data(self, text):
        if self.inside:
            self.notices[-1] += text


def notices(page):
    return Texts(page).notices


# --- The list of executions --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("status=failed", "Status: “failed” is not one of: success, error, running, waiting"),
        ("environment=nonsense", "Environment: “nonsense” is not the id of one of your"),
        ("started_after=yesterday", "Started after: “yesterday” is not a time; write"),
        ("started_after=now-1h&started_before=now-2h", "Started before: The range ends before"),
        ("duration_min=soon", "Duration min: “soon” is not a number of milliseconds"),
        ("q=" + "x" * 201, "Error text: Ensure this value has at most 200 characters"),
        ("workflow=" + "x" * 65, "is longer than 64 characters"),
        ("colour=red", "“colour” is not a filter; there are: environment, workflow"),
        ("cursor=made-up", "The cursor is not one of this list; begin again without it."),
    ],
)
def test_a_bad_filter_is_refused_in_one_sentence(client, tenant, environment, top, query, sentence):
    executions(tenant, environment)

    page = client.get(f"{top}/executions?{query}")

    assert page.status_code == 400
    (notice,) = notices(page)
    assert sentence in notice
    assert 'class="what"' not in page.content.decode()


def test_what_was_typed_into_a_refused_search_stays(client, top):
    page = client.get(f"{top}/executions?q=fire&mode=retry&query=status:sad")

    assert 'value="mode:retry error:fire status:sad"' in page.content.decode()


def test_filters_narrow_the_list(client, tenant, environment, top):
    executions(tenant, environment, workflow_name="Fine")
    executions(tenant, environment, workflow_name="Broken", status="error")
    executions(tenant, environment, workflow_name="Stopped", status="canceled")

    text = client.get(f"{top}/executions?status=error&status=canceled").content.decode()

    assert ("Broken" in text, "Stopped" in text, "Fine" in text) == (True, True, False)


def test_filters_of_older_links_are_tokens_that_can_be_removed(client, tenant, top):
    page = client.get(f"{top}/executions?workflow=wf1&status=error&started_after=now-1h")

    text = page.content.decode()
    assert 'value="status:error workflow:wf1"' in text
    assert 'href="?started_after=now-1h&amp;query=workflow%3Awf1"' in text


def test_pages_lead_forth_and_back(client, tenant, environment, top):
    executions(tenant, environment, 120)
    first = client.get(f"{top}/executions?view=all").context["page"]

    second = client.get(f"{top}/executions?cursor={first.next_cursor}").context["page"]
    third = client.get(f"{top}/executions?cursor={second.next_cursor}").context["page"]
    back = client.get(f"{top}/executions?cursor={third.previous_cursor}").context["page"]
    top_again = client.get(f"{top}/executions?cursor={second.previous_cursor}").context["page"]

    assert [len(page.rows) for page in (first, second, third)] == [50, 50, 20]
    assert (first.previous_cursor, third.next_cursor) == (None, None)
    assert back.rows == second.rows
    assert top_again.rows == first.rows


def test_a_tenant_without_n8n_is_led_to_connecting(client, top):
    assert client.get(f"{top}/").url == f"{top}/environments/connect"
    assert "No n8n is connected yet" in client.get(f"{top}/executions").content.decode()


def test_who_may_not_connect_is_told_whom_to_ask(client, tenant):
    sign_in_as(client, tenant, Role.OPERATOR)

    page = client.get(f"/t/{tenant.slug}/", follow=True)

    assert page.status_code == 200
    assert "Ask an admin of this tenant to connect one" in page.content.decode()


def test_an_environment_without_executions_says_that_nothing_was_copied(client, environment, top):
    assert "Nothing has been copied yet" in client.get(f"{top}/executions").content.decode()


def test_a_filter_that_matches_nothing_offers_to_clear_it(client, tenant, environment, top):
    executions(tenant, environment)

    text = client.get(f"{top}/executions?status=error").content.decode()

    assert "No execution matches this filter" in text
    assert f'<a href="{top}/executions?view=all">clear it</a>' in text


def queries_of(client, path):
    with CaptureQueriesContext(connection) as queries:
        assert client.get(path).status_code == 200
    return len(queries)


def test_the_lists_take_as_many_queries_for_thirty_rows_as_for_one(
    client, tenant, environment, top
):
    executions(tenant, environment)
    paths = [f"{top}/executions", f"{top}/environments", f"{top}/environments/{environment.pk}"]
    one = [queries_of(client, path) for path in paths]

    executions(tenant, environment, 29)
    with tenant_scope(tenant.pk):
        for number in range(29):
            more = EnvironmentFactory(tenant=tenant)
            state = SyncRun.State.DONE if number else SyncRun.State.RUNNING
            SyncRun.objects.create(tenant=tenant, environment=more, kind="cycle", state=state)
            SyncRun.objects.create(
                tenant=tenant, environment=environment, kind="cycle", state=SyncRun.State.DONE
            )

    assert [queries_of(client, path) for path in paths] == one


# --- One execution -----------------------------------------------------------------------------


def test_a_failed_execution_says_why(client, tenant, environment, top):
    (row,) = executions(
        tenant,
        environment,
        status="crashed",
        normalized_status="error",
        error_message="<b>Out of memory</b>",
        error_node="Transform",
        error_class="resource",
    )

    text = client.get(f"{top}/executions/{row.pk}").content.decode()

    for part in ("&lt;b&gt;Out of memory&lt;/b&gt;", "Transform", "resource", "Crashed"):
        assert part in text
    assert f"{environment.base_url}/workflow/wf00000/executions/{row.n8n_execution_id}" in text


def test_an_execution_that_n8n_lost_says_so(client, tenant, environment, top):
    (row,) = executions(tenant, environment, status="running", gone_at=timezone.now())

    text = client.get(f"{top}/executions/{row.pk}").content.decode()

    assert "n8n no longer has this run" in text


@pytest.mark.parametrize(
    ("of_person", "of_tenant", "shown", "zone"),
    [
        ("", "UTC", "2026-07-01 22:30:00 UTC", "UTC"),
        ("", "Europe/Berlin", "2026-07-02 00:30:00 CEST", "Europe/Berlin"),
        ("America/New_York", "Europe/Berlin", "2026-07-01 18:30:00 EDT", "America/New_York"),
    ],
)
def test_times_are_in_the_zone_of_the_person_else_of_the_tenant(
    client, membership, environment, of_person, of_tenant, shown, zone
):
    tenant, user = membership.tenant, membership.user
    with operator_scope():
        tenant.time_zone, user.time_zone = of_tenant, of_person
        tenant.save()
        user.save()
    client.force_login(user)
    started_at = datetime(2026, 7, 1, 22, 30, tzinfo=UTC)
    (row,) = executions(tenant, environment, newest=started_at)

    text = client.get(f"/t/{tenant.slug}/executions/{row.pk}").content.decode()

    assert shown in text
    assert f"Times are in {zone}." in text
    assert timezone.get_current_timezone_name() == "UTC"


# --- All pages ---------------------------------------------------------------------------------


def test_looking_at_pages_writes_nothing(client, tenant, environment, top):
    (row,) = executions(tenant, environment)
    one = f"{top}/environments/{environment.pk}"
    paths = [
        f"{top}/executions",
        f"{top}/executions/{row.pk}",
        f"{top}/environments",
        f"{top}/environments/connect",
        one,
        f"{one}/edit",
        f"{one}/remove",
    ]

    with CaptureQueriesContext(connection) as queries:
        for path in paths:
            assert client.get(path).status_code == 200

    words = {query["sql"].split()[0] for query in queries}
    # The tries of a run are found by a recursive query.
    assert words <= {"SELECT", "WITH", "SAVEPOINT", "RELEASE"}


def test_a_page_says_where_it_is(client, tenant, environment, top):
    (row,) = executions(tenant, environment)

    on_the_list = client.get(f"{top}/executions").content.decode()
    below_it = client.get(f"{top}/executions/{row.pk}").content.decode()

    assert f'<a href="{top}/executions" aria-current="page"' in on_the_list
    assert f'<a href="{top}/executions" aria-current="true"' in below_it


def test_ages_are_written_in_their_largest_unit(client, tenant, environment, top):
    now = timezone.now()
    executions(tenant, environment, newest=now - timedelta(hours=30))

    with time_machine.travel(now, tick=False):
        text = client.get(f"{top}/executions").content.decode()

    assert ">1 d ago</time>" in text
