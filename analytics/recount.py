"""Every figure that the API answers, held against plain SQL over the executions of a tenant.

The SQL here is written by hand and shares nothing with the code that answers: it knows neither
rollups nor pieces nor histograms. Answers come from the views of the API, through their forms and
serializers, in one snapshot with the SQL.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.http import HttpRequest, QueryDict
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from analytics import api
from analytics.recount_sql import (
    COURSE,
    FIGURES,
    FILTERED,
    LAST_RUNS,
    MAIN_CLASSES,
    STATUSES,
    WORKFLOWS_OF,
)
from tenants.models import Role, Tenant
from tenants.scope import tenant_scope

# Of a percentile that is read from a histogram, and of what was rounded to a tenth.
RELATIVE, ABSOLUTE = 0.015, 1.0
ROUNDED = 0.051
DURATIONS = ("p50_duration_ms", "p95_duration_ms", "p99_duration_ms")
RANGES: tuple[dict[str, str], ...] = (
    *({"time_range": name} for name in ("1h", "6h", "24h", "7d", "30d")),
    {"from": "now-36h", "zone": "America/New_York"},
    {"from": "now-7d/d", "zone": "Asia/Kathmandu"},
    {"from": "now-3w/w", "to": "now-1w/w", "zone": "Europe/Berlin"},
)
# Of each filter, and of what is dear.
FEW = (RANGES[2], RANGES[6])

Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Compared:
    """A figure as it was answered and as it was counted."""

    name: str
    answered: Any
    counted: Any
    is_same: bool

    def __str__(self) -> str:
        return f"{self.name}: {self.answered} {'=' if self.is_same else '≠'} {self.counted}"


@contextmanager
def snapshot(tenant: Tenant) -> Iterator[None]:
    """A transaction in which the tenant's rows stand still."""
    is_outermost = not connection.in_atomic_block
    with transaction.atomic():
        if is_outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        with tenant_scope(tenant.pk):
            yield


def answer(view: type[api.AnalyticsView], tenant: Tenant, query: Mapping[str, str]) -> Any:
    """What the view answers to a member of the tenant."""
    http = HttpRequest()
    http.method, http.GET = "GET", QueryDict(mutable=True)  # type: ignore[assignment]
    http.GET.update(query)
    # What is recounted is read anew, and not what was told to somebody before.
    http.META["HTTP_CACHE_CONTROL"] = "no-cache"
    request = Request(http)
    # What the authentication of a real request says.
    vars(request).update(tenant=tenant, role=Role.VIEWER)
    response: Response = view(request=request).get(request)  # type: ignore[attr-defined]
    return response.data


def rows_of(statement: str, parameters: Mapping[str, Any]) -> Rows:
    with connection.cursor() as cursor:
        cursor.execute(statement, dict(parameters))
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def same(name: str, answered: Any, counted: Any) -> Compared:
    return Compared(name, answered, counted, answered == counted)


def near(name: str, answered: float | None, counted: Any, *, is_exact: bool) -> Compared:
    """Equal but for rounding, or for what a histogram's bins allow."""
    if answered is None or counted is None:
        return same(name, answered, counted)
    counted = float(counted)
    allowed = ROUNDED if is_exact else ABSOLUTE + RELATIVE * counted
    return Compared(name, answered, round(counted, 3), abs(answered - counted) <= allowed)


