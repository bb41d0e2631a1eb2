"""Saving, changing, choosing and deleting views. What others see by it is audited."""

from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import QueryDict

from executions.filters import ExecutionFilter
from executions.saved.models import DefaultView, SavedView
from tenants.audit import Actor, record
from tenants.models import Role, Tenant, User

LONGEST_NAME, LONGEST_ADDRESS, MOST_OF_A_PERSON = 80, 2000, 50
# What of an address is a place in the list and no part of the view.
PASSING = ("cursor", "view")


@dataclass(frozen=True, slots=True)
class Member:
    """Whoever keeps views: a person with a role in a tenant."""

    tenant: Tenant
    user: User
    role: Role
    actor: Actor

    def may_change(self, view: SavedView) -> bool:
        """One's own; a shared one also by an admin."""
        return view.owner_id == self.user.pk or (view.is_shared and self.role.includes(Role.ADMIN))


def views_of(member: Member) -> QuerySet[Any]:
    """The member's own views and everybody's shared ones; ``is_default`` says which is first."""
    chosen = DefaultView.objects.for_tenant(member.tenant).filter(
        user=member.user, view=OuterRef("pk")
    )
    rows: QuerySet[Any] = SavedView.objects.for_tenant(member.tenant).filter(
        Q(owner=member.user) | Q(is_shared=True)
    )
    found: QuerySet[Any] = rows.annotate(is_default=Exists(chosen)).order_by("name", "id")
    return found


def save_view(member: Member, *, name: str, address: str, is_shared: bool) -> SavedView:
    """Keep a search under a name. Raises ValidationError or PermissionDenied."""
    _require_may_share(member, is_shared)
    own = SavedView.objects.for_tenant(member.tenant).filter(owner=member.user)
    if own.count() >= MOST_OF_A_PERSON:
        raise ValidationError(f"You have {MOST_OF_A_PERSON} views already; delete one first.")
    view = SavedView.objects.create(
        tenant=member.tenant,
        owner=member.user,
        name=_clean_name(member, name),
        address=clean_address(member.tenant, address),
        is_shared=is_shared,
    )
    if is_shared:
        _record(member, "shared view", view, {"address": view.address})
    return view


def change_view(member: Member, view: SavedView, *, name: str, is_shared: bool) -> None:
    """Rename, share or take back. Raises ValidationError or PermissionDenied."""
    _require_may_change(member, view)
    if is_shared != view.is_shared:
        _require_may_share(member, is_shared)
    before = {"name": view.name, "is_shared": view.is_shared}
    view.name = _clean_name(member, name, view)
    view.is_shared = is_shared
    view.save()
    changes = {key: new for key, old in before.items() if (new := getattr(view, key)) != old}
    if changes and (view.is_shared or before["is_shared"]):
        _record(member, "changed view", view, changes)
    if not is_shared:
        chosen = DefaultView.objects.for_tenant(member.tenant).filter(view=view)
        chosen.exclude(user_id=view.owner_id).delete()


def delete_view(member: Member, view: SavedView) -> None:
    """Forget a view. Raises PermissionDenied."""
    _require_may_change(member, view)
    if view.is_shared:
        _record(member, "deleted view", view, {"address": view.address})
    view.delete()


def begin_with(member: Member, view: SavedView | None) -> None:
    """Let the list open with a view for this person, or with everything."""
    chosen = DefaultView.objects.for_tenant(member.tenant).filter(user=member.user)
    chosen.delete()
    if view is not None:
        DefaultView.objects.create(tenant=member.tenant, user=member.user, view=view)


def clean_address(tenant: Tenant, text: str) -> str:
    """The address without its place in the list. Raises ValidationError where it is no search."""
    if len(text) > LONGEST_ADDRESS:
        raise ValidationError(f"This search is longer than {LONGEST_ADDRESS} characters.")
    query = QueryDict(text, mutable=True)
    for name in PASSING:
        query.pop(name, None)
    chosen = ExecutionFilter(query, tenant=tenant)
    if not chosen.is_valid():
        sentences = [str(sentence) for found in chosen.errors.values() for sentence in found]
        raise ValidationError(f"This search cannot be saved: {' '.join(sentences)}")
    return query.urlencode()


def _clean_name(member: Member, text: str, view: SavedView | None = None) -> str:
    name = " ".join(text.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise ValidationError(f"A view needs a name of 1 to {LONGEST_NAME} characters.")
    owner_id = view.owner_id if view else member.user.pk
    others = SavedView.objects.for_tenant(member.tenant).filter(owner_id=owner_id, name=name)
    if (others.exclude(pk=view.pk) if view else others).exists():
        raise ValidationError(f"“{name}” is the name of another view; take another one.")
    return name


def _require_may_change(member: Member, view: SavedView) -> None:
    if not member.may_change(view):
        raise PermissionDenied("This view is somebody else's; save one of your own.")


def _require_may_share(member: Member, is_shared: bool) -> None:
    if is_shared and not member.role.includes(Role.OPERATOR):
        raise PermissionDenied(
            f"Your role here is {member.role.value}; sharing a view needs the role operator."
        )


def _record(member: Member, action: str, view: SavedView, changes: dict[str, object]) -> None:
    record(tenant=member.tenant, actor=member.actor, action=action, subject=view, changes=changes)
