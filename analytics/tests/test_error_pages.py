"""The pages of errors as the server renders them, and what people do there."""

import re
from datetime import timedelta
from html import unescape
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from django.http import QueryDict
from django.utils import timezone

from analytics.models import ErrorGroup, GroupEvent
from analytics.tests.counting import refresh_all
from analytics.tests.failing import ErrorGroupFactory, fail
from executions.filters import ExecutionFilter
from executions.tests.factories import EnvironmentFactory, WorkflowFactory
from tenants.models import Role
from tenants.scope import operator_scope, tenant_scope
from tenants.tests.factories import MembershipFactory

pytestmark = pytest.mark.django_db
COUNTED = re.compile(r'<a [^>]*?data-count="(\d+)"[^>]*?href="([^"]*)"')
REFUSED = "connect ECONNREFUSED 10.0.0.{}:5432"
AN_HOUR = timedelta(hours=1)


@pytest.fixture
def member():
    with operator_scope():
        return MembershipFactory(role=Role.OPERATOR)


@pytest.fixture
def environment(member):
    with operator_scope():
        return EnvironmentFactory(tenant=member.tenant, name="Prod")


@pytest.fixture
def top(client, member):
    client.force_login(member.user)
    return f"/t/{member.tenant.slug}/errors"


def failing(environment, *messages, **values):
    with operator_scope():
        for message in messages:
            fail(environment, timezone.now() - AN_HOUR, message, **values)
    refresh_all()


def the_group(member, **narrowed):
    with tenant_scope(member.tenant_id):
        return ErrorGroup.objects.for_tenant(member.tenant).get(**narrowed)


def text_of(answer):
    assert answer.status_code == 200
    return unescape(answer.content.decode())


def act(client, address, name, **values):
    return client.post(f"{address}/act", {"act": name, **values}, follow=True)


def test_a_new_error_waits_for_review(client, top, environment):
    failing(environment, REFUSED.format(1), REFUSED.format(2), workflow_id="wf1")

    page = text_of(client.get(top))

    assert "connect ECONNREFUSED" in page
    assert REFUSED.format(2) in page or REFUSED.format(1) in page
    assert "Connection" in page
    assert re.search(r'aria-current="page">For review <span class="count">1<', page)


def test_each_number_leads_to_exactly_its_rows(client, top, member, environment):
    failing(environment, REFUSED.format(1), REFUSED.format(2), workflow_id="wf1")
    failing(environment, REFUSED.format(3), "a is odd in b", workflow_id="wf2")
    pk = the_group(member, error_class="connection").pk

    pages = text_of(client.get(top)) + text_of(client.get(f"{top}/{pk}"))

    counted = COUNTED.findall(pages)
    assert len(counted) > 6
    for count, address in counted:
        chosen = ExecutionFilter(QueryDict(urlsplit(address).query), tenant=member.tenant)
        with tenant_scope(member.tenant_id):
            assert chosen.is_valid(), chosen.errors
            assert chosen.executions().count() == int(count), address


def test_resolved_errors_go_to_their_own_tab(client, top, member, environment):
    failing(environment, REFUSED.format(1), "a is odd in b")
    pk = the_group(member, error_class="connection").pk

    page = text_of(client.post(f"{top}/act", {"act": "resolve", "group": [str(pk)]}, follow=True))

    assert "1 error is resolved." in page
    assert "ECONNREFUSED" not in page
    assert "ECONNREFUSED" in text_of(client.get(top, {"tab": "resolved"}))


def test_several_are_archived_at_once_and_the_list_stays_as_it_was(
    client, top, member, environment
):
    failing(environment, REFUSED.format(1), "a is odd in b")
    with tenant_scope(member.tenant_id):
        ids = [str(one.pk) for one in ErrorGroup.objects.for_tenant(member.tenant)]

    answer = client.post(
        f"{top}/act", {"act": "archive", "group": ids, "days": "7", "back": "tab=all&sort=count"}
    )

    assert answer.url == f"{top}?tab=all&sort=count"
    with tenant_scope(member.tenant_id):
        groups = ErrorGroup.objects.for_tenant(member.tenant)
        assert {one.state for one in groups} == {"archived"}
        assert all(one.archived_until for one in groups)


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        ({"act": "resolve"}, "No error is ticked; tick those that are meant."),
        ({"act": "delete"}, "“delete” is not one of: resolve, reopen, archive."),
        ({"act": "resolve", "group": ["odd"]}, "“odd” is not a valid UUID."),
        (
            {"act": "archive", "days": "900"},
            "Days: “900” is not allowed; take a number from 1 to 365.",
        ),
    ],
)
def test_what_cannot_be_done_with_several_is_said(client, top, environment, sent, sentence):
    page = text_of(client.post(f"{top}/act", sent, follow=True))

    assert sentence in page


