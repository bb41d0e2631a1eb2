"""One error group: what differs within it, what happened to it, and why it is one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from analytics.error_groups import GroupRow, error_group
from analytics.models import ErrorGroup, GroupAlias, GroupEvent
from analytics.questions import Question
from executions.grouping.classes import CLASSES, ErrorClass
from executions.grouping.fingerprint import hint_for, rule_key_of

TOP_VALUES = 5
# What differs is read from the newest failures, so that its price does not grow with the group.
EXAMINED = 1000
MOST_EVENTS = 200

NEWEST = """
newest AS MATERIALIZED (
    SELECT x.* FROM unnest(%(fingerprints)s::text[]) AS k (fingerprint)
    CROSS JOIN LATERAL (
        SELECT r.error_values, r.error_node FROM executions r
        WHERE r.tenant_id = %(tenant)s AND r.fingerprint = k.fingerprint AND r.fingerprint <> ''
          AND r.occurred_at >= %(start)s AND r.occurred_at < %(end)s {conditions}
        ORDER BY r.occurred_at DESC LIMIT %(examined)s
    ) AS x LIMIT %(examined)s
)"""
VALUES = """
WITH {newest}, told AS (
    SELECT pair ->> 0 AS kind, pair ->> 1 AS value
    FROM newest CROSS JOIN LATERAL jsonb_array_elements(error_values) AS pair
    UNION ALL SELECT 'node', error_node FROM newest WHERE error_node <> ''
), counted AS (
    SELECT kind, value, count(*) AS failures, count(*) OVER (PARTITION BY kind) AS different,
        row_number() OVER (PARTITION BY kind ORDER BY count(*) DESC, value) AS place
    FROM told GROUP BY kind, value
)
SELECT kind, different, value, failures FROM counted WHERE place <= %(top)s
ORDER BY kind, place
"""
ENDS = """
SELECT e.id, e.occurred_at FROM unnest(%(fingerprints)s::text[]) AS k (fingerprint)
CROSS JOIN LATERAL (
    SELECT id, occurred_at FROM executions
    WHERE tenant_id = %(tenant)s AND fingerprint = k.fingerprint AND fingerprint <> ''
    ORDER BY occurred_at {direction}, id {direction} LIMIT 1
) AS e ORDER BY 2 {direction}, 1 {direction} LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Value:
    """A value, and how many of the examined failures have it."""

    value: str
    count: int


@dataclass(frozen=True, slots=True)
class Variation:
    """A kind of value with its most frequent ones; more than one says that it varies."""

    kind: str
    different: int
    top: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """A failure that is still stored."""

    id: UUID
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Member:
    """A group that was merged into this one."""

    id: UUID
    error_type: str
    error_class: str


@dataclass(frozen=True, slots=True)
class GroupDetail:
    """Everything that a page on one group shows."""

    row: GroupRow
    group: ErrorGroup
    hint: str
    rule_key: str
    variations: tuple[Variation, ...]
    members: tuple[Member, ...]
    history: tuple[GroupEvent, ...]
    first_run: Run | None
    last_run: Run | None

    @property
    def about(self) -> ErrorClass:
        return CLASSES[self.group.error_class]


def group_detail(question: Question, group: ErrorGroup) -> GroupDetail:
    row = error_group(question, group)
    key = rule_key_of(group.fingerprint)
    events = GroupEvent.objects.for_tenant(group.tenant_id).filter(group=group)
    return GroupDetail(
        row=row,
        group=group,
        hint=hint_for(key),
        rule_key=key,
        variations=_variations(question, row.fingerprints),
        members=_members(group),
        history=tuple(events[:MOST_EVENTS]),
        first_run=_end(group.tenant_id, row.fingerprints, "ASC"),
        last_run=_end(group.tenant_id, row.fingerprints, "DESC"),
    )


def _variations(question: Question, fingerprints: Sequence[str]) -> tuple[Variation, ...]:
    selection = question.selection
    parameters = {
        **selection.parameters(),
        "fingerprints": list(fingerprints),
        "start": question.span.start,
        "end": question.span.end,
        "examined": EXAMINED,
        "top": TOP_VALUES,
    }
    found: dict[tuple[str, int], list[Value]] = {}
    newest = NEWEST.format(conditions=selection.conditions())
    for kind, different, value, count in _rows(VALUES.format(newest=newest), parameters):
        found.setdefault((kind, different), []).append(Value(value, count))
    return tuple(Variation(*key, tuple(values)) for key, values in found.items())


def _members(group: ErrorGroup) -> tuple[Member, ...]:
    aliases = GroupAlias.objects.for_tenant(group.tenant_id).filter(group=group)
    merged = aliases.exclude(merged_from=None).values("merged_from")
    groups = ErrorGroup.objects.for_tenant(group.tenant_id).filter(pk__in=merged)
    return tuple(Member(one.pk, one.template, one.error_class) for one in groups)


def _end(tenant_id: UUID, fingerprints: Sequence[str], direction: str) -> Run | None:
    parameters = {"tenant": tenant_id, "fingerprints": list(fingerprints)}
    rows = _rows(ENDS.format(direction=direction), parameters)
    return Run(*rows[0]) if rows else None


def _rows(statement: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())
