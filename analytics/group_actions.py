"""What people do with error groups; every act is in the group's history and in the audit.

A state is left only where it is still the one that the person saw: who comes second is told so.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Max, Min, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from analytics.group_digest import fingerprints_of, move
from analytics.group_models import ErrorDay
from analytics.group_states import OPEN, ResolvedIn, State, old_versions
from analytics.models import ErrorGroup, GroupAlias, GroupEvent
from executions.models import Execution, Workflow
from tenants import audit
from tenants.audit import Actor
from tenants.models import Membership, Tenant, User

MOST_VERSIONS = 500
LONGEST_NOTE = 5000


class ActionNotAllowed(ValueError):
    """The group stands otherwise than the act needs; the text is a sentence for people."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When an archived group comes back; without any it never does."""

    until: datetime | None = None
    count: int | None = None
    rate: int | None = None

    def __str__(self) -> str:
        parts = [
            f"until {self.until:%Y-%m-%d %H:%M} UTC" if self.until else "",
            f"until it failed {self.count} more times" if self.count else "",
            f"until it fails {self.rate} times within an hour" if self.rate else "",
        ]
        return " or ".join(part for part in parts if part) or "for good"


def group_of(tenant: Tenant, group_id: UUID) -> ErrorGroup | None:
    """The tenant's group, or the one that it was merged into."""
    own = ErrorGroup.objects.for_tenant(tenant).filter(pk=group_id)
    merged_into = GroupAlias.objects.for_tenant(tenant).filter(
        fingerprint__in=own.values("fingerprint")
    )
    found = ErrorGroup.objects.for_tenant(tenant).filter(
        pk=Coalesce(Subquery(merged_into.values("group")[:1]), Subquery(own.values("pk")[:1]))
    )
    return found.select_related("assignee").first()


def standing_groups(tenant: Tenant) -> QuerySet[ErrorGroup]:
    """The tenant's groups that are not merged into others."""
    merged = GroupAlias.objects.for_tenant(tenant).values("fingerprint")
    groups: QuerySet[ErrorGroup] = ErrorGroup.objects.for_tenant(tenant)
    return groups.exclude(fingerprint__in=merged)


def resolve(
    group: ErrorGroup, *, actor: Actor, resolved_in: ResolvedIn = ResolvedIn.NOW
) -> ErrorGroup:
    """Hold it for done: now, with the versions that the workflows have now, or with the next."""
    _require(group.state != State.RESOLVED, "It is resolved already.")
    versions = _old_versions(group, resolved_in)
    said = {"now": "", "current_version": "In the current version", "next_version": "In the next"}
    return _move(
        group,
        State.RESOLVED,
        (actor, GroupEvent.Kind.RESOLVED, said[resolved_in]),
        resolved_in=resolved_in.value,
        old_versions=versions,
    )


def reopen(group: ErrorGroup, *, actor: Actor) -> ErrorGroup:
    """Take back that it is resolved or archived."""
    _require(State(group.state) not in OPEN, "It is open already.")
    return _move(group, State.ONGOING, (actor, GroupEvent.Kind.REOPENED, ""))


def archive(group: ErrorGroup, *, actor: Actor, limits: Limits) -> ErrorGroup:
    """Put it out of sight, until one of the limits is reached."""
    if limits.until is not None and limits.until <= timezone.now():
        raise ActionNotAllowed("The time to archive it until is over already.")
    return _move(
        group,
        State.ARCHIVED,
        (actor, GroupEvent.Kind.ARCHIVED, str(limits).capitalize()),
        archived_until=limits.until,
        archived_until_count=limits.count,
        archived_until_rate=limits.rate,
    )


def assign(group: ErrorGroup, *, actor: Actor, user: User | None) -> ErrorGroup:
    """Say who looks after it: a member of the tenant, or nobody."""
    if user is not None:
        members = Membership.objects.for_tenant(group.tenant_id)
        _require(members.filter(user=user).exists(), f"{user} is no member here.")
    ErrorGroup.objects.for_tenant(group.tenant_id).filter(pk=group.pk).update(assignee=user)
    _note_down(group, actor, GroupEvent.Kind.ASSIGNED, f"To {user}" if user else "To nobody")
    group.assignee = user
    return group


def add_note(group: ErrorGroup, *, actor: Actor, text: str) -> GroupEvent:
    return _note_down(group, actor, GroupEvent.Kind.NOTED, text[:LONGEST_NOTE])


