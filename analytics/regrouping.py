"""Old failures under a new grouping version, or under changed rules of the tenant.

Works in the background, batch by batch; what was reached is saved with each batch. With a new
version a group keeps its id, state, history and merges: it goes on under the fingerprint that its
newest failure has now, and its old fingerprint stays as an alias, since final hours know no other.
Where one group becomes several, the others begin as copies of its state, so nothing that was
resolved or archived is new again.
"""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from analytics.group_actions import alias_of, join
from analytics.group_states import State
from analytics.models import ErrorGroup, GroupAlias, GroupEvent, Regrouping
from executions.error_rules import own_rules
from executions.grouping.fingerprint import GROUPING_VERSION
from executions.regroup import BATCH, Move, Position, regroup_batch
from tenants.audit import SYSTEM
from tenants.models import Tenant
from tenants.scope import operator_scope, tenant_scope

COPIED = (
    "state",
    "state_since",
    "resolved_in",
    "old_versions",
    "archived_until",
    "archived_until_count",
    "archived_until_rate",
    "assignee_id",
)


def request_regrouping(tenant_id: UUID, reason: str) -> None:
    """Have all failures of a tenant grouped anew, from the newest on; inside its transaction."""
    Regrouping.objects.update_or_create(
        tenant_id=tenant_id,
        defaults={
            "version": GROUPING_VERSION,
            "reason": reason,
            "requested_at": timezone.now(),
            "position_at": None,
            "position_id": None,
            "finished_at": None,
            "rows_seen": 0,
            "rows_changed": 0,
        },
    )


def tenants_to_regroup() -> list[UUID]:
    """The tenants whose failures are not all grouped by the newest version and rules."""
    with operator_scope():
        done = Regrouping.objects.filter(version=GROUPING_VERSION)
        outdated = Tenant.objects.exclude(pk__in=done.values("tenant_id"))
        for tenant_id in outdated.order_by("pk").values_list("pk", flat=True):
            request_regrouping(tenant_id, f"Grouping version {GROUPING_VERSION}")
        unfinished = Regrouping.objects.filter(finished_at=None).order_by("requested_at")
        return list(unfinished.values_list("tenant_id", flat=True))


def regroup_some(tenant_id: UUID, *, limit: int = BATCH) -> bool:
    """One batch; False where nothing is left, or others are at work just now."""
    with tenant_scope(tenant_id):
        states = Regrouping.objects.for_tenant(tenant_id).filter(finished_at=None)
        state = states.select_for_update(skip_locked=True).first()
        if state is None:
            return False
        after = Position(state.position_at, state.position_id) if state.position_at else None
        batch = regroup_batch(tenant_id, after, own_rules(tenant_id), limit=limit)
        carry_on(tenant_id, batch.moves, timezone.now())
        state.rows_changed += len(batch.moves)
        if batch.is_done:
            state.rows_seen += batch.rows
            if batch.position is None:
                state.finished_at = timezone.now()
            else:
                state.position_at, state.position_id = batch.position
        state.save()
        return batch.is_done and batch.position is not None


def carry_on(tenant_id: UUID, moves: Iterable[Move], now: datetime) -> None:
    """Let groups of an older version go on under their new fingerprints."""
    done: set[tuple[str, str]] = set()
    for move in moves:
        pair = (move.old, move.new.fingerprint)
        if 0 < move.old_version < move.new.version and pair not in done and len(set(pair)) == 2:
            done.add(pair)
            _carry_on(tenant_id, move, now)


def _carry_on(tenant_id: UUID, move: Move, now: datetime) -> None:
    aliases = GroupAlias.objects.for_tenant(tenant_id)
    owner = _owner_of(tenant_id, move.old)
    new = move.new.fingerprint
    if owner is None or owner.fingerprint == new or aliases.filter(fingerprint=new).exists():
        return
    occupant = ErrorGroup.objects.for_tenant(tenant_id).filter(fingerprint=new).first()
    if owner.grouping_version >= move.new.version:
        if occupant is None:
            _split(owner, move, now)
    elif occupant is not None and _is_touched(occupant):
        if alias_of(owner) is None:
            join(occupant, owner)
    else:
        if occupant is not None:
            occupant.delete()  # Made by a new failure a moment ago; nobody knows it.
        _rename(owner, move, now)


def _owner_of(tenant_id: UUID, fingerprint: str) -> ErrorGroup | None:
    """The group that these failures made, whatever it was merged into."""
    groups = ErrorGroup.objects.for_tenant(tenant_id)
    alias = GroupAlias.objects.for_tenant(tenant_id).filter(fingerprint=fingerprint).first()
    if alias is None:
        return groups.filter(fingerprint=fingerprint).first()
    return groups.filter(pk=alias.merged_from or alias.group_id).first()


def _rename(owner: ErrorGroup, move: Move, now: datetime) -> None:
    merged = alias_of(owner)
    if merged is None:
        _add_alias(owner, move.old, owner.pk, None)
    else:
        _add_alias(owner, move.new.fingerprint, merged.group_id, owner.pk)
    owner.fingerprint = move.new.fingerprint
    owner.grouping_version = move.new.version
    owner.error_class, owner.template = move.new.error_class, move.new.template
    owner.save(update_fields=["fingerprint", "grouping_version", "error_class", "template"])
    _note_down(owner, now, f"Grouping version {move.new.version}")


def _split(owner: ErrorGroup, move: Move, now: datetime) -> None:
    part = ErrorGroup.objects.create(
        tenant_id=owner.tenant_id,
        fingerprint=move.new.fingerprint,
        grouping_version=move.new.version,
        error_class=move.new.error_class,
        template=move.new.template,
        first_seen_at=move.at,
        last_seen_at=move.at,
        created_at=now,
        **{name: getattr(owner, name) for name in COPIED},
    )
    if (merged := alias_of(owner)) is not None:
        _add_alias(owner, move.new.fingerprint, merged.group_id, part.pk)
    _note_down(part, now, f"Grouping version {move.new.version}, from: {owner}")


def _is_touched(group: ErrorGroup) -> bool:
    """Whether people, or the group's own course, left something that must not be lost."""
    of_group = Q(tenant_id=group.tenant_id, group=group)
    return (
        group.state not in (State.NEW, State.ONGOING)
        or group.assignee_id is not None
        or GroupEvent.objects.filter(of_group).exclude(actor=SYSTEM.label).exists()
        or GroupAlias.objects.filter(of_group).exists()
    )


def _add_alias(
    owner: ErrorGroup, fingerprint: str, group_id: UUID, merged_from: UUID | None
) -> None:
    GroupAlias.objects.create(
        tenant_id=owner.tenant_id,
        fingerprint=fingerprint,
        group_id=group_id,
        merged_from=merged_from,
    )


def _note_down(group: ErrorGroup, now: datetime, text: str) -> None:
    GroupEvent.objects.create(
        tenant_id=group.tenant_id,
        group=group,
        at=now,
        actor=SYSTEM.label,
        kind=GroupEvent.Kind.REGROUPED,
        text=text,
    )
