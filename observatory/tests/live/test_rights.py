"""Who may listen to a real server's streams, and who is cut off while they listen."""

import uuid

import pytest
from django.contrib.auth.hashers import make_password
from django.test import Client as Browser
from django.urls import reverse

from executions.tests.faults.stage import eventually
from tenants.audit import Actor
from tenants.members import change_role, remove_member
from tenants.models import ApiToken, Membership, Role
from tenants.realtime import recheck_rights, tell
from tenants.scope import operator_scope, tenant_scope
from tenants.tests.factories import MembershipFactory
from tenants.tokens import revoke_token

pytestmark = pytest.mark.processes
ACTOR = Actor(label="a test")


@pytest.fixture
def member(membership):
    """One of whom the tenant can do without."""
    with tenant_scope(membership.tenant_id):
        return MembershipFactory(tenant=membership.tenant, role=Role.VIEWER)


@pytest.fixture
def browser(member):
    browser = Browser()
    browser.force_login(member.user)
    return browser


@pytest.fixture
def listening(web, audience, member, browser):
    """The member's page, which has begun to hear."""
    web.start()
    session = browser.cookies["sessionid"].value
    client = audience.join(member.tenant_id, session=session)
    eventually(lambda: client.heard)
    return client


def say(membership):
    assert tell(membership.tenant_id, "counts.update", {"total_executions": 1})


def kinds(client):
    return [one.kind for one in client.heard]


def test_a_member_who_is_removed_is_cut_off_at_once(listening, member):
    with tenant_scope(member.tenant_id):
        remove_member(member, by=Role.OWNER, actor=ACTOR)

    eventually(lambda: listening.statuses[-1] == 404)
    say(member)
    assert kinds(listening) == ["open"]


def test_a_member_who_signs_out_is_cut_off_at_once(listening, member, browser):
    browser.post(reverse("sign-out"))

    eventually(lambda: listening.statuses[-1] == 401)
    say(member)
    assert kinds(listening) == ["open"]


def test_an_account_that_is_closed_is_cut_off_at_once(listening, member):
    member.user.is_active = False
    member.user.save()

    eventually(lambda: listening.statuses[-1] == 401)


def test_a_changed_password_cuts_off_the_sessions_of_before(listening, member):
    member.user.password = make_password("another one")
    member.user.save()

    eventually(lambda: listening.statuses[-1] == 401)


def test_a_member_with_another_role_goes_on(listening, member):
    with tenant_scope(member.tenant_id):
        change_role(member, role=Role.OPERATOR, by=Role.OWNER, actor=ACTOR)
    recheck_rights(member.user.pk)
    say(member)

    eventually(lambda: kinds(listening) == ["open", "counts.update"])
    assert len(listening.connected_at) == 1


@pytest.mark.parametrize("end", [lambda token: revoke_token(token, actor=ACTOR), ApiToken.delete])
def test_a_token_that_is_revoked_or_deleted_is_cut_off_at_once(web, listen, membership, end):
    web.start()
    client = listen()

    with tenant_scope(membership.tenant_id):
        end(ApiToken.objects.get(name="page"))

    eventually(lambda: client.statuses[-1] == 401)
    say(membership)
    assert kinds(client) == ["open"]


def test_nobody_else_is_cut_off(web, listen, membership, member):
    web.start()
    client = listen()

    with tenant_scope(member.tenant_id):
        Membership.objects.filter(pk=member.pk).delete()
    say(membership)

    eventually(lambda: kinds(client) == ["open", "counts.update"])
    assert len(client.connected_at) == 1


def test_another_tenants_stream_and_one_of_no_tenant_do_not_exist(web, audience, browser, token):
    web.start()
    with operator_scope():
        other = MembershipFactory()
    session = browser.cookies["sessionid"].value

    for tenant_id in (other.tenant_id, uuid.uuid4()):
        clients = [audience.join(tenant_id, token), audience.join(tenant_id, session=session)]
        eventually(lambda clients=clients: all(client.statuses for client in clients))
        assert [client.statuses[0] for client in clients] == [404, 404]


def test_nobody_hears_nothing(web, audience, membership):
    web.start()
    client = audience.join(membership.tenant_id, "nobs_" + "x" * 43)

    eventually(lambda: client.statuses)
    assert client.statuses[0] == 401
