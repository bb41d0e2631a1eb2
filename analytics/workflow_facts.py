"""What is known of workflows beside their numbers: what n8n last said, and what runs remember."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from analytics.periods import Bucket
from analytics.selection import Selection

Key = tuple[UUID, str]
NEWEST_FAILURES = 20

# What ran is remembered longer than what n8n lists, and what never ran is listed only.
KNOWN = """
SELECT environment_id, workflow_id, w.name IS NOT NULL, coalesce(w.name, ''), w.is_active,
    w.gone_at, coalesce(w.tags, '{{}}'), a.last_execution_at, a.last_failure_at
FROM (
    SELECT environment_id, workflow_id, name, is_active, gone_at, tags FROM executions_workflow r
    WHERE r.tenant_id = %(tenant)s {narrowed} {tagged}
) AS w FULL JOIN (
    SELECT environment_id, workflow_id, last_execution_at, last_failure_at
    FROM execution_analytics r WHERE r.tenant_id = %(tenant)s {narrowed}
) AS a USING (environment_id, workflow_id)
"""
TAGGED = "AND r.tags && %(tags)s::varchar[]"
LAST_NAME = """
SELECT workflow_name FROM executions r
WHERE r.tenant_id = %(tenant)s AND r.workflow_id = k.workflow_id
  AND r.environment_id = k.environment_id AND r.workflow_name <> ''
ORDER BY r.occurred_at DESC LIMIT 1"""
# Of the newest failures only, so that a workflow that always fails costs no more than another.
MAIN_CAUSE = """
SELECT error_class FROM (
    SELECT r.error_class FROM executions r
    WHERE r.tenant_id = %(tenant)s AND r.environment_id = k.environment_id
      AND r.workflow_id = k.workflow_id AND r.normalized_status = 'error'
      AND r.occurred_at >= %(start)s AND r.occurred_at < %(end)s {modes}
    ORDER BY r.occurred_at DESC LIMIT least(k.failures, %(newest)s)
) AS newest
GROUP BY error_class ORDER BY count(*) DESC, error_class LIMIT 1"""
REMEMBERED = f"""
SELECT k.environment_id, k.workflow_id,
    CASE WHEN k.failures > 0 THEN ({MAIN_CAUSE}) END,
    CASE WHEN NOT k.is_named THEN ({LAST_NAME}) END
FROM unnest(%(environment_ids)s::uuid[], %(workflow_ids)s::text[], %(failure_counts)s::int[],
    %(named)s::bool[]) AS k (environment_id, workflow_id, failures, is_named)
"""
NAMES = f"""
SELECT k.environment_id, k.workflow_id, x.workflow_name
FROM unnest(%(environment_ids)s::uuid[], %(workflow_ids)s::text[])
    AS k (environment_id, workflow_id)
CROSS JOIN LATERAL ({LAST_NAME}) AS x
"""


@dataclass(frozen=True, slots=True)
class Known:
    """What n8n last said of a workflow, if it ever listed it, and when it last ran and failed."""

    is_listed: bool = False
    name: str = ""
    is_active: bool | None = None
    gone_at: datetime | None = None
    tags: Sequence[str] = ()
    last_run_at: datetime | None = None
    last_failure_at: datetime | None = None

    @property
    def is_gone(self) -> bool:
        return not self.is_listed or self.gone_at is not None


class Asked(NamedTuple):
    """A workflow whose runs are asked for what else they say of it."""

    environment_id: UUID
    workflow_id: str
    failures: int
    is_named: bool


class Remembered(NamedTuple):
    """The most frequent class of its newest failures, and its name where n8n has none for it."""

    main_error_class: str = ""
    name: str = ""


def known_workflows(selection: Selection) -> dict[Key, Known]:
    """Every workflow of the selection that was listed or ran, in one query."""
    statement = KNOWN.format(
        narrowed=selection.conditions("environments", "workflows"),
        tagged=TAGGED if selection.tags else "",
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, selection.parameters())
        return {row[:2]: Known(*row[2:]) for row in cursor.fetchall()}


def remembered(
    selection: Selection, span: Bucket, workflows: Sequence[Asked]
) -> dict[Key, Remembered]:
    """What the runs of a stretch of time say of some workflows, in one query."""
    environment_ids, workflow_ids, failure_counts, named = zip(*workflows, strict=True)
    parameters = {
        **selection.parameters(),
        "environment_ids": list(environment_ids),
        "workflow_ids": list(workflow_ids),
        "failure_counts": list(failure_counts),
        "named": list(named),
        "newest": NEWEST_FAILURES,
        "start": span.start,
        "end": span.end,
    }
    with connection.cursor() as cursor:
        cursor.execute(REMEMBERED.format(modes=selection.conditions("modes")), parameters)
        return {
            (environment_id, workflow_id): Remembered(cause or "", name or "")
            for environment_id, workflow_id, cause, name in cursor.fetchall()
        }


def names_of(selection: Selection, keys: list[Key]) -> dict[Key, str]:
    """The names that executions remember of workflows that n8n no longer shows."""
    if not keys:
        return {}
    parameters: dict[str, Any] = {
        "tenant": selection.tenant_id,
        "environment_ids": [environment_id for environment_id, _ in keys],
        "workflow_ids": [workflow_id for _, workflow_id in keys],
    }
    with connection.cursor() as cursor:
        cursor.execute(NAMES, parameters)
        return {(row[0], row[1]): row[2] for row in cursor.fetchall()}
