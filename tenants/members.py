"""Who is a member of a tenant, under the rules that keep a tenant governed.

Only owners make and unmake owners, and the last one stays. Each change locks the owners first, so
that two who leave at the same moment cannot both go.
"""

from tenants.audit import Actor, record
from tenants.models import Membership, Role, Tenant, User


class MembershipRefused(ValueError):
    """A rule speaks against the change; its text is the sentence for the person."""


def members_of(tenant: Tenant) -> list[Membership]:
    """The members by name, owners first."""
    found = Membership.objects.for_tenant(tenant).select_related("user")
    return sorted(found, key=lambda one: (-Role(one.role).rank, one.user.username.lower()))


def add_member(*, tenant: Tenant, username: str, role: Role, by: Role, actor: Actor) -> Membership:
    """Make a user of this installation a member. Raises MembershipRefused."""
    _require_owner(by, role)
    user = User.objects.filter(username=username, is_active=True).first()
    if user is None:
        raise MembershipRefused(
            f"There is no user “{username[:60]}”; users are made by the administrators of this"
            " installation."
        )
    if Membership.objects.for_tenant(tenant).filter(user=user).exists():
        raise MembershipRefused(f"{username} is a member already; change the role in the list.")
    membership = Membership.objects.create(tenant=tenant, user=user, role=role)
    _note("added member", membership, actor, user=username, role=role.value)
    return membership


def change_role(membership: Membership, *, role: Role, by: Role, actor: Actor) -> None:
    """Give a member another role. Raises MembershipRefused."""
    before = Role(membership.role)
    if before == role:
        return
    _require_owner(by, before, role)
    if before == Role.OWNER:
        _keep_an_owner(membership)
    Membership.objects.for_tenant(membership.tenant_id).filter(pk=membership.pk).update(role=role)
    membership.role = role
    changes = {"user": membership.user.username, "role": role.value, "before": before.value}
    _note("changed member", membership, actor, **changes)


def remove_member(membership: Membership, *, by: Role, actor: Actor) -> None:
    """Let a member go; everybody may go. Raises MembershipRefused."""
    _require_owner(by, Role(membership.role))
    if membership.role == Role.OWNER:
        _keep_an_owner(membership)
    _note("removed member", membership, actor, user=membership.user.username, role=membership.role)
    Membership.objects.for_tenant(membership.tenant_id).filter(pk=membership.pk).delete()


def _require_owner(by: Role, *roles: Role) -> None:
    if Role.OWNER in roles and by != Role.OWNER:
        raise MembershipRefused(f"Only an owner makes and unmakes owners; your role is {by.value}.")


def _keep_an_owner(leaving: Membership) -> None:
    owners = Membership.objects.for_tenant(leaving.tenant_id).filter(role=Role.OWNER)
    locked = set(owners.select_for_update().order_by("pk").values_list("pk", flat=True))
    if locked == {leaving.pk}:
        raise MembershipRefused(
            f"{leaving.user.username} is the only owner; make another member an owner first."
        )


def _note(action: str, membership: Membership, actor: Actor, **changes: str) -> None:
    record(
        tenant=membership.tenant, actor=actor, action=action, subject=membership, changes=changes
    )
