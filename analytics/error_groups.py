"""The errors of a period, one line for one cause: sorted, filtered and cut in SQL.

Failures are added up from days, hours and rows by stored fingerprint, corrected by what is marked
as changed, as every other number is. What is dear (courses, samples, places) is read for the
groups of one page.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from analytics.group_digest import fingerprints_of
from analytics.kpis import PREVIOUS
from analytics.models import ErrorGroup
from analytics.periods import Bucket
from analytics.questions import Question
from analytics.reading import (
    IN_PIECE,
    OF_MARK,
    ROWS_IN_PIECE,
    ROWS_OF_MARK,
    STORED,
    piece_parameters,
    sources_of,
)
from analytics.rollup_sql import IS_FAILURE
from analytics.selection import Selection
from analytics.workflow_table import CURRENT, course_of
from executions.grouping.classes import CLASSES, ErrorClass
from executions.models import Workflow

SORTS = {
    "count": "failures",
    "change": "failures - before",
    "first_seen": "g.first_seen_at",
    "last_seen": "g.last_seen_at",
    "error_class": "g.error_class",
    "error_type": "lower(g.template)",
}
SAMPLES = 5
# Of the newest failures, so that a group of a million costs no more than another.
SAMPLES_AMONG = 200
PLACES = 5

COUNTED_ERRORS = """
SELECT p.bucket, 1 AS sign, x.*
FROM {pieces} p CROSS JOIN LATERAL (
    SELECT {keys}, count(*) AS failures FROM executions r
    WHERE r.tenant_id = %(tenant)s AND {within} AND {is_failure} {conditions}
    GROUP BY {keys}
) AS x WHERE {grain}"""

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
BY_KEY = """
WITH {sources}, part AS ({parts})
SELECT {keys}, bucket, sum(sign * failures)::bigint FROM part
GROUP BY {keys}, bucket HAVING sum(sign * failures) > 0
"""
SAMPLE_MESSAGES = """
SELECT k.number, x.message, x.last_at
FROM unnest(%(numbers)s::int[], %(fingerprints)s::text[]) AS k (number, fingerprint)
CROSS JOIN LATERAL (
    SELECT message, max(occurred_at) AS last_at FROM (
        SELECT left(r.error_message, 1000) AS message, r.occurred_at FROM executions r
        WHERE r.tenant_id = %(tenant)s AND r.fingerprint = k.fingerprint AND r.fingerprint <> ''
          AND r.occurred_at >= %(start)s AND r.occurred_at < %(end)s
          {conditions}
        ORDER BY r.occurred_at DESC LIMIT %(among)s
    ) AS newest WHERE message <> '' GROUP BY message ORDER BY last_at DESC LIMIT %(samples)s
) AS x
"""


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
class TrendPoint:
    """A group's bucket."""

    start: datetime
    end: datetime
    count: int


@dataclass(frozen=True, slots=True)
class Place:
    """A workflow that failed with it, and how often."""

    environment_id: UUID
    environment_name: str
    workflow_id: str
    workflow_name: str
    failures: int


@dataclass(frozen=True, slots=True)
class GroupRow:
    """An error group with what the period says of it."""

    id: UUID
    fingerprint: str
    error_type: str
    error_class: str
    state: str
    state_since: datetime
    first_seen: datetime
    last_seen: datetime
    assignee: str | None
    count: int
    previous_count: int
    fingerprints: tuple[str, ...]
    sample_messages: tuple[str, ...] = field(default=())
    trend: tuple[TrendPoint, ...] = field(default=())
    places: tuple[Place, ...] = field(default=())

    @property
    def about(self) -> ErrorClass:
        return CLASSES[self.error_class]

    @property
    def affected_workflows(self) -> tuple[Place, ...]:
        return self.places[:PLACES]

    @property
    def affected_workflow_count(self) -> int:
        return len(self.places)

    @property
    def affected_environments(self) -> list[str]:
        return sorted({place.environment_name for place in self.places})


@dataclass(frozen=True, slots=True)
class GroupPage:
    """Rows of a page, how many rows all pages have, and how many failures those are."""

    rows: tuple[GroupRow, ...]
    total: int
    failures: int


def error_groups(question: Question, order: GroupOrder) -> GroupPage:
    """A page of the list, in five queries whatever there is."""
    found = _counted(question, order)
    if not found:
        return GroupPage((), 0, 0)
    rows = [_row(values) for values in found]
    return GroupPage(tuple(completed(question, rows)), found[0][12], int(found[0][13]))


def groups_by_state(question: Question, order: GroupOrder) -> dict[str, int]:
    """How many groups of the list each state has, whatever states it is narrowed to."""
    anyhow = replace(order, states=())
    return dict(_grouped(question, anyhow, "g.state, count(*)", "GROUP BY g.state"))


def error_group(question: Question, group: ErrorGroup) -> GroupRow:
    """One group with what the period says of it, which may be nothing."""
    fingerprints = fingerprints_of(group.tenant_id, group.pk)
    page = error_groups(question, GroupOrder(groups=tuple(fingerprints), limit=1))
    if page.rows:
        return replace(page.rows[0], fingerprints=tuple(fingerprints))
    row = GroupRow(
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
        fingerprints=tuple(fingerprints),
    )
    return completed(question, [row])[0]


