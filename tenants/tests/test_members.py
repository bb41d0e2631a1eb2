"""Who may make and unmake whom."""

import pytest

from tenants.audit import Actor
from tenants.members import MembershipRefused, add_member, change_role, members_of, remove_member
from tenants.models import AuditEntry, Membership, Role
from tenants.scope import operator_scope, tenant_scope
from tenants.tests.factories import MembershipFactory, UserFactory

pytestmark = pytest.mark.django_db
ACTOR = Actor("olga", "192.0.2.1")


@pytest.fixture
def owner():
    with operator_scope():
        return MembershipFactory(role=Role.OWNER, user__username="olga")


@pytest.fixture
def viewer(owner):
    with operator_scope():
        return MembershipFactory(tenant=owner.tenant, role=Role.VIEWER, user__username="vera")


def noted(tenant):
    return list(AuditEntry.objects.for_tenant(tenant).values_list("actor", "action", "changes"))


def test_owners_come_first(owner, viewer):
    with tenant_scope(owner.tenant_id):
        assert [one.user.username for one in members_of(owner.tenant)] == ["olga", "vera"]


def test_a_member_is_added_and_noted(owner):
    UserFactory(username="adam")

    with tenant_scope(owner.tenant_id):
        made = add_member(
            tenant=owner.tenant, username="adam", role=Role.OPERATOR, by=Role.ADMIN, actor=ACTOR
        )

        assert Membership.objects.for_tenant(owner.tenant).get(user__username="adam") == made
        changes = {"user": "adam", "role": "operator"}
        assert noted(owner.tenant) == [("olga", "added member", changes)]


@pytest.mark.parametrize(
    ("username", "sentence"), [("nobody", "There is no user “nobody”"), ("vera", "member already")]
)
def test_who_is_not_there_or_there_already_is_not_added(owner, viewer, username, sentence):
    with tenant_scope(owner.tenant_id), pytest.raises(MembershipRefused, match=sentence):
        add_member(
            tenant=owner.tenant, username=username, role=Role.VIEWER, by=Role.OWNER, actor=ACTOR
        )


def test_a_role_is_changed_and_noted(owner, viewer):
    with tenant_scope(owner.tenant_id):
        change_role(viewer, role=Role.ADMIN, by=Role.OWNER, actor=ACTOR)

        assert Membership.objects.for_tenant(owner.tenant).get(pk=viewer.pk).role == Role.ADMIN
        changes = {"user": "vera", "role": "admin", "before": "viewer"}
        assert noted(owner.tenant) == [("olga", "changed member", changes)]


def test_the_same_role_is_no_change(owner, viewer):
    with tenant_scope(owner.tenant_id):
        change_role(viewer, role=Role.VIEWER, by=Role.ADMIN, actor=ACTOR)

        assert noted(owner.tenant) == []


def test_an_admin_makes_and_unmakes_no_owner(owner, viewer):
    with tenant_scope(owner.tenant_id):
        for change in (
            lambda: change_role(viewer, role=Role.OWNER, by=Role.ADMIN, actor=ACTOR),
            lambda: change_role(owner, role=Role.VIEWER, by=Role.ADMIN, actor=ACTOR),
            lambda: remove_member(owner, by=Role.ADMIN, actor=ACTOR),
        ):
            with pytest.raises(MembershipRefused, match="Only an owner"):
                change()


def test_the_last_owner_stays(owner, viewer):
    with tenant_scope(owner.tenant_id):
        for change in (
            lambda: change_role(owner, role=Role.ADMIN, by=Role.OWNER, actor=ACTOR),
            lambda: remove_member(owner, by=Role.OWNER, actor=ACTOR),
        ):
            with pytest.raises(MembershipRefused, match="olga is the only owner"):
                change()
        change_role(viewer, role=Role.OWNER, by=Role.OWNER, actor=ACTOR)
        remove_member(owner, by=Role.OWNER, actor=ACTOR)

        assert [one.user.username for one in members_of(owner.tenant)] == ["vera"]