def test_what_another_tab_has_resolved_meanwhile_is_said(client, top, member, environment):
    failing(environment, REFUSED.format(1))
    pk = str(the_group(member).pk)
    client.post(f"{top}/act", {"act": "resolve", "group": [pk]})

    page = text_of(client.post(f"{top}/act", {"act": "resolve", "group": [pk]}, follow=True))

    assert "1 error is not resolved: It is resolved already." in page


def test_another_tenants_error_is_not_touched(client, top, member, environment):
    with operator_scope():
        theirs = ErrorGroupFactory(tenant=MembershipFactory().tenant)

    text_of(client.post(f"{top}/act", {"act": "resolve", "group": [str(theirs.pk)]}, follow=True))

    assert client.get(f"{top}/{theirs.pk}").status_code == 404
    assert client.post(f"{top}/{theirs.pk}/act", {"act": "resolve"}).status_code == 404
    with operator_scope():
        theirs.refresh_from_db()
    assert theirs.state == "ongoing"


def test_one_error_says_what_it_means_and_where_it_fails(client, top, member, environment):
    with operator_scope():
        WorkflowFactory(environment=environment, workflow_id="wf1", name="Order sync")
    failing(
        environment, REFUSED.format(1), REFUSED.format(2), workflow_id="wf1", error_node="Postgres"
    )

    page = text_of(client.get(f"{top}/{the_group(member).pk}"))

    for said in ("The other side refused", "Check that the service runs", "Order sync", "Prod"):
        assert said in page
    for said in ("Trying again often helps.", "10.0.0.1", "Postgres", "Grouping version"):
        assert said in page


@pytest.mark.parametrize(
    ("name", "values", "state", "said"),
    [
        ("resolve", {"resolved_in": "next_version"}, "resolved", "It is resolved."),
        ("archive", {"count": "10"}, "archived", "until it failed 10 more times"),
        ("archive", {}, "archived", "for good"),
        (
            "archive",
            {"rate": "0"},
            "new",
            "Failures within an hour: “0” is not allowed; take a number",
        ),
        ("reopen", {}, "new", "It is open already."),
        ("assign", {"assignee": "nobody-here"}, "new", "“nobody-here” is no member here."),
        ("note", {"text": ""}, "new", "Note: This field is required."),
        ("merge", {"target": str(uuid4())}, "new", "is not one of your errors."),
        ("unmerge", {"member": str(uuid4())}, "new", "That group is not merged into this one."),
        ("explode", {}, "new", "“explode” is not one of: resolve, reopen,"),
    ],
)
def test_an_act_is_carried_out_or_refused_in_a_sentence(
    client, top, member, environment, name, values, state, said
):
    failing(environment, REFUSED.format(1))
    group = the_group(member)

    page = text_of(act(client, f"{top}/{group.pk}", name, **values))

    assert said in page
    assert the_group(member).state == state


def test_who_looks_after_it_and_what_was_found_out_are_shown(client, top, member, environment):
    failing(environment, REFUSED.format(1))
    address = f"{top}/{the_group(member).pk}"

    act(client, address, "assign", assignee=member.user.username)
    page = text_of(act(client, address, "note", text="The <b>database</b> was moved."))

    assert f"To {member.user.username}" in page
    assert "The <b>database</b> was moved." in page
    assert "<b>database" not in client.get(address).content.decode()


def test_an_error_is_merged_into_one_that_is_found_by_its_text_and_taken_out_again(
    client, top, member, environment
):
    failing(environment, REFUSED.format(1), "zorp blorps")
    odd, refused = (the_group(member, error_class=name) for name in ("unknown", "connection"))
    address = f"{top}/{odd.pk}"

    assert "Merge into this" in text_of(client.get(address, {"into": "econnrefused"}))
    merged = act(client, address, "merge", target=str(refused.pk))
    assert merged.redirect_chain == [(f"{top}/{refused.pk}", 302)]
    assert "Merged into it" in text_of(merged)
    assert client.get(address).url == f"{top}/{refused.pk}"

    act(client, f"{top}/{refused.pk}", "unmerge", member=str(odd.pk))

    assert client.get(address).status_code == 200


