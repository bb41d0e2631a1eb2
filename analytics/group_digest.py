"""Failures that were added up → their groups: made, seen again, returned.

It runs in the transaction that takes the marks of hours, so a group has seen each failure that
the numbers have; and by beat for what time alone changes. Each step names what it expects, so
that of two workers one does it, and rows are locked in one order everywhere.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from analytics.group_states import FRESH, Change, Failures, Standing, State, change_of
from analytics.models import ErrorGroup, GroupAlias, GroupEvent
from executions.models import Execution
from tenants.audit import SYSTEM
from tenants.scope import operator_scope, tenant_scope

log = structlog.get_logger(__name__)

# Versions that failed since a group was resolved; one that counts is enough.
VERSIONS_READ = 50
KINDS = {
    State.REGRESSED: GroupEvent.Kind.REGRESSED,
    State.ONGOING: GroupEvent.Kind.SETTLED,
}

SEEN = """
SELECT s.fingerprint, s.first_at, s.last_at, coalesce(a.group_id, g.id)
FROM (
    SELECT fingerprint, min(first_at) AS first_at, max(last_at) AS last_at
    FROM analytics_errorhour
    WHERE tenant_id = %(tenant)s AND environment_id = %(environment)s
      AND begins_at = ANY (%(hours)s::timestamptz[])
    GROUP BY fingerprint
) AS s
LEFT JOIN analytics_groupalias a ON a.tenant_id = %(tenant)s AND a.fingerprint = s.fingerprint
LEFT JOIN analytics_errorgroup g ON g.tenant_id = %(tenant)s AND g.fingerprint = s.fingerprint
ORDER BY s.fingerprint
"""
DESCRIBE = """
SELECT f.fingerprint, coalesce(nullif(e.error_class, ''), 'unknown'), e.error_template,
    e.grouping_version
FROM unnest(%(fingerprints)s::text[]) AS f (fingerprint)
CROSS JOIN LATERAL (
    SELECT error_class, error_template, grouping_version FROM executions
    WHERE tenant_id = %(tenant)s AND fingerprint = f.fingerprint AND fingerprint <> ''
    ORDER BY occurred_at DESC LIMIT 1
) AS e
"""
# Locked in the order of ids, whatever order the update would take.
STRETCH = """
WITH seen AS (
    SELECT * FROM unnest(%(groups)s::uuid[], %(firsts)s::timestamptz[], %(lasts)s::timestamptz[])
        AS s (id, first_at, last_at)
), locked AS (
    SELECT g.id FROM analytics_errorgroup g JOIN seen s USING (id)
    WHERE g.tenant_id = %(tenant)s
      AND (s.first_at < g.first_seen_at OR s.last_at > g.last_seen_at)
    ORDER BY g.id FOR UPDATE OF g
)
UPDATE analytics_errorgroup g SET
    first_seen_at = least(g.first_seen_at, s.first_at),
    last_seen_at = greatest(g.last_seen_at, s.last_at)
FROM seen s JOIN locked USING (id)
WHERE g.id = s.id AND g.tenant_id = %(tenant)s
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """Failures of one fingerprint in some hours; without a group where it is new."""

    fingerprint: str
    first_at: datetime
    last_at: datetime
    group_id: UUID | None


def digest_hours(tenant_id: UUID, environment_id: UUID, hours: Sequence[datetime]) -> None:
    """Bring the groups of these hours up to date; inside the tenant's transaction."""
    seen = _seen(tenant_id, environment_id, hours)
    if not seen:
        return
    now = timezone.now()
    _make_groups(tenant_id, [one for one in seen if one.group_id is None], now)
    known = [one for one in seen if one.group_id is not None]
    _stretch(tenant_id, known)
    groups = ErrorGroup.objects.for_tenant(tenant_id).filter(
        pk__in=[one.group_id for one in known], state__in=[State.RESOLVED, State.ARCHIVED]
    )
    move_groups(tenant_id, groups.order_by("pk"), now)


def move_by_time() -> None:
    """Groups that time alone changes, of all tenants."""
    now = timezone.now()
    with operator_scope():
        moving = ErrorGroup.objects.filter(state__in=[State.NEW, State.REGRESSED, State.ARCHIVED])
        tenants = list(moving.order_by("tenant_id").values_list("tenant_id", flat=True).distinct())
    for tenant_id in tenants:
        with tenant_scope(tenant_id):
            groups = ErrorGroup.objects.for_tenant(tenant_id)
            old = groups.filter(state=State.NEW, first_seen_at__lte=now - FRESH)
            returned = groups.filter(state=State.REGRESSED, state_since__lte=now - FRESH)
            over = groups.filter(state=State.ARCHIVED, archived_until__lte=now)
            move_groups(tenant_id, (old | returned | over).order_by("pk"), now)


def move_groups(tenant_id: UUID, groups: Iterable[ErrorGroup], now: datetime) -> None:
    """Let the rule decide on each group, and write what it says."""
    for group in groups:
        failures = _failures(tenant_id, group, now)
        change = change_of(standing_of(group), failures, now)
        if change is not None:
            _write_change(group, change, now)


