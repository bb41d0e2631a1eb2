"""The errors of a period, one line for one cause: sorted, filtered and cut in SQL.

Failures are added up from days, hours and rows by stored fingerprint, corrected by what is marked
as changed, as every other number is.
"""

from dataclasses import dataclass, replace
from typing import Any

from django.db import connection

from analytics.group_rows import GroupRow, completed, failure_parts
from analytics.kpis import CURRENT, PREVIOUS
from analytics.questions import Question
from analytics.reading import piece_parameters, sources_of

SORTS = {
    "count": "failures",
    "change": "failures - before",
    "first_seen": "g.first_seen_at",
    "last_seen": "g.last_seen_at",
    "error_class": "g.error_class",
    "error_type": "lower(g.template)",
}
GROUPS = """
WITH {sources}, part AS ({parts}), counted AS (
    SELECT fingerprint,
        coalesce(sum(sign * failures) FILTER (WHERE bucket = {current}), 0)::bigint AS failures,
        coalesce(sum(sign * failures) FILTER (WHERE bucket = {previous}), 0)::bigint AS before
    FROM part GROUP BY fingerprint
), grouped AS (
    SELECT coalesce(a.group_id, own.id) AS id, array_agg(c.fingerprint) AS fingerprints,
        sum(c.failures)::bigint AS failures, sum(c.before)::bigint AS before
    FROM counted c
    LEFT JOIN analytics_groupalias a
      ON a.tenant_id = %(tenant)s AND a.fingerprint = c.fingerprint
    LEFT JOIN analytics_errorgroup own
      ON own.tenant_id = %(tenant)s AND own.fingerprint = c.fingerprint
    GROUP BY 1 HAVING sum(c.failures) > 0
)
SELECT {shown} FROM grouped f
JOIN analytics_errorgroup g ON g.tenant_id = %(tenant)s AND g.id = f.id
LEFT JOIN tenants_user u ON u.id = g.assignee_id
WHERE true {narrowed}
"""
OF_PAGE = """
    g.id, g.fingerprint, g.template, g.error_class, g.state, g.state_since,
    g.first_seen_at, g.last_seen_at, u.username, f.failures, f.before, f.fingerprints,
    count(*) OVER (), sum(f.failures) OVER ()"""
CUT = "ORDER BY {sort}, g.last_seen_at DESC, g.id LIMIT %(limit)s OFFSET %(offset)s"
NARROWED = {
    "states": "AND g.state = ANY (%(states)s)",
    "classes": "AND g.error_class = ANY (%(classes)s)",
    "groups": "AND f.fingerprints && %(groups)s::varchar[]",
    "assignee": "AND u.username = %(assignee)s",
    "search": "AND strpos(lower(g.template), lower(%(search)s)) > 0",
}


@dataclass(frozen=True, slots=True)
class GroupOrder:
    """How the list is sorted, narrowed and cut."""

    sort: str = "count"
    is_ascending: bool = False
    states: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    assignee: str = ""
    search: str = ""
    offset: int = 0
    limit: int = 50


@dataclass(frozen=True, slots=True)
class GroupPage:
    """Rows of a page, how many rows all pages have, and how many failures those are."""

    rows: tuple[GroupRow, ...]
    total: int
    failures: int


def error_groups(question: Question, order: GroupOrder) -> GroupPage:
    """A page of the list, in three queries whatever there is."""
    found = _counted(question, order)
    if not found:
        return GroupPage((), 0, 0)
    rows = [_row(values) for values in found]
    return GroupPage(tuple(completed(question, rows)), found[0][12], int(found[0][13]))


def leading_groups(question: Question, most: int) -> list[GroupRow]:
    """The groups with the most failures, without what only a page of its own needs; one query."""
    return [_row(values) for values in _counted(question, GroupOrder(limit=most))]


def groups_by_state(question: Question, order: GroupOrder) -> dict[str, int]:
    """How many groups of the list each state has, whatever states it is narrowed to."""
    anyhow = replace(order, states=())
    return dict(_grouped(question, anyhow, "g.state, count(*)", "GROUP BY g.state"))


def _row(values: tuple[Any, ...]) -> GroupRow:
    row = GroupRow(*values[:12])
    return replace(row, fingerprints=tuple(row.fingerprints))


def _counted(question: Question, order: GroupOrder) -> list[tuple[Any, ...]]:
    sort = f"{SORTS[order.sort]} {'ASC' if order.is_ascending else 'DESC'}"
    return _grouped(question, order, OF_PAGE, CUT.format(sort=sort))


def _grouped(question: Question, order: GroupOrder, shown: str, rest: str) -> list[tuple[Any, ...]]:
    selection = question.selection
    narrowing = {name: getattr(order, name) for name in NARROWED}
    statement = GROUPS.format(
        sources=sources_of(selection),
        parts=failure_parts(selection, "fingerprint"),
        current=CURRENT,
        previous=PREVIOUS,
        shown=shown,
        narrowed=" ".join(NARROWED[name] for name, value in narrowing.items() if value),
    )
    parameters = {
        **piece_parameters(selection, [(CURRENT, question.span), (PREVIOUS, question.previous)]),
        **{name: list(v) if isinstance(v, tuple) else v for name, v in narrowing.items()},
        "limit": order.limit,
        "offset": order.offset,
    }
    with connection.cursor() as cursor:
        cursor.execute(statement + rest, parameters)
        return list(cursor.fetchall())