def completed(question: Question, rows: Sequence[GroupRow]) -> list[GroupRow]:
    """The rows with their places, courses and samples."""
    places, courses = _places(question, rows), _courses(question, rows)
    samples = _samples(question, rows)
    return [
        replace(
            row,
            places=tuple(places.get(number, ())),
            trend=courses[number],
            sample_messages=tuple(samples.get(number, ())),
        )
        for number, row in enumerate(rows)
    ]


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
        parts=_parts(selection, "fingerprint"),
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


def _places(question: Question, rows: Sequence[GroupRow]) -> Mapping[int, list[Place]]:
    """The workflows of each row, the most often failing first."""
    keys = "fingerprint, environment_id, workflow_id"
    numbers = _numbers(rows)
    counts: dict[int, dict[tuple[UUID, str], int]] = {}
    for fingerprint, environment_id, workflow_id, _, failures in _read(
        question, keys, [(CURRENT, question.span)], numbers
    ):
        of_row = counts.setdefault(numbers[fingerprint], {})
        key = (environment_id, workflow_id)
        of_row[key] = of_row.get(key, 0) + failures
    names = _names(question, {key for of_row in counts.values() for key in of_row})
    environments = {one.pk: one.name for one in question.environments}
    return {
        number: [
            Place(key[0], environments.get(key[0], ""), key[1], names.get(key, key[1]), failures)
            for key, failures in sorted(of_row.items(), key=lambda item: (-item[1], item[0]))
        ]
        for number, of_row in counts.items()
    }


def _names(question: Question, keys: set[tuple[UUID, str]]) -> dict[tuple[UUID, str], str]:
    workflows = Workflow.objects.for_tenant(question.selection.tenant_id).filter(
        environment__in={environment for environment, _ in keys},
        workflow_id__in={workflow for _, workflow in keys},
    )
    found = workflows.values_list("environment_id", "workflow_id", "name")
    return {(environment, workflow): name for environment, workflow, name in found if name}


def _courses(question: Question, rows: Sequence[GroupRow]) -> list[tuple[TrendPoint, ...]]:
    buckets = course_of(question)
    numbers = _numbers(rows)
    counts: dict[tuple[int, int], int] = {}
    for fingerprint, bucket, failures in _read(
        question, "fingerprint", list(enumerate(buckets)), numbers
    ):
        key = (numbers[fingerprint], bucket)
        counts[key] = counts.get(key, 0) + failures
    return [_course(number, buckets, counts) for number in range(len(rows))]


def _course(
    number: int, buckets: Sequence[Bucket], counts: Mapping[tuple[int, int], int]
) -> tuple[TrendPoint, ...]:
    return tuple(
        TrendPoint(bucket.start, bucket.end, counts.get((number, place), 0))
        for place, bucket in enumerate(buckets)
    )


def _samples(question: Question, rows: Sequence[GroupRow]) -> dict[int, list[str]]:
    """Different messages of each row, the newest first."""
    numbers = _numbers(rows)
    statement = SAMPLE_MESSAGES.format(conditions=question.selection.conditions())
    parameters = {
        **question.selection.parameters(),
        "numbers": list(numbers.values()),
        "fingerprints": list(numbers),
        "start": question.span.start,
        "end": question.span.end,
        "among": SAMPLES_AMONG,
        "samples": SAMPLES,
    }
    newest: dict[int, dict[str, datetime]] = {}
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        for number, message, at in cursor.fetchall():
            of_row = newest.setdefault(number, {})
            of_row[message] = max(at, of_row.get(message, at))
    return {
        number: sorted(found, key=lambda text: found[text], reverse=True)[:SAMPLES]
        for number, found in newest.items()
    }


def _read(
    question: Question,
    keys: str,
    buckets: Sequence[tuple[int, Bucket]],
    numbers: Mapping[str, int],
) -> list[tuple[Any, ...]]:
    statement = BY_KEY.format(
        sources=sources_of(question.selection),
        parts=_parts(question.selection, keys, "AND r.fingerprint = ANY (%(fingerprints)s)"),
        keys=keys,
    )
    parameters = piece_parameters(question.selection, buckets)
    with connection.cursor() as cursor:
        cursor.execute(statement, {**parameters, "fingerprints": list(numbers)})
        return list(cursor.fetchall())


def _numbers(rows: Sequence[GroupRow]) -> dict[str, int]:
    """The row that each fingerprint counts for."""
    return {print_: number for number, row in enumerate(rows) for print_ in row.fingerprints}


def _parts(selection: Selection, keys: str, only: str = "") -> str:
    """Failures from each place where they may stand; the marked hours taken out and counted."""
    conditions = f"{selection.conditions()} {only}"
    stored = {
        "columns": f"{keys}, sum(failures)::bigint AS failures",
        "conditions": conditions,
        "grouped": f"GROUP BY {keys}",
    }
    counted = {"keys": keys, "is_failure": IS_FAILURE, "conditions": conditions}
    piece = {"sign": 1, "pieces": "piece", "within": IN_PIECE}
    return "\nUNION ALL ".join(
        (
            STORED.format(table="errorday", grain="p.grain = 'days'", **piece, **stored),
            STORED.format(table="errorhour", grain="p.grain = 'hours'", **piece, **stored),
            STORED.format(
                table="errorhour", grain="true", sign=-1, pieces="dirty", within=OF_MARK, **stored
            ),
            COUNTED_ERRORS.format(
                pieces="piece", grain="p.grain = 'rows'", within=ROWS_IN_PIECE, **counted
            ),
            COUNTED_ERRORS.format(pieces="dirty", grain="true", within=ROWS_OF_MARK, **counted),
        )
    )