def standing_of(group: ErrorGroup) -> Standing:
    return Standing(
        state=State(group.state),
        since=group.state_since,
        first_seen_at=group.first_seen_at,
        old_versions=group.old_versions,
        until=group.archived_until,
        until_count=group.archived_until_count,
        until_rate=group.archived_until_rate,
    )


def fingerprints_of(tenant_id: UUID, group_id: UUID) -> list[str]:
    """All fingerprints whose failures count for the group, its own first."""
    own = ErrorGroup.objects.for_tenant(tenant_id).filter(pk=group_id)
    aliases = GroupAlias.objects.for_tenant(tenant_id).filter(group=group_id)
    fingerprints = [
        *own.values_list("fingerprint", flat=True),
        *aliases.order_by("fingerprint").values_list("fingerprint", flat=True),
    ]
    return list(dict.fromkeys(fingerprints))


def _seen(tenant_id: UUID, environment_id: UUID, hours: Sequence[datetime]) -> list[Seen]:
    with connection.cursor() as cursor:
        cursor.execute(
            SEEN, {"tenant": tenant_id, "environment": environment_id, "hours": list(hours)}
        )
        return [Seen(*row) for row in cursor.fetchall()]


def _make_groups(tenant_id: UUID, seen: Sequence[Seen], now: datetime) -> None:
    """Groups of failures that nobody saw before; those of a faster worker stand."""
    with connection.cursor() as cursor:
        cursor.execute(
            DESCRIBE,
            {"tenant": tenant_id, "fingerprints": [one.fingerprint for one in seen]},
        )
        described = {row[0]: row[1:] for row in cursor.fetchall()}
    groups = []
    for one in seen:
        if one.fingerprint in described:
            error_class, template, version = described[one.fingerprint]
            groups.append(
                ErrorGroup(
                    tenant_id=tenant_id,
                    fingerprint=one.fingerprint,
                    grouping_version=version,
                    error_class=error_class,
                    template=template,
                    first_seen_at=one.first_at,
                    last_seen_at=one.last_at,
                    state=State.NEW if now - one.first_at < FRESH else State.ONGOING,
                    state_since=one.first_at,
                    created_at=now,
                )
            )
    ErrorGroup.objects.bulk_create(groups, ignore_conflicts=True)


def _stretch(tenant_id: UUID, seen: Sequence[Seen]) -> None:
    """First and last time that each group was seen, over all of its fingerprints."""
    spans: dict[UUID, tuple[datetime, datetime]] = {}
    for one in seen:
        if one.group_id is not None:
            first, last = spans.get(one.group_id, (one.first_at, one.last_at))
            spans[one.group_id] = min(first, one.first_at), max(last, one.last_at)
    with connection.cursor() as cursor:
        cursor.execute(
            STRETCH,
            {
                "tenant": tenant_id,
                "groups": list(spans),
                "firsts": [first for first, _ in spans.values()],
                "lasts": [last for _, last in spans.values()],
            },
        )


def _failures(tenant_id: UUID, group: ErrorGroup, now: datetime) -> Failures:
    """What the rule needs to know of failures since the group came into its state."""
    if group.state not in (State.RESOLVED, State.ARCHIVED):
        return Failures()
    rows = Execution.objects.for_tenant(tenant_id).filter(
        fingerprint__in=fingerprints_of(tenant_id, group.pk), occurred_at__gt=group.state_since
    )
    if group.state == State.RESOLVED:
        others = rows.exclude(workflow_version_id__in=group.old_versions)
        found = others.order_by("-occurred_at").values_list("workflow_version_id", flat=True)
        return Failures(versions=tuple(found[:VERSIONS_READ]))
    latest = rows.filter(occurred_at__gt=now - timedelta(hours=1))
    return Failures(
        count=_count(rows, group.archived_until_count),
        in_last_hour=_count(latest, group.archived_until_rate),
    )


def _count(rows: QuerySet[Execution], limit: int | None) -> int:
    return rows.order_by()[:limit].count() if limit else 0


def _write_change(group: ErrorGroup, change: Change, now: datetime) -> None:
    is_mine = move(group, change.state, now)
    if not is_mine:
        return  # Somebody was faster; their event stands.
    was_archived = group.state == State.ARCHIVED
    GroupEvent.objects.create(
        tenant_id=group.tenant_id,
        group=group,
        at=now,
        actor=SYSTEM.label,
        kind=GroupEvent.Kind.RETURNED if was_archived else KINDS[change.state],
        text=change.reason,
    )
    log.info("error_group_moved", group=str(group.pk), state=change.state, was=group.state)


def move(group: ErrorGroup, state: State, now: datetime, **values: object) -> bool:
    """The one way from a state to another: only from the one that was read, else False."""
    emptied: dict[str, object] = {
        "resolved_in": "",
        "old_versions": [],
        "archived_until": None,
        "archived_until_count": None,
        "archived_until_rate": None,
    }
    rows = ErrorGroup.objects.for_tenant(group.tenant_id).filter(
        pk=group.pk, state=group.state, state_since=group.state_since
    )
    return bool(rows.update(state=state, state_since=now, **(emptied | values)))