class Recount:
    """Asks for one tenant, and counts."""

    def __init__(self, tenant: Tenant, purged_before: datetime | None) -> None:
        self.tenant = tenant
        self.purged_before = purged_before
        self.now = timezone.now()

    def selections(self) -> list[dict[str, str]]:
        """No filter, and each kind of filter with what the tenant has."""
        found: list[dict[str, str]] = [{}]
        for row in rows_of(FILTERED, {"tenant": self.tenant.pk}):
            found.append({row["kind"]: str(row["value"])})
        return found

    def parameters(self, query: Mapping[str, str], span: Mapping[str, str]) -> dict[str, Any]:
        filters = {name: query.get(name) for name in ("environment", "workflow", "tag", "mode")}
        return {"tenant": self.tenant.pk, "start": span["from"], "end": span["to"], **filters}

    def has_rows(self, moment: str) -> bool:
        """Whether executions since then are still there to be counted."""
        return self.purged_before is None or datetime.fromisoformat(moment) >= self.purged_before

    def everything(self) -> Iterator[Compared]:
        for selection in self.selections():
            for span in FEW if selection else RANGES:
                query = {**selection, **span}
                yield from self.kpis(answer(api.KpisView, self.tenant, query), query)
                health = answer(api.EnvironmentsView, self.tenant, query)
                yield from self.environments(health, query)
            for span in FEW:
                query = {**selection, **span}
                yield from self.workflow_pages(query)
                yield from self.analytics_of_period(query)
            yield from self.series(selection)
        yield from self.overview()
        yield from self.status()

    def kpis(
        self, body: dict[str, Any], query: Mapping[str, str], part: str = "kpis"
    ) -> Iterator[Compared]:
        counted_span = body["counted"]
        if not self.has_rows(body["compared_with"]["from"]):
            return
        label = f"{part} {_words(query)}"
        (row,) = rows_of(FIGURES.format(keys="", grouped=""), self.parameters(query, counted_span))
        for name in ("total_executions", "success_count", "failure_count"):
            yield same(f"{label} {name}", body[name], row[name])
        yield same(f"{label} counts", body["counts"], {name: row[name] for name in STATUSES})
        yield near(f"{label} success_rate", body["success_rate"], _rate(row), is_exact=True)
        yield near(
            f"{label} avg_duration_ms", body["avg_duration_ms"], row["average"], is_exact=True
        )
        is_exact = body["percentiles_are_exact"]
        for name, counted in zip(DURATIONS, row["shares"] or [None] * 3, strict=True):
            yield near(f"{label} {name}", body[name], counted, is_exact=is_exact)
        before = self.parameters(query, body["compared_with"])
        (previous,) = rows_of(FIGURES.format(keys="", grouped=""), before)
        for name in ("total_executions", "success_count", "failure_count"):
            told = body["delta_vs_previous"][name]["previous"]
            yield same(f"{label} previous {name}", int(told), previous[name])
        yield from self.course(label, body["sparkline_data"], query)

    def course(self, label: str, points: Rows, query: Mapping[str, str]) -> Iterator[Compared]:
        """Points with ``from`` and ``to``; where nobody looked, None stands for nothing."""
        parameters = self.parameters(query, {"from": points[0]["from"], "to": points[-1]["to"]})
        counted = rows_of(
            COURSE,
            {
                **parameters,
                "starts": [point["from"] for point in points],
                "ends": [point["to"] for point in points],
            },
        )
        for name in ("total_executions", "success_count", "failure_count"):
            answered = [point[name] or 0 for point in points]
            yield same(f"{label} course of {name}", answered, [row[name] for row in counted])

    def environments(
        self, body: dict[str, Any], query: Mapping[str, str], part: str = "environments"
    ) -> Iterator[Compared]:
        if not self.has_rows(body["period"]["from"]):
            return
        keys = {"keys": "environment_id,", "grouped": "GROUP BY environment_id"}
        parameters = self.parameters(query, body["period"])
        counted = {
            str(row["environment_id"]): row for row in rows_of(FIGURES.format(**keys), parameters)
        }
        workflows = {str(row["environment_id"]): row for row in rows_of(WORKFLOWS_OF, parameters)}
        nothing = {"total_executions": 0, "success_count": 0, "failure_count": 0, "average": None}
        for found in body["results"]:
            key, figures = found["environment_id"], found["figures"]
            label = f"{part} {_words(query)} {found['environment_name']}"
            row = counted.get(key, nothing)
            for name in ("total_executions", "success_count", "failure_count"):
                yield same(f"{label} {name}", figures[name], row[name])
            yield near(
                f"{label} avg_duration_ms",
                figures["avg_duration_ms"],
                row["average"],
                is_exact=True,
            )
            known = workflows.get(key, {"active": 0, "every": 0})
            yield same(f"{label} active_workflows", found["active_workflows"], known["active"])
            yield same(f"{label} all_workflows", found["all_workflows"], known["every"])

    def workflow_pages(self, query: Mapping[str, str]) -> Iterator[Compared]:
        cursor: dict[str, str] = {"sort": "workflow_name", "limit": "250"}
        rows: Rows = []
        bounds = self.fixed(query)
        while True:
            body = answer(api.WorkflowsView, self.tenant, {**bounds, **cursor})
            rows += body["results"]
            if not body["next_cursor"]:
                break
            cursor["cursor"] = body["next_cursor"]
        yield from self.workflows(rows, body["period"], bounds, is_whole=True)

    def workflows(
        self,
        rows: Rows,
        span: Mapping[str, str],
        query: Mapping[str, str],
        *,
        is_whole: bool,
        part: str = "workflows",
    ) -> Iterator[Compared]:
        if not self.has_rows(span["from"]):
            return
        label = f"{part} {_words(query)}"
        counted = self.by_workflow(query, span)
        last = {key_of(row): row for row in rows_of(LAST_RUNS, self.parameters(query, span))}
        causes: dict[tuple[str, str], list[str]] = {
            key_of(row): row["classes"]
            for row in rows_of(MAIN_CLASSES, self.parameters(query, span))
        }
        if is_whole:
            ran = sum(row["total_executions"] > 0 for row in rows)
            yield same(f"{label} workflows that ran", ran, len(counted))
        for row in rows:
            yield from self.workflow(label, row, counted.get(key_of(row), NOTHING))
            named = f"{label} {row['workflow_name']}"
            yield same(
                f"{named} main_error_class",
                row["main_error_class"] if row["failure_count"] else "",
                row["main_error_class"]
                if row["main_error_class"] in causes.get(key_of(row), [""])
                else causes[key_of(row)][0],
            )
            if "mode" not in query and self.purged_before is None:
                ever = last.get(key_of(row), {"last_run_at": None, "last_failure_at": None})
                for name in ("last_run_at", "last_failure_at"):
                    yield same(f"{named} {name}", moment_of(row[name]), ever[name])

    def workflow(
        self, label: str, row: dict[str, Any], counted: dict[str, Any]
    ) -> Iterator[Compared]:
        named = f"{label} {row['workflow_name']}"
        for name in ("total_executions", "success_count", "failure_count"):
            yield same(f"{named} {name}", row[name], counted[name])
        yield near(
            f"{named} avg_duration_ms", row["avg_duration_ms"], counted["average"], is_exact=True
        )
        for name, share in zip(DURATIONS[:2], (counted["shares"] or [None] * 3)[:2], strict=True):
            yield near(f"{named} {name}", row[name], share, is_exact=False)
        points = row["sparkline_data"]
        course = sum(point["total_executions"] for point in points)
        yield same(f"{named} sum of its course", course, counted["total_executions"])

    def by_workflow(
        self, query: Mapping[str, str], span: Mapping[str, str]
    ) -> dict[tuple[str, str], dict[str, Any]]:
        keys = "environment_id, workflow_id"
        statement = FIGURES.format(keys=f"{keys},", grouped=f"GROUP BY {keys}")
        return {key_of(row): row for row in rows_of(statement, self.parameters(query, span))}

    def analytics_of_period(self, query: Mapping[str, str]) -> Iterator[Compared]:
        bounds = {**self.fixed(query), "limit": "250"}
        body = answer(api.ExecutionAnalyticsView, self.tenant, bounds)
        if not self.has_rows(body["period"]["from"]):
            return
        counted = self.by_workflow(bounds, body["period"])
        for row in body["results"]:
            named = f"analytics {_words(query)} {row['workflow_name']}"
            expected = counted.get(key_of(row), NOTHING)
            for name, column in TOTALS:
                yield same(f"{named} {name}", row[name], expected[column])

    def series(self, query: Mapping[str, str]) -> Iterator[Compared]:
        """The flat rows, whole and split, over two days in hours."""
        start, end = self.now - timedelta(days=2), self.now
        bounds = {"from": start.isoformat(), "to": end.isoformat(), "step": "1h", **query}
        if not self.has_rows(bounds["from"]):
            return
        whole = answer(api.TimeSeriesView, self.tenant, bounds)
        edges = [*(row["time"] for row in whole), bounds["to"]]
        for split in ("", "environment", "workflow"):
            rows = answer(api.TimeSeriesView, self.tenant, {**bounds, "split": split})
            points = [
                {"from": begin, "to": until, **_sum_at(rows, begin)}
                for begin, until in zip(edges[:-1], edges[1:], strict=True)
            ]
            label = f"timeseries {_words(query)} {f'split by {split}' if split else 'whole'}"
            yield from self.course(label, points, query)

    def overview(self) -> Iterator[Compared]:
        for span in (RANGES[2], RANGES[3]):
            body = answer(api.OverviewView, self.tenant, span)
            yield from self.kpis(body["kpis"], span, part="overview")
            yield from self.environments(body["environments"], span, part="overview")
            table = body["workflows"]
            yield from self.workflows(
                table["results"], table["period"], span, is_whole=False, part="overview"
            )

    def status(self) -> Iterator[Compared]:
        """The runs that its sentence names."""
        span = self.fixed({"time_range": "7d"})
        if not self.has_rows(span["from"]):
            return
        body = answer(api.StatusView, self.tenant, span)
        (row,) = rows_of(FIGURES.format(keys="", grouped=""), self.parameters({}, span))
        runs = row["total_executions"]
        if not runs and body["verdict"] == "empty":
            return  # it says that no n8n is connected
        words = f"{runs:,} {'run' if runs == 1 else 'runs'}" if runs else "no runs"
        yield Compared(
            "status runs in its sentence", body["sentence"], words, words in body["sentence"]
        )

    def fixed(self, query: Mapping[str, str]) -> dict[str, str]:
        """The query with bounds that do not move on while pages are turned."""
        body = answer(api.KpisView, self.tenant, query)
        kept = {name: value for name, value in query.items() if name not in ("time_range", "zone")}
        return {**kept, "from": body["period"]["from"], "to": body["period"]["to"]}


TOTALS = (
    ("total_count", "total_executions"),
    ("success_count", "success_count"),
    ("failure_count", "failure_count"),
)
NOTHING: dict[str, Any] = {
    "total_executions": 0,
    "success_count": 0,
    "failure_count": 0,
    "average": None,
    "shares": None,
}


def _rate(row: Mapping[str, Any]) -> float | None:
    ended = row["success_count"] + row["failure_count"]
    return row["success_count"] / ended if ended else None


def key_of(row: Mapping[str, Any]) -> tuple[str, str]:
    return str(row["environment_id"]), str(row["workflow_id"])


def moment_of(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _sum_at(rows: Rows, time: str) -> dict[str, int]:
    here = [row for row in rows if row["time"] == time]
    return {
        name: sum(row[name] or 0 for row in here)
        for name in ("total_executions", "success_count", "failure_count")
    }


def _words(query: Mapping[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in query.items()) or "without a filter"