def test_viewers_look_and_operators_act(client, top, member, environment):
    failing(environment, REFUSED.format(1))
    pk = the_group(member).pk
    with operator_scope():
        client.force_login(MembershipFactory(tenant=member.tenant, role=Role.VIEWER).user)

    pages = text_of(client.get(top)) + text_of(client.get(f"{top}/{pk}"))

    assert 'name="act"' not in pages
    assert client.post(f"{top}/{pk}/act", {"act": "resolve"}).status_code == 403
    assert client.post(f"{top}/act", {"act": "resolve"}).status_code == 403
    with tenant_scope(member.tenant_id):
        assert not GroupEvent.objects.for_tenant(member.tenant).exists()


def test_what_differs_stands_back_and_the_overview_leads_here(client, top, environment):
    failing(environment, "timeout of 100 ms exceeded", "timeout of 250 ms exceeded")
    home = text_of(client.get(top.removesuffix("errors"), {"time_range": "7d"}))
    (address,) = re.findall(r'<div><a class="line" href="([^"]*)"', home)

    page = text_of(client.get(address))

    assert re.fullmatch(rf"{top}/[-0-9a-f]+\?time_range=7d", address)
    assert 'timeout of <span class="gap" title="This differs.">…</span>' in page


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({}, "Nothing to review"),
        ({"tab": "ongoing"}, "No ongoing error"),
        ({"tab": "archived"}, "Nothing archived failed in this time"),
        ({"tab": "resolved"}, "No resolved error failed in this time"),
        ({"tab": "all"}, "No errors in this time"),
        ({"tab": "all", "q": "nothing like it"}, "No error matches"),
    ],
)
def test_an_empty_part_says_what_is_good_and_what_to_do(client, top, environment, chosen, said):
    assert said in text_of(client.get(top, chosen))


@pytest.mark.parametrize(
    ("chosen", "sentence"),
    [
        ({"tab": "gone"}, "“gone” is not one of: review, ongoing, archived, resolved, all."),
        ({"state": "new"}, "“state” is not a filter"),
        ({"sort": "-name"}, "“-name” is not one of: count,"),
    ],
)
def test_a_wrong_question_is_refused_in_a_sentence(client, top, environment, chosen, sentence):
    answer = client.get(top, chosen)

    assert answer.status_code == 400
    assert sentence in unescape(answer.content.decode())


def test_the_list_is_searched_narrowed_and_sorted(client, top, environment):
    failing(environment, REFUSED.format(1), "a is odd in b")

    assert "is odd" not in text_of(client.get(top, {"q": "econnrefused"}))
    assert "is odd" not in text_of(client.get(top, {"error_class": "connection"}))
    page = text_of(client.get(top, {"sort": "error_type"}))
    assert page.index("is odd") < page.index("ECONNREFUSED")


def test_a_refused_credential_names_what_will_fail_next(client, top, environment):
    node = {"name": "HTTP", "credentials": [{"type": "httpAuth", "id": "1", "name": "Shop key"}]}
    with operator_scope():
        for number in (1, 2):
            WorkflowFactory(
                environment=environment,
                workflow_id=f"wf{number}",
                name=f"Flow {number}",
                is_active=True,
                nodes=[node],
            )
    assert "No credential was refused" in text_of(client.get(f"{top}/credentials"))
    named = {"workflow_id": "wf1", "workflow_name": "Flow 1", "error_node": "HTTP"}
    failing(environment, "Request failed with status code 401", **named)

    page = text_of(client.get(f"{top}/credentials"))

    assert "Shop key" in page
    assert page.index("Flow 1") < page.index("Next to fail") < page.index("Flow 2")


HOSTILE = "<script>alert(1)</script> مرحبا \u202egnirts {{ 7*7 }} <*> " + "W" * 900


@pytest.mark.parametrize("page", ["", "/{pk}"])
def test_hostile_texts_stay_texts(client, top, member, environment, page):
    failing(environment, HOSTILE, workflow_name=HOSTILE[:200], error_node=HOSTILE[:200])

    shown = client.get(
        top + page.format(pk=the_group(member).pk), {"tab": "all"} if not page else {}
    )

    assert shown.status_code == 200
    assert "<script>alert" not in shown.content.decode()
    assert "{{ 7*7 }}" in shown.content.decode() or "alert" in shown.content.decode()
