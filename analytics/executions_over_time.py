"""Runs by status over time, of exactly the filter that the list of executions has.

Where numbers that were added up can answer, they do, however many runs there are. Any other search
counts its rows, up to a limit that the page names.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

from analytics.measures import Measures
from analytics.periods import Period, custom_period
from analytics.questions import Question, question_of
from analytics.reading import read_buckets
from analytics.selection import Selection
from executions.charts import Bar, RunsChart
from executions.filters import ExecutionFilter
from executions.statuses import NormalizedStatus

# Of a list without a time.
USUAL_RANGE = timedelta(days=7)
MOST_ROWS = 200_000
# Tokens that sums know as well.
SUMMED = frozenset({"status", "mode"})
COUNTED = """
SELECT least(greatest(width_bucket(occurred_at, %s::timestamptz[]), 1), %s) - 1 AS bucket,
    normalized_status, count(*), min(occurred_at)
FROM ({rows}) AS matching GROUP BY bucket, normalized_status
"""


@dataclass(frozen=True, slots=True)
class OverTime:
    """The chart, and what has to be said beside it."""

    chart: RunsChart
    sentences: list[str]


def executions_over_time(chosen: ExecutionFilter) -> OverTime:
    """Call after ``is_valid()``. Raises ValueError where the time cannot be drawn."""
    now, zone = timezone.now(), timezone.get_current_timezone()
    end = chosen.until or now
    start = chosen.since or end - USUAL_RANGE
    period = custom_period(start.isoformat(), end.isoformat(), now=now, zone=zone)
    said = (
        [] if chosen.since else [f"The last {USUAL_RANGE.days} days; the list goes on before them."]
    )
    if all(term.name in SUMMED and not term.is_negated for term in chosen.terms):
        return _from_sums(chosen, period, said)
    return _from_rows(chosen, period, said)


def _from_sums(chosen: ExecutionFilter, period: Period, said: list[str]) -> OverTime:
    form, wanted = chosen.cleaned_data, {"status": set[str](), "mode": set[str]()}
    for term in chosen.terms:
        wanted[term.name].add(term.value)
    environments = [
        one
        for one in chosen.environments
        if not form["environment"] or str(one.pk) in form["environment"]
    ]
    selection = Selection(
        tenant_id=chosen.tenant.pk,
        environments=tuple(one.pk for one in environments) if form["environment"] else (),
        tags=tuple(form["tag"]),
        modes=tuple(sorted(wanted["mode"])),
    )
    question = question_of(selection, period, environments)
    found = read_buckets(selection, enumerate(question.buckets))
    if not question.horizon.has_rows_since(question.span.start):
        said.append("Retention deleted the oldest of these runs; their numbers are kept.")
    return OverTime(
        RunsChart(
            tuple(
                Bar(bucket.start, bucket.end, _counts(question, found, place, wanted["status"]))
                for place, bucket in enumerate(question.buckets)
            )
        ),
        said,
    )


def _counts(
    question: Question, found: dict[int, Measures], place: int, statuses: set[str]
) -> dict[str, int] | None:
    """None where nobody looked and nothing was found."""
    counts = found[place].counts()
    if not found[place].total and question.ledger.of(question.buckets[place]).share == 0:
        return None
    return {name: count for name, count in counts.items() if not statuses or name in statuses}


def _from_rows(chosen: ExecutionFilter, period: Period, said: list[str]) -> OverTime:
    buckets = list(period.buckets())
    rows = chosen.executions().filter(occurred_at__range=(period.start, period.end))
    newest = rows.order_by("-occurred_at", "-id").values("occurred_at", "normalized_status")
    statement, parameters = newest[:MOST_ROWS].query.sql_with_params()
    counts = [dict.fromkeys(map(str, NormalizedStatus), 0) for _ in buckets]
    oldest: datetime | None = None
    with connection.cursor() as cursor:
        cursor.execute(
            COUNTED.format(rows=statement),
            [[bucket.start for bucket in buckets], len(buckets), *parameters],
        )
        for place, status, count, first in cursor.fetchall():
            counts[place][status] = count
            oldest = min(oldest or first, first)
    is_cut = sum(sum(one.values()) for one in counts) >= MOST_ROWS
    if is_cut:
        said.append(f"Only the newest {MOST_ROWS:,} of these runs are counted.")
    return OverTime(
        RunsChart(
            tuple(
                Bar(
                    bucket.start,
                    bucket.end,
                    None if is_cut and _is_before(bucket.end, oldest) else of,
                )
                for bucket, of in zip(buckets, counts, strict=True)
            )
        ),
        said,
    )


def _is_before(end: datetime, oldest: datetime | None) -> bool:
    return oldest is not None and end <= oldest
