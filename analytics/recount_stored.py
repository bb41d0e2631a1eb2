"""What is not of a period, held against plain SQL: totals of all time, stuck runs, reports."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from analytics import api
from analytics.periods import DAY, floor_day
from analytics.recount import Compared, Rows, answer, key_of, moment_of, near, rows_of, same
from analytics.recount_sql import OVERLAP, REPORTS, STORED, STUCK
from tenants.models import Tenant


def totals(tenant: Tenant) -> Iterator[Compared]:
    """``execution_analytics``; call where no execution was deleted, since it outlives them."""
    rows: Rows = []
    query = {"limit": "250"}
    while True:
        body = answer(api.ExecutionAnalyticsView, tenant, query)
        rows += body["results"]
        if not body["next_cursor"]:
            break
        query["cursor"] = body["next_cursor"]
    counted = {key_of(row): row for row in rows_of(STORED, {"tenant": tenant.pk})}
    yield same("analytics of all time, workflows", len(rows), len(counted))
    for row in rows:
        expected = counted.get(key_of(row))
        named = f"analytics of all time, {row['workflow_name']}"
        if expected is None:
            yield same(f"{named} executions", row["total_count"], 0)
            continue
        for name in ("total_count", "success_count", "failure_count"):
            yield same(f"{named} {name}", row[name], expected[name])
        for name in ("last_execution_at", "last_failure_at"):
            yield same(f"{named} {name}", moment_of(row[name]), expected[name])
        average = expected["average"]
        yield near(f"{named} avg_duration", row["avg_duration"], average, is_exact=True)
        shares = expected["shares"] or [None, None]
        for name, share in zip(("p50_duration", "p95_duration"), shares, strict=True):
            yield near(f"{named} {name}", row[name], share, is_exact=False)


def stuck(tenant: Tenant, now: datetime) -> Iterator[Compared]:
    """Those that never started or are overdue; how long is too long is learnt, not counted."""
    found = answer(api.StuckView, tenant, {})["results"]
    for row in rows_of(STUCK, {"tenant": tenant.pk, "now": now}):
        answered = sum(one["kind"] == row["kind"] for one in found)
        yield same(f"stuck {row['kind']}", answered, row["runs"])


def reports(tenant: Tenant, purged_before: datetime | None, now: datetime) -> Iterator[Compared]:
    """The views that BI tools read, row by row, of the days whose executions are all there."""
    begin = floor_day(purged_before) + DAY if purged_before else datetime(1990, 1, 1, tzinfo=UTC)
    for name, (days, report, counted) in REPORTS.items():
        since = max(begin, floor_day(now - timedelta(days=days)))
        statement = OVERLAP.format(report=report, counted=counted)
        (row,) = rows_of(statement, {"tenant": tenant.pk, "since": since})
        yield same(f"reports.{name} rows", row["reported"], row["counted"])
        yield same(f"reports.{name} equal rows", row["equal"], row["counted"])
