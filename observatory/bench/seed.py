"""The earlier system's way: fetch every row of the range and add up in Python."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from statistics import quantiles
from typing import Any
from uuid import UUID

from analytics.periods import Bucket, Period
from executions.models import Execution


def fetch(tenant_id: UUID, span: Bucket) -> list[Execution]:
    rows = Execution.objects.for_tenant(tenant_id)
    return list(rows.filter(occurred_at__gte=span.start, occurred_at__lt=span.end))


def kpis(tenant_id: UUID, period: Period, previous: Bucket) -> list[dict[str, Any]]:
    span = Bucket(period.start, period.end)
    now, before = fetch(tenant_id, span), fetch(tenant_id, previous)
    starts = [bucket.start for bucket in period.buckets()]
    by_bucket: list[list[Execution]] = [[] for _ in starts]
    for row in now:
        by_bucket[bisect_right(starts, row.occurred_at) - 1].append(row)
    return [figures(rows) for rows in (now, before, *by_bucket)]


def workflows(tenant_id: UUID, span: Bucket) -> dict[str, dict[str, Any]]:
    found = defaultdict(list)
    for row in fetch(tenant_id, span):
        found[row.workflow_id].append(row)
    return {workflow_id: figures(rows) for workflow_id, rows in found.items()}


def errors(tenant_id: UUID, span: Bucket) -> list[tuple[str, int, int]]:
    found = defaultdict(list)
    for row in fetch(tenant_id, span):
        if row.normalized_status == "error":
            found[row.fingerprint].append(row)
    counted = (
        (fingerprint, len(rows), len({row.workflow_id for row in rows}))
        for fingerprint, rows in found.items()
    )
    return sorted(counted, key=lambda group: -group[1])[:50]


def figures(rows: Iterable[Execution]) -> dict[str, Any]:
    rows = list(rows)
    durations = sorted(row.execution_time for row in rows if row.execution_time is not None)
    shares = quantiles(durations, n=100, method="inclusive") if len(durations) > 1 else []
    return {
        "total": len(rows),
        "success": sum(row.normalized_status == "success" for row in rows),
        "error": sum(row.normalized_status == "error" for row in rows),
        "average": sum(durations) / len(durations) if durations else None,
        "shares": [shares[at - 1] for at in (50, 95, 99)] if shares else None,
    }
