"""The settings as the server renders them, and what they change."""

import re

import pytest
from django.utils import timezone

from tenants.models import ApiToken, AuditEntry, Membership, Role, Tenant
from tenants.scope import operator_scope, tenant_scope
from tenants.tests.factories import MembershipFactory, UserFactory
from tenants.tokens import create_token, find_token

pytestmark = pytest.mark.django_db

GENERAL = {"name": "Acme Outdoor", "time_zone": "Europe/Berlin"}


@pytest.fixture
def owner():
    with operator_scope():
        return MembershipFactory(role=Role.OWNER, user__username="olga")


@pytest.fixture
def top(client, owner):
    client.force_login(owner.user)
    return f"/t/{owner.tenant.slug}/settings"


def actions(tenant):
    with tenant_scope(tenant.pk):
        entries = AuditEntry.objects.for_tenant(tenant).order_by("at")
        return list(entries.values_list("action", flat=True))


def test_an_owner_changes_the_tenant_and_that_is_noted(client, owner, top):
    answer = client.post(top, GENERAL)

    with tenant_scope(owner.tenant_id):
        tenant = Tenant.objects.get(pk=owner.tenant_id)
        entry = AuditEntry.objects.for_tenant(tenant).get()
    assert answer.status_code == 302
    assert (tenant.name, tenant.time_zone) == ("Acme Outdoor", "Europe/Berlin")
    assert entry.changes["time_zone"] == "Europe/Berlin"


def test_what_stays_the_same_is_not_noted(client, owner, top):
    client.post(top, GENERAL)
    client.post(top, GENERAL)

    assert actions(owner.tenant) == ["changed tenant"]


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("time_zone", "Mars/Olympus", "is not a time zone"),
        ("name", "", "This field is required"),
        ("name", "n" * 201, "at most 200"),
    ],
)
def test_a_wrong_value_is_named_and_nothing_changes(client, owner, top, name, value, sentence):
    answer = client.post(top, GENERAL | {name: value})

    assert answer.status_code == 400
    assert sentence in answer.content.decode()
    assert actions(owner.tenant) == []


def test_an_admin_sees_the_tenant_but_changes_nothing(client, owner, top):
    with operator_scope():
        admin = MembershipFactory(tenant=owner.tenant, role=Role.ADMIN)
    client.force_login(admin.user)

    assert "Only an owner changes these" in client.get(top).content.decode()
    assert client.post(top, GENERAL).status_code == 403


def test_a_person_has_a_zone_of_the_own(client, owner, top):
    client.post(f"{top}/you", {"time_zone": "Asia/Kolkata"})

    assert "Times are in Asia/Kolkata." in client.get(top).content.decode()
    client.post(f"{top}/you", {"time_zone": ""})
    assert "Times are in UTC." in client.get(top).content.decode()


def test_a_member_is_added_changed_and_removed(client, owner, top):
    UserFactory(username="adam")

    client.post(f"{top}/members", {"username": "adam", "role": "viewer"})
    with tenant_scope(owner.tenant_id):
        adam = Membership.objects.for_tenant(owner.tenant).get(user__username="adam")
    client.post(f"{top}/members/{adam.pk}", {"role": "operator"})
    text = client.get(f"{top}/members").content.decode()
    client.post(f"{top}/members/{adam.pk}/remove")

    assert "adam is operator now." in text
    assert actions(owner.tenant) == ["added member", "changed member", "removed member"]


def test_a_refusal_stands_where_the_person_is(client, owner, top):
    unknown = client.post(f"{top}/members", {"username": "nobody", "role": "viewer"})
    last = client.post(f"{top}/members/{owner.pk}/remove", follow=True)
    strange = client.post(f"{top}/members/{owner.pk}", {"role": "king"}, follow=True)

    assert "There is no user “nobody”" in unknown.content.decode()
    assert "olga is the only owner" in last.content.decode()
    assert "king is not one of the available choices" in strange.content.decode()


def test_who_leaves_is_a_member_no_more(client, owner, top):
    with operator_scope():
        viewer = MembershipFactory(tenant=owner.tenant, role=Role.VIEWER)
    client.force_login(viewer.user)

    client.post(f"{top}/members/{viewer.pk}/remove")

    assert client.get(top).status_code == 404


def test_a_token_is_shown_once_and_works(client, owner, top):
    made = client.post(f"{top}/tokens", {"name": "Grafana", "role": "viewer", "days": "30"})

    text = made.content.decode()
    secret = re.search(r"nobs_[A-Za-z0-9_-]{43}", text)[0]
    assert "no-store" in made["Cache-Control"]
    assert secret not in client.get(f"{top}/tokens").content.decode()
    token = find_token(secret)
    assert (token.name, token.role, token.created_by) == ("Grafana", "viewer", owner.user)
    assert (token.expires_at - timezone.now()).days == 29
    assert actions(owner.tenant) == ["made token"]


def test_a_token_may_do_no_more_than_its_maker(client, owner, top):
    with operator_scope():
        admin = MembershipFactory(tenant=owner.tenant, role=Role.ADMIN)
    client.force_login(admin.user)

    answer = client.post(f"{top}/tokens", {"name": "all", "role": "owner", "days": ""})

    assert "a token of yours cannot be owner" in answer.content.decode()
    with tenant_scope(owner.tenant_id):
        assert not ApiToken.objects.for_tenant(owner.tenant).exists()


def test_a_revoked_token_ends_at_once_and_is_noted_once(client, owner, top):
    with tenant_scope(owner.tenant_id):
        token, secret = create_token(tenant=owner.tenant, name="old", role=Role.VIEWER)

    for _ in range(2):
        client.post(f"{top}/tokens/{token.pk}/revoke")

    assert find_token(secret) is None
    assert actions(owner.tenant) == ["revoked token"]


def test_the_audit_shows_and_finds_what_was_done(client, owner, top):
    client.post(top, GENERAL)
    client.post(f"{top}/tokens", {"name": "Grafana", "role": "viewer", "days": ""})

    all_of_it = client.get(f"{top}/audit").content.decode()
    found = client.get(f"{top}/audit", {"q": "grafana"}).content.decode()
    nothing = client.get(f"{top}/audit", {"q": "\0nothing\0"}).content.decode()
    refused = client.get(f"{top}/audit", {"cursor": "made-up"})

    assert "changed tenant" in all_of_it
    assert "made token" in found
    assert "changed tenant" not in found
    assert "No entry has" in nothing
    assert refused.status_code == 400