def merge(target: ErrorGroup, others: Iterable[ErrorGroup], *, actor: Actor) -> ErrorGroup:
    """Let the failures of the others count for the target; nothing of them is rewritten."""
    wanted = sorted({other.pk for other in others})
    groups = ErrorGroup.objects.for_tenant(target.tenant_id).order_by("pk")
    locked = groups.filter(pk__in=[target.pk, *wanted]).select_for_update()
    _require(target.pk not in wanted, "A group cannot be merged into itself.")
    _require(alias_of(target) is None, "That group is merged into another one itself.")
    for other in (one for one in locked if one.pk != target.pk):
        _require(alias_of(other) is None, f"“{other}” is merged into another group.")
        join(target, other)
        _note_down(target, actor, GroupEvent.Kind.MERGED, f"With: {other}")
        _note_down(other, actor, GroupEvent.Kind.MERGED, f"Into: {target}")
    refresh_span(target)
    return target


def unmerge(target: ErrorGroup, member_id: UUID, *, actor: Actor) -> ErrorGroup:
    """Take a group out again that was merged; it stands as it stood before."""
    members = ErrorGroup.objects.for_tenant(target.tenant_id)
    member: ErrorGroup | None = members.filter(pk=member_id).first()
    aliases = GroupAlias.objects.for_tenant(target.tenant_id).filter(
        group=target, merged_from=member_id
    )
    if member is None or not aliases.exists():
        raise ActionNotAllowed("That group is not merged into this one.")
    aliases.filter(fingerprint=member.fingerprint).delete()
    aliases.update(group=member, merged_from=None)
    for group in (target, member):
        refresh_span(group)
    _note_down(target, actor, GroupEvent.Kind.UNMERGED, f"From: {member}")
    _note_down(member, actor, GroupEvent.Kind.UNMERGED, f"From: {target}")
    return member


def join(target: ErrorGroup, other: ErrorGroup) -> None:
    """The aliases of a merge: the other's own fingerprint, and all that stood for it."""
    aliases = GroupAlias.objects.for_tenant(target.tenant_id).filter(group=other)
    aliases.filter(merged_from=None).update(merged_from=other.pk)
    aliases.update(group=target)
    GroupAlias.objects.create(
        tenant_id=target.tenant_id,
        fingerprint=other.fingerprint,
        group=target,
        merged_from=other.pk,
    )


def refresh_span(group: ErrorGroup) -> None:
    """First and last failure of all its fingerprints, as the rollups know them."""
    days = ErrorDay.objects.for_tenant(group.tenant_id).filter(
        fingerprint__in=fingerprints_of(group.tenant_id, group.pk)
    )
    span = days.aggregate(first=Min("first_at"), last=Max("last_at"))
    if span["first"] is not None:
        ErrorGroup.objects.for_tenant(group.tenant_id).filter(pk=group.pk).update(
            first_seen_at=span["first"], last_seen_at=span["last"]
        )
        group.first_seen_at, group.last_seen_at = span["first"], span["last"]


def alias_of(group: ErrorGroup) -> GroupAlias | None:
    aliases = GroupAlias.objects.for_tenant(group.tenant_id).select_related("group")
    found: GroupAlias | None = aliases.filter(fingerprint=group.fingerprint).first()
    return found


def _require(holds: bool, sentence: str) -> None:
    if not holds:
        raise ActionNotAllowed(sentence)


def _move(
    group: ErrorGroup,
    state: State,
    act: tuple[Actor, GroupEvent.Kind, str],
    **values: object,
) -> ErrorGroup:
    if not move(group, state, timezone.now(), **values):
        raise ActionNotAllowed("Somebody changed the group in the meantime; look at it again.")
    _note_down(group, *act)
    group.refresh_from_db()
    return group


def _note_down(group: ErrorGroup, actor: Actor, kind: GroupEvent.Kind, text: str) -> GroupEvent:
    audit.record(
        tenant=group.tenant,
        actor=actor,
        action=f"{kind.value} error group",
        subject=group,
        changes={} if kind == GroupEvent.Kind.NOTED else {"text": text},
    )
    return GroupEvent.objects.create(
        tenant_id=group.tenant_id,
        group=group,
        at=timezone.now(),
        actor=actor.label[:200],
        kind=kind,
        text=text,
    )


def _old_versions(group: ErrorGroup, resolved_in: ResolvedIn) -> list[str]:
    """The versions left behind, of the workflows that failed with this."""
    if resolved_in is ResolvedIn.NOW:
        return []
    failures = (
        Execution.objects.for_tenant(group.tenant_id)
        .filter(fingerprint__in=fingerprints_of(group.tenant_id, group.pk))
        .order_by()
    )
    failed = failures.values_list("workflow_version_id", flat=True).distinct()[:MOST_VERSIONS]
    places = failures.values_list("environment_id", "workflow_id").distinct()[:MOST_VERSIONS]
    wanted = Q(pk=None)
    for environment_id, workflow_id in places:
        wanted |= Q(environment=environment_id, workflow_id=workflow_id)
    current = Workflow.objects.for_tenant(group.tenant_id).filter(wanted)
    return old_versions(resolved_in, set(failed), set(current.values_list("version_id", flat=True)))
