"""Every workflow of a question with its counts: narrowed, sorted and cut into pages in SQL.

All of them are added up, since any may lead the table, but only the rows of a page are answered.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from analytics.kpis import CURRENT
from analytics.measures import Measures
from analytics.questions import Question
from analytics.reading import NET_SUMS, OF_WORKFLOW, parts_of, piece_parameters, sources_of
from analytics.risk import CRITICALITY_SQL, RISK_SQL
from analytics.rollup_sql import STATUSES, SUMS
from analytics.selection import Selection

SORTS = {
    "risk": RISK_SQL,
    "total_executions": " + ".join(STATUSES),
    "failure_count": "error",
    "failure_rate": "round(error::numeric / nullif(success + error, 0), 6)",
    "avg_duration_ms": "round(duration_sum::numeric / nullif(timed, 0), 1)",
    "last_run_at": "last_at",
    "last_failure_at": "last_error_at",
    "workflow_name": 'lower(name) COLLATE "C"',
}
# Which workflows a table shows.
SHOWN = {
    "all": "true",
    "active": "is_active",
    "failing": "error > 0",
    "silent": f"is_active AND {' + '.join(STATUSES)} = 0",
    "gone": "is_gone",
}
SEARCHED = """
AND (strpos(lower(name), lower(%(search)s)) > 0
  OR strpos(lower(workflow_id), lower(%(search)s)) > 0
  OR strpos(lower(environment_name), lower(%(search)s)) > 0
  OR EXISTS (SELECT FROM unnest(tags) AS t (tag) WHERE strpos(lower(tag), lower(%(search)s)) > 0))
"""
TAGGED = "AND r.tags && %(tags)s::varchar[]"
# Of all time nobody knows by which mode.
OF_ALL_TIME = {True: ("NULL", "NULL"), False: ("k.last_execution_at", "k.last_failure_at")}
# What ran is remembered longer than what n8n lists, and what never ran is listed only.
RANKED = """
WITH {sources}, part AS ({parts}), measured AS (
    SELECT environment_id, workflow_id, {net_sums},
        max(last_at) FILTER (WHERE sign > 0) AS last_at,
        max(last_error_at) FILTER (WHERE sign > 0) AS last_error_at
    FROM part GROUP BY environment_id, workflow_id
), known AS (
    SELECT environment_id, workflow_id, w.name, w.is_active, w.tags, a.last_execution_at,
        a.last_failure_at, w.name IS NULL OR w.gone_at IS NOT NULL AS is_gone
    FROM (
        SELECT environment_id, workflow_id, name, is_active, gone_at, tags
        FROM executions_workflow r WHERE r.tenant_id = %(tenant)s {narrowed} {tagged}
    ) AS w FULL JOIN (
        SELECT environment_id, workflow_id, last_execution_at, last_failure_at
        FROM execution_analytics r WHERE r.tenant_id = %(tenant)s {narrowed}
    ) AS a USING (environment_id, workflow_id)
), every AS MATERIALIZED (
    SELECT environment_id, workflow_id, e.name AS environment_name, coalesce(k.name, '') AS name,
        k.is_active, coalesce(k.is_gone, true) AS is_gone, coalesce(k.tags, '{{}}') AS tags,
        greatest(m.last_at, {last_run}) AS last_at,
        greatest(m.last_error_at, {last_failure}) AS last_error_at, {counts}
    FROM measured m FULL JOIN known k USING (environment_id, workflow_id)
    JOIN unnest(%(shown_ids)s::uuid[], %(shown_names)s::text[]) AS e (environment_id, name)
        USING (environment_id)
    WHERE m.workflow_id IS NOT NULL OR ({is_listed} AND NOT k.is_gone)
)
SELECT environment_id, environment_name, workflow_id, name, is_active, is_gone, tags, last_at,
    last_error_at, count(*) OVER (), {names_of_counts}
FROM (SELECT *, {criticality} AS criticality FROM every) AS weighed
WHERE {shown} {searched}
ORDER BY {sort} NULLS LAST, lower(name) COLLATE "C", workflow_id COLLATE "C", environment_id
LIMIT %(limit)s OFFSET %(offset)s
"""


class Ranked(NamedTuple):
    """A workflow in an environment, what n8n last said of it, and its counts."""

    environment_id: UUID
    environment_name: str
    workflow_id: str
    name: str
    is_active: bool | None
    is_gone: bool
    tags: list[str]
    last_run_at: datetime | None
    last_failure_at: datetime | None
    counts: Measures

    @property
    def key(self) -> tuple[UUID, str]:
        return self.environment_id, self.workflow_id


@dataclass(frozen=True, slots=True)
class Order:
    """How a table of workflows is sorted, searched and cut."""

    sort: str = "risk"
    is_ascending: bool = False
    search: str = ""
    show: str = "all"
    offset: int = 0
    limit: int | None = 50


def ranked_workflows(question: Question, order: Order) -> tuple[list[Ranked], int]:
    """The workflows of a page, and how many all pages have; one query."""
    parameters = {
        **piece_parameters(question.selection, [(CURRENT, question.span)]),
        "shown_ids": [environment.pk for environment in question.environments],
        "shown_names": [environment.name for environment in question.environments],
        "search": order.search,
        "limit": order.limit,
        "offset": order.offset,
    }
    with connection.cursor() as cursor:
        cursor.execute(_statement(question.selection, order), parameters)
        rows = cursor.fetchall()
    if not rows and order.offset:
        # There are fewer than the page before believed; how many says the first row.
        return [], ranked_workflows(question, replace(order, offset=0, limit=1))[1]
    return [_ranked(row) for row in rows], rows[0][9] if rows else 0


def _statement(selection: Selection, order: Order) -> str:
    last_run, last_failure = OF_ALL_TIME[bool(selection.modes)]
    return RANKED.format(
        sources=sources_of(selection),
        parts=parts_of(selection, "workflow", OF_WORKFLOW, histograms=False),
        net_sums=NET_SUMS,
        narrowed=selection.conditions("environments", "workflows"),
        tagged=TAGGED if selection.tags else "",
        last_run=last_run,
        last_failure=last_failure,
        counts=", ".join(f"coalesce({name}, 0) AS {name}" for name in SUMS),
        is_listed="false" if selection.modes else "true",
        names_of_counts=", ".join(SUMS),
        criticality=CRITICALITY_SQL,
        shown=SHOWN[order.show],
        searched=SEARCHED if order.search else "",
        sort=f"{SORTS[order.sort]} {'ASC' if order.is_ascending else 'DESC'}",
    )


def _ranked(row: tuple[Any, ...]) -> Ranked:
    return Ranked._make([*row[:9], Measures(*row[10:])])
