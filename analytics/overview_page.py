"""What the home of a tenant shows, ready for its template."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from analytics.error_groups import leading_groups
from analytics.group_rows import GroupRow
from analytics.kpis import DURATIONS, RATES, Delta, Kpis, Point
from analytics.overview import Overview, overview_of
from analytics.questions import Question
from executions.charts import Bar, RunsChart
from executions.templatetags.observing import duration, minute, percent
from tenants.models import Role, Tenant

WORKFLOWS_SHOWN = 8
INSIGHTS_SHOWN = 8
ERRORS_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Card:
    """A figure with its change and its course; ``status`` names the rows that it counts."""

    label: str
    figure: str
    delta: Delta
    course: list[float | None]
    titles: list[str]
    better: str = ""
    unit: str = "%"
    tone: str = ""
    status: tuple[str, ...] = ()
    count: int | None = None


@dataclass(frozen=True, slots=True)
class OverviewPage:
    """The parts of the page."""

    overview: Overview
    cards: list[Card]
    chart: RunsChart
    errors: list[GroupRow]


def overview_page(tenant: Tenant, question: Question, role: Role) -> OverviewPage:
    """All parts, each read once."""
    overview = overview_of(tenant, question, role, workflows=WORKFLOWS_SHOWN, with_vitals=False)
    return OverviewPage(
        overview=overview,
        cards=list(cards_of(overview.kpis)),
        chart=chart_of(overview.kpis.points),
        errors=leading_groups(question, ERRORS_SHOWN),
    )


def chart_of(points: Sequence[Point]) -> RunsChart:
    return RunsChart(
        tuple(
            Bar(point.start, point.end, None if point.is_blank else point.counts)
            for point in points
        )
    )


def cards_of(kpis: Kpis) -> Iterator[Card]:
    """The five figures that everybody asks for first."""
    total, failures = kpis.figures.total_executions, kpis.figures.failure_count
    yield _card(kpis, "Runs", "total_executions", count=total)
    yield _card(kpis, "Success rate", "success_rate", better="up", unit="points")
    yield _card(
        kpis,
        "Failures",
        "failure_count",
        better="down",
        tone="bad",
        status=("error",),
        count=failures,
    )
    yield _card(kpis, "Median", "p50_duration_ms", better="down")
    yield _card(kpis, "95th percentile", "p95_duration_ms", better="down")


def _card(
    kpis: Kpis,
    label: str,
    name: str,
    *,
    better: str = "",
    unit: str = "%",
    tone: str = "",
    status: tuple[str, ...] = (),
    count: int | None = None,
) -> Card:
    values = [None if point.is_blank else getattr(point.figures, name) for point in kpis.points]
    return Card(
        label=label,
        figure=_said(name, getattr(kpis.figures, name)),
        delta=kpis.deltas[name],
        course=values,
        titles=[
            f"{minute(point.start)}: {'not seen' if point.is_blank else _said(name, value)}"
            for point, value in zip(kpis.points, values, strict=True)
        ],
        better=better,
        unit=unit,
        tone=tone,
        status=status,
        count=count,
    )


def _said(name: str, value: float | None) -> str:
    if name in RATES:
        return percent(value)
    if name in DURATIONS:
        return duration(None if value is None else round(value))
    return f"{value:,}"
