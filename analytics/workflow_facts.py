"""What is said of the workflows of one page beside their counts: durations, course, the period
before, main cause.

This is dear, so it is read for the rows of a page, all of it at once.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from analytics.histograms import NET_SENT, Histogram
from analytics.kpis import PREVIOUS
from analytics.measures import Measures
from analytics.periods import Bucket
from analytics.reading import NET_SUMS, OF_WORKFLOW, parts_of, piece_parameters, sources_of
from analytics.rollup_sql import STATUSES, SUMS
from analytics.selection import Selection

Key = tuple[UUID, str]
NEWEST_FAILURES = 20

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
CHOSEN = """
chosen AS MATERIALIZED (
    SELECT * FROM unnest(%(environment_ids)s::uuid[], %(workflow_ids)s::text[],
        %(failure_counts)s::int[], %(named)s::bool[])
        AS k (environment_id, workflow_id, failures, is_named)
)"""
IS_CHOSEN = """AND (r.environment_id, r.workflow_id) IN (
    SELECT k.environment_id, k.workflow_id FROM chosen k)"""
FACTS = """
WITH {sources}, {chosen}, part AS ({parts}), courses AS (
    SELECT environment_id, workflow_id, array_agg(bucket) AS buckets, array_agg(runs) AS runs,
        array_agg(failures) AS failures
    FROM (
        SELECT environment_id, workflow_id, bucket, sum(sign * ({runs}))::integer AS runs,
            sum(sign * error)::integer AS failures
        FROM part WHERE bucket <> {previous} GROUP BY environment_id, workflow_id, bucket
    ) AS counted GROUP BY environment_id, workflow_id
), histograms AS (
    SELECT environment_id, workflow_id, {sent}
    FROM part WHERE bucket <> {previous} GROUP BY environment_id, workflow_id
), before AS (
    SELECT environment_id, workflow_id, {net_sums}
    FROM part WHERE bucket = {previous} GROUP BY environment_id, workflow_id
)
SELECT k.environment_id, k.workflow_id, c.buckets, c.runs, c.failures, {sums_before},
    h.bins, h.bin_counts, h.bins_out, h.bin_counts_out,
    CASE WHEN k.failures > 0 THEN ({cause}) END,
    CASE WHEN NOT k.is_named THEN ({name}) END
FROM chosen k
LEFT JOIN courses c USING (environment_id, workflow_id)
LEFT JOIN histograms h USING (environment_id, workflow_id)
LEFT JOIN before b USING (environment_id, workflow_id)
"""
NAMES = f"""
SELECT k.environment_id, k.workflow_id, x.workflow_name
FROM unnest(%(environment_ids)s::uuid[], %(workflow_ids)s::text[])
    AS k (environment_id, workflow_id)
CROSS JOIN LATERAL ({LAST_NAME}) AS x
"""


class Asked(NamedTuple):
    """A workflow of a page, how often it failed, and whether n8n has a name for it."""

    environment_id: UUID
    workflow_id: str
    failures: int
    is_named: bool


class Facts(NamedTuple):
    """Runs and failures by number of the bucket, the counts of the period before, durations in
    bins, the most frequent class of its newest failures, and its name where n8n has none for it.
    """

    course: dict[int, tuple[int, int]]
    before: Measures
    histogram: Histogram
    main_error_class: str
    name: str


def facts_of(
    selection: Selection,
    buckets: Sequence[Bucket],
    previous: Bucket,
    workflows: Sequence[Asked],
) -> dict[Key, Facts]:
    """The facts of some workflows over neighbouring buckets, in one query."""
    environment_ids, workflow_ids, failure_counts, named = zip(*workflows, strict=True)
    narrowed = replace(selection, workflows=tuple(sorted(set(workflow_ids))))
    statement = FACTS.format(
        sources=sources_of(selection),
        chosen=CHOSEN,
        parts=parts_of(narrowed, "workflow", OF_WORKFLOW, only=IS_CHOSEN),
        runs=" + ".join(STATUSES),
        previous=PREVIOUS,
        sent=NET_SENT,
        net_sums=NET_SUMS,
        sums_before=", ".join(f"b.{name}" for name in SUMS),
        cause=MAIN_CAUSE.format(modes=selection.conditions("modes")),
        name=LAST_NAME,
    )
    parameters = {
        **piece_parameters(narrowed, [*enumerate(buckets), (PREVIOUS, previous)]),
        "environment_ids": list(environment_ids),
        "workflow_ids": list(workflow_ids),
        "failure_counts": list(failure_counts),
        "named": list(named),
        "newest": NEWEST_FAILURES,
        "start": buckets[0].start,
        "end": buckets[-1].end,
    }
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return {row[:2]: _facts(*row[2:]) for row in cursor.fetchall()}


def _facts(buckets: Any, runs: Any, failures: Any, *rest: Any) -> Facts:
    # Null where there was no run before.
    before: list[Any] = [count or 0 for count in rest[: len(SUMS)]]
    *sent, main_error_class, name = rest[len(SUMS) :]
    return Facts(
        course=dict(zip(buckets or (), zip(runs or (), failures or (), strict=True), strict=True)),
        before=Measures(*before),
        histogram=Histogram.net(*sent),
        main_error_class=main_error_class or "",
        name=name or "",
    )


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
