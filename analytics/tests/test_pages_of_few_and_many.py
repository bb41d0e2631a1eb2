"""Pages of numbers where there is little or nothing to count, or more than a page holds."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.utils import timezone

from analytics.tests.counting import add_run, refresh_all
from analytics.tests.filling import fill, make_environment
from executions.tests.factories import WorkflowFactory
from tenants.models import Role
from tenants.scope import operator_scope
from tenants.tests.factories import MembershipFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def member():
    with operator_scope():
        return MembershipFactory(role=Role.OWNER)


@pytest.fixture
def top(client, member):
    client.force_login(member.user)
    return f"/t/{member.tenant.slug}"


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
