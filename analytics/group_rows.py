"""What an error group shows of a period: where it failed, its course, its newest messages.

This is dear, so it is read for the groups of one page.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from analytics.kpis import PREVIOUS
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
from analytics.workflow_table import course_of
from executions.grouping.classes import CLASSES, ErrorClass

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
SPREAD = """
WITH {sources}, part AS ({parts}), counted AS (
    SELECT fingerprint, environment_id, workflow_id, bucket,
        sum(sign * failures)::bigint AS failures
    FROM part GROUP BY fingerprint, environment_id, workflow_id, bucket
    HAVING sum(sign * failures) > 0
)
SELECT c.*, w.name FROM counted c LEFT JOIN executions_workflow w
  ON w.tenant_id = %(tenant)s AND w.environment_id = c.environment_id
 AND w.workflow_id = c.workflow_id
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
class TrendPoint(Bucket):
    """A group's bucket."""

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


@dataclass(slots=True)
class Spread:
    """How the failures of one group spread over its course and its workflows."""

    before: int = 0
    of_bucket: dict[int, int] = field(default_factory=dict)
    of_workflow: dict[tuple[UUID, str], int] = field(default_factory=dict)

    def add(self, bucket: int, key: tuple[UUID, str], failures: int) -> None:
        if bucket == PREVIOUS:
            self.before += failures
            return
        self.of_bucket[bucket] = self.of_bucket.get(bucket, 0) + failures
        self.of_workflow[key] = self.of_workflow.get(key, 0) + failures


def completed(question: Question, rows: Sequence[GroupRow]) -> list[GroupRow]:
    """The rows with their counts, places, courses and samples, in two queries."""
    samples = _samples(question, rows)
    return [
        replace(row, sample_messages=tuple(samples.get(number, ())))
        for number, row in enumerate(spread(question, rows))
    ]


def spread(question: Question, rows: Sequence[GroupRow]) -> list[GroupRow]:
    """The rows with their counts, places and courses, in one query."""
    buckets, numbers = course_of(question), _numbers(rows)
    spreads, names = [Spread() for _ in rows], dict[tuple[UUID, str], str]()
    for fingerprint, environment_id, workflow_id, bucket, failures, name in _read(
        question, buckets, numbers
    ):
        key = (environment_id, workflow_id)
        spreads[numbers[fingerprint]].add(bucket, key, failures)
        names[key] = name or workflow_id
    environments = {one.pk: one.name for one in question.environments}
    return [
        replace(
            row,
            count=sum(one.of_bucket.values()),
            previous_count=one.before,
            trend=tuple(
                TrendPoint(bucket.start, bucket.end, one.of_bucket.get(place, 0))
                for place, bucket in enumerate(buckets)
            ),
            places=tuple(
                Place(key[0], environments.get(key[0], ""), key[1], names[key], failures)
                for key, failures in sorted(one.of_workflow.items(), key=lambda of: (-of[1], of[0]))
            ),
        )
        for row, one in zip(rows, spreads, strict=True)
    ]


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
    question: Question, buckets: Sequence[Bucket], numbers: dict[str, int]
) -> list[tuple[Any, ...]]:
    statement = SPREAD.format(
        sources=sources_of(question.selection),
        parts=failure_parts(
            question.selection,
            "fingerprint, environment_id, workflow_id",
            "AND r.fingerprint = ANY (%(fingerprints)s)",
        ),
    )
    pieces = [*enumerate(buckets), (PREVIOUS, question.previous)]
    parameters = piece_parameters(question.selection, pieces)
    with connection.cursor() as cursor:
        cursor.execute(statement, {**parameters, "fingerprints": list(numbers)})
        return list(cursor.fetchall())


def _numbers(rows: Sequence[GroupRow]) -> dict[str, int]:
    """The row that each fingerprint counts for."""
    return {print_: number for number, row in enumerate(rows) for print_ in row.fingerprints}


def failure_parts(selection: Selection, keys: str, only: str = "") -> str:
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
