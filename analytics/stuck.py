"""Runs that do not get on: too long, never started, or past the time they wait for."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.utils import timezone

from analytics.histograms import SENT, Histogram
from analytics.selection import Selection
from executions.models import Execution
from executions.statuses import NormalizedStatus

# A workflow's own pace counts once it has been seen this often.
RUNS_TO_LEARN = 30
LEARNT_FROM = timedelta(days=30)
FACTOR = 3
# Below this nobody waits for a run, however quick it usually is.
SHORTEST_LIMIT = timedelta(minutes=2)
FIXED_LIMIT = timedelta(hours=6)
START_LIMIT = timedelta(minutes=5)
WAKE_LIMIT = timedelta(minutes=5)
LOOKED_AT = 2000

# Every run that is not final is asked for again, so the column names them all. What a workflow
# usually needs stands beside the first of its runs.
UNFINISHED = f"""
WITH unfinished AS MATERIALIZED (
    SELECT r.id, r.environment_id, r.workflow_id, r.workflow_name, r.n8n_execution_id, r.status,
        r.normalized_status, r.started_at, r.occurred_at, r.wait_till,
        row_number() OVER (PARTITION BY r.environment_id, r.workflow_id) AS nth
    FROM executions r
    WHERE r.tenant_id = %(tenant)s AND r.recheck_at IS NOT NULL AND r.gone_at IS NULL
      AND r.normalized_status IN ('running', 'waiting') {{conditions}}
    ORDER BY r.occurred_at LIMIT %(most)s
)
SELECT u.*, x.bins, x.bin_counts FROM unfinished u LEFT JOIN LATERAL (
    SELECT {SENT} FROM analytics_workflowday r
    WHERE r.tenant_id = %(tenant)s AND r.environment_id = u.environment_id
      AND r.workflow_id = u.workflow_id AND r.begins_at >= %(since)s
) AS x ON u.nth = 1
ORDER BY u.occurred_at
"""


class StuckKind(StrEnum):
    """In which way a run does not get on."""

    TOO_LONG = "too_long"
    NOT_STARTED = "not_started"
    OVERDUE = "overdue"


@dataclass(frozen=True, slots=True)
class Limit:
    """How long a run may take, and what its workflow usually needs, where that is known."""

    length: timedelta
    usual: timedelta | None = None


@dataclass(frozen=True, slots=True)
class StuckRun:
    """A run that does not get on, since when, and the reason in words."""

    execution: Execution
    kind: StuckKind
    since: datetime
    sentence: str


def stuck_runs(selection: Selection) -> list[StuckRun]:
    """The selected runs that are stuck, the longest waiting first, in one query."""
    now = timezone.now()
    rows = _unfinished(selection, now)
    limits = {
        _workflow(row): learnt_limit(Histogram.received(row.bins, row.bin_counts))
        for row in rows
        if row.bins
    }
    found = [
        stuck for row in rows if (stuck := judge(row, limits.get(_workflow(row)), now)) is not None
    ]
    return sorted(found, key=lambda stuck: stuck.since)


def judge(row: Execution, usual: Limit | None, now: datetime) -> StuckRun | None:
    """Whether a run is stuck (pure)."""
    if row.normalized_status == NormalizedStatus.WAITING:
        if row.wait_till is not None and now - row.wait_till > WAKE_LIMIT:
            sentence = f"It should have gone on {_long(now - row.wait_till)} ago."
            return StuckRun(row, StuckKind.OVERDUE, row.wait_till, sentence)
        return None
    if row.status == "new" or row.started_at is None:
        if now - row.occurred_at > START_LIMIT:
            sentence = f"It was queued {_long(now - row.occurred_at)} ago and has not started."
            return StuckRun(row, StuckKind.NOT_STARTED, row.occurred_at, sentence)
        return None
    limit = usual or Limit(FIXED_LIMIT)
    if now - row.started_at <= limit.length:
        return None
    if limit.usual is None:
        reason = f"the limit is {_long(limit.length)}"
    else:
        reason = f"this workflow usually needs at most {_long(limit.usual)}"
    sentence = f"It has run for {_long(now - row.started_at)}; {reason}."
    return StuckRun(row, StuckKind.TOO_LONG, row.started_at, sentence)


def _unfinished(selection: Selection, now: datetime) -> list[Any]:
    """Executions with the ``bins`` and ``bin_counts`` of their workflow, or with None."""
    parameters = {
        **selection.parameters(),
        "most": LOOKED_AT,
        "since": now - LEARNT_FROM,
    }
    statement = UNFINISHED.format(conditions=selection.conditions())
    return list(Execution.objects.raw(statement, parameters))


def _workflow(row: Execution) -> tuple[UUID, str]:
    return row.environment_id, row.workflow_id


def learnt_limit(histogram: Histogram) -> Limit | None:
    """A few times what all but one of a hundred runs need (pure); None where too few ran."""
    (highest,) = histogram.percentiles((0.99,))
    if highest is None or histogram.total < RUNS_TO_LEARN:
        return None
    usual = timedelta(milliseconds=highest)
    return Limit(max(usual * FACTOR, SHORTEST_LIMIT), usual)


def _long(length: timedelta) -> str:
    """A length in the words that fit its size."""
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if length.total_seconds() >= 2 * size:
            return f"{length.total_seconds() / size:.0f} {unit}"
    return f"{max(length.total_seconds(), 0):.0f} seconds"
