"""Runs that do not get on: too long, never started, or past the time they wait for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from django.db import connection
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

USUAL = f"""
SELECT environment_id, workflow_id, {SENT} FROM analytics_workflowday r
WHERE r.tenant_id = %(tenant)s AND r.workflow_id = ANY (%(workflows)s)
  AND r.begins_at >= %(since)s
GROUP BY environment_id, workflow_id
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
    """The selected runs that are stuck, the longest waiting first, in two queries."""
    now = timezone.now()
    rows = list(_unfinished(selection))
    limits = _limits(selection.tenant_id, rows, now)
    found = [
        stuck
        for row in rows
        if (stuck := judge(row, limits.get((row.environment_id, row.workflow_id)), now))
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


def _unfinished(selection: Selection) -> Iterable[Execution]:
    # Every run that is not final is asked for again, so the column names them all.
    rows = Execution.objects.for_tenant(selection.tenant_id).filter(
        recheck_at__isnull=False,
        gone_at=None,
        normalized_status__in=[NormalizedStatus.RUNNING, NormalizedStatus.WAITING],
    )
    return selection.narrow(rows).order_by("occurred_at")[:LOOKED_AT]


def _limits(
    tenant_id: UUID, rows: Sequence[Execution], now: datetime
) -> dict[tuple[UUID, str], Limit]:
    with connection.cursor() as cursor:
        cursor.execute(
            USUAL,
            {
                "tenant": tenant_id,
                "workflows": sorted({row.workflow_id for row in rows}),
                "since": now - LEARNT_FROM,
            },
        )
        return {
            (environment_id, workflow_id): limit
            for environment_id, workflow_id, bins, counts in cursor.fetchall()
            if (limit := learnt_limit(Histogram.received(bins, counts)))
        }


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
