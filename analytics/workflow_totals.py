"""The table ``execution_analytics``: what is known of each workflow in each environment.

Counts are of all time, durations of the thirty days up to its last run, so that the price of
keeping them does not grow with the years.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from analytics.histograms import SENT, Histogram
from analytics.models import WorkflowHour

DURATIONS_OF = timedelta(days=30)

TOTALS = """
SELECT workflow_id, sum(success + error + running + waiting + canceled + unknown),
    sum(success), sum(error), max(last_at), max(last_error_at)
FROM analytics_workflowday
WHERE tenant_id = %(tenant)s AND environment_id = %(environment)s
  AND workflow_id = ANY (%(workflows)s)
GROUP BY workflow_id
"""
DURATIONS = f"""
WITH newest AS MATERIALIZED (
    SELECT w.workflow_id, (
        SELECT max(d.begins_at) FROM analytics_workflowday d
        WHERE d.tenant_id = %(tenant)s AND d.environment_id = %(environment)s
          AND d.workflow_id = w.workflow_id AND d.timed > 0
    ) AS at
    FROM unnest(%(workflows)s::text[]) AS w (workflow_id)
), days AS MATERIALIZED (
    SELECT d.workflow_id, timed, duration_sum, bins, bin_counts
    FROM newest n JOIN analytics_workflowday d
      ON d.workflow_id = n.workflow_id AND d.begins_at > n.at - %(since)s
    WHERE d.tenant_id = %(tenant)s AND d.environment_id = %(environment)s AND timed > 0
)
SELECT workflow_id, (sum(duration_sum) / sum(timed))::float8, {SENT} FROM days GROUP BY workflow_id
"""
STORE = """
INSERT INTO execution_analytics (
    tenant_id, environment_id, workflow_id, total_count, success_count, failure_count,
    last_execution_at, last_failure_at, avg_duration, p50_duration, p95_duration,
    last_error_message, updated_at
) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, '', clock_timestamp())
ON CONFLICT (tenant_id, environment_id, workflow_id) DO UPDATE SET
    total_count = excluded.total_count,
    success_count = excluded.success_count,
    failure_count = excluded.failure_count,
    last_execution_at = excluded.last_execution_at,
    last_failure_at = excluded.last_failure_at,
    avg_duration = excluded.avg_duration,
    p50_duration = excluded.p50_duration,
    p95_duration = excluded.p95_duration,
    last_error_message = CASE
        WHEN execution_analytics.last_failure_at = excluded.last_failure_at
        THEN execution_analytics.last_error_message ELSE '' END,
    updated_at = excluded.updated_at
"""
FORGET = """
DELETE FROM execution_analytics
WHERE tenant_id = %(tenant)s AND environment_id = %(environment)s
  AND workflow_id = ANY (%(gone)s)
"""
# A failure's reason is fetched after the failure: what is still without one is filled in later.
ADD_MESSAGES = """
UPDATE execution_analytics a SET last_error_message = left(e.error_message, 2000)
FROM executions e
WHERE a.tenant_id = %(tenant)s AND a.environment_id = %(environment)s
  AND a.last_error_message = '' AND a.last_failure_at IS NOT NULL
  AND e.tenant_id = a.tenant_id AND e.environment_id = a.environment_id
  AND e.workflow_id = a.workflow_id AND e.occurred_at = a.last_failure_at
  AND e.normalized_status = 'error' AND e.error_message <> ''
"""


def workflows_of(tenant_id: UUID, environment_id: UUID, hours: Sequence[datetime]) -> set[str]:
    """The workflows that the rollups know in these hours."""
    found = WorkflowHour.objects.for_tenant(tenant_id).filter(
        environment_id=environment_id, begins_at__in=hours
    )
    return set(found.values_list("workflow_id", flat=True))


def refresh_totals(tenant_id: UUID, environment_id: UUID, workflows: Sequence[str]) -> None:
    """Add up these workflows again, from their days."""
    wanted: dict[str, Any] = {
        "tenant": tenant_id,
        "environment": environment_id,
        "workflows": list(workflows),
        "since": DURATIONS_OF,
    }
    with connection.cursor() as cursor:
        cursor.execute(DURATIONS, wanted)
        durations = {row[0]: _durations(*row[1:]) for row in cursor.fetchall()}
        cursor.execute(TOTALS, wanted)
        rows = [
            (tenant_id, environment_id, *row, *durations.get(row[0], (None, None, None)))
            for row in cursor.fetchall()
        ]
        cursor.executemany(STORE, rows)
        gone = sorted(set(workflows) - {row[2] for row in rows})
        cursor.execute(FORGET, {**wanted, "gone": gone})


def add_messages(tenant_id: UUID, environment_id: UUID) -> None:
    """Fill in the reasons of last failures that have come to be known."""
    with connection.cursor() as cursor:
        cursor.execute(ADD_MESSAGES, {"tenant": tenant_id, "environment": environment_id})


def _durations(
    average: float, bins: bytes, counts: bytes
) -> tuple[float, float | None, float | None]:
    middle, high = Histogram.received(bins, counts).percentiles((0.5, 0.95))
    return average, middle, high
