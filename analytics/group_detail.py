"""One error group: what differs within it, what happened to it, and why it is one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from analytics.group_rows import GroupRow, completed, spread
from analytics.models import ErrorGroup, GroupEvent
from analytics.questions import Question
from executions.grouping.classes import CLASSES, ErrorClass
from executions.grouping.fingerprint import hint_for, rule_key_of
from executions.grouping.own_rules import fingerprint_of

TOP_VALUES = 5
# What differs is read from the newest failures, so that its price does not grow with the group.
EXAMINED = 1000
MOST_EVENTS = 200
LONGEST_LINE = 300

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
# The fingerprints that count for it, each with the group that it comes from; and the tenant's own
# rules, of which one may make it.
IDENTITY = """
SELECT a.fingerprint, m.id, m.template, m.error_class FROM analytics_groupalias a
LEFT JOIN analytics_errorgroup m ON m.tenant_id = a.tenant_id AND m.id = a.merged_from
WHERE a.tenant_id = %(tenant)s AND a.group_id = %(group)s
UNION ALL
SELECT NULL, o.id, o.name, NULL FROM executions_errorrule o
WHERE o.tenant_id = %(tenant)s
ORDER BY 1
"""
END = """
(SELECT '{which}', e.id, e.occurred_at, '', '', '', ''
FROM unnest(%(fingerprints)s::text[]) AS k (fingerprint)
CROSS JOIN LATERAL (
    SELECT id, occurred_at FROM executions
    WHERE tenant_id = %(tenant)s AND fingerprint = k.fingerprint AND fingerprint <> ''
    ORDER BY occurred_at {direction}, id {direction} LIMIT 1
) AS e ORDER BY 3 {direction}, 2 {direction} LIMIT 1)"""
NEWEST_RUNS = """
(SELECT 'newest', x.* FROM unnest(%(fingerprints)s::text[]) AS k (fingerprint)
CROSS JOIN LATERAL (
    SELECT r.id, r.occurred_at, r.workflow_id, r.workflow_name, r.error_node,
        left(r.error_message, %(longest)s)
    FROM executions r
    WHERE r.tenant_id = %(tenant)s AND r.fingerprint = k.fingerprint AND r.fingerprint <> ''
      AND r.occurred_at >= %(start)s AND r.occurred_at < %(end)s {conditions}
    ORDER BY r.occurred_at DESC, r.id DESC LIMIT %(most)s
) AS x ORDER BY 3 DESC, 2 DESC LIMIT %(most)s)"""
RUNS = " UNION ALL ".join(
    (
        END.format(which="first", direction="ASC"),
        END.format(which="last", direction="DESC"),
        NEWEST_RUNS,
    )
)


@dataclass(frozen=True, slots=True)
class Value:
    """A value, and how many of the examined failures have it."""

    value: str
    count: int

    @property
    def only(self) -> tuple[str]:
        return (self.value,)


@dataclass(frozen=True, slots=True)
class Variation:
    """A kind of value with its most frequent ones; more than one says that it varies."""

    kind: str
    different: int
    top: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """A failure that is still stored; where it failed and how is said of the newest ones."""

    id: UUID
    occurred_at: datetime
    workflow_id: str = ""
    workflow_name: str = ""
    node: str = ""
    message: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether its message was not cut."""
        return len(self.message) < LONGEST_LINE


@dataclass(frozen=True, slots=True)
class NamingRule:
    """The tenant's own rule that makes the group."""

    id: UUID
    name: str


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
    own_rule: NamingRule | None
    first_run: Run | None
    last_run: Run | None
    newest_runs: tuple[Run, ...]

    @property
    def is_examined_whole(self) -> bool:
        """Whether what differs was read from all of its failures in the period."""
        return self.row.count <= EXAMINED

    @property
    def about(self) -> ErrorClass:
        return CLASSES[self.group.error_class]


def group_detail(
    question: Question, group: ErrorGroup, *, with_samples: bool = True, newest_runs: int = 0
) -> GroupDetail:
    """All of it, in five queries, or six with the newest messages."""
    fingerprints, members, own_rule = _identity(group)
    complete = completed if with_samples else spread
    (row,) = complete(question, [_row(group, fingerprints)])
    key = rule_key_of(group.fingerprint)
    events = GroupEvent.objects.for_tenant(group.tenant_id).filter(group=group)
    runs = _runs(question, fingerprints, newest_runs)
    return GroupDetail(
        row=row,
        group=group,
        hint=hint_for(key),
        rule_key=key,
        variations=_variations(question, fingerprints),
        members=members,
        history=tuple(events[:MOST_EVENTS]),
        own_rule=own_rule,
        first_run=next(iter(runs["first"]), None),
        last_run=next(iter(runs["last"]), None),
        newest_runs=tuple(runs["newest"]),
    )


def _row(group: ErrorGroup, fingerprints: tuple[str, ...]) -> GroupRow:
    return GroupRow(
        id=group.pk,
        fingerprint=group.fingerprint,
        error_type=group.template,
        error_class=group.error_class,
        state=group.state,
        state_since=group.state_since,
        first_seen=group.first_seen_at,
        last_seen=group.last_seen_at,
        assignee=group.assignee.username if group.assignee else None,
        count=0,
        previous_count=0,
        fingerprints=fingerprints,
    )


def _variations(question: Question, fingerprints: Sequence[str]) -> tuple[Variation, ...]:
    parameters = _of_period(question, fingerprints) | {"examined": EXAMINED, "top": TOP_VALUES}
    found: dict[tuple[str, int], list[Value]] = {}
    newest = NEWEST.format(conditions=question.selection.conditions())
    for kind, different, value, count in _rows(VALUES.format(newest=newest), parameters):
        found.setdefault((kind, different), []).append(Value(value, count))
    return tuple(Variation(*key, tuple(values)) for key, values in found.items())


def _identity(
    group: ErrorGroup,
) -> tuple[tuple[str, ...], tuple[Member, ...], NamingRule | None]:
    """The fingerprints whose failures count for the group, its own first; the groups merged into
    it; and the tenant's rule that makes it.
    """
    rows = _rows(IDENTITY, {"tenant": group.tenant_id, "group": group.pk})
    fingerprints = dict.fromkeys([group.fingerprint, *(row[0] for row in rows if row[0])])
    merged = {row[1]: Member(*row[1:]) for row in rows if row[0] and row[1]}
    rules = (NamingRule(*row[1:3]) for row in rows if not row[0])
    own_rule = next(
        (one for one in rules if fingerprint_of(str(one.id)) == group.fingerprint), None
    )
    return tuple(fingerprints), tuple(merged.values()), own_rule


def _runs(question: Question, fingerprints: Sequence[str], most: int) -> dict[str, list[Run]]:
    """The first and the last failure that is still stored, and the newest of the period."""
    parameters = _of_period(question, fingerprints) | {"longest": LONGEST_LINE, "most": most}
    found: dict[str, list[Run]] = {"first": [], "last": [], "newest": []}
    statement = RUNS.format(conditions=question.selection.conditions())
    for which, *values in _rows(statement, parameters):
        found[which].append(Run(*values))
    return found


def _of_period(question: Question, fingerprints: Sequence[str]) -> dict[str, Any]:
    return {
        **question.selection.parameters(),
        "fingerprints": list(fingerprints),
        "start": question.span.start,
        "end": question.span.end,
    }


def _rows(statement: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())
