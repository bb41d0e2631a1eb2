"""What the home of a tenant shows, ready for its template."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from analytics.error_classes import ErrorClassRow, error_classes
from analytics.kpis import Delta, Kpis, Point
from analytics.overview import Overview, overview_of
from analytics.questions import Question
from executions.charts import Bar, RunsChart
from executions.templatetags.observing import duration, percent, written
from tenants.models import Tenant

WORKFLOWS_SHOWN = 8
INSIGHTS_SHOWN = 8


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
    is_count: bool = False


@dataclass(frozen=True, slots=True)
class OverviewPage:
    """The parts of the page."""

    overview: Overview
    cards: list[Card]
    chart: RunsChart
    errors: list[ErrorClassRow]


def overview_page(tenant: Tenant, question: Question) -> OverviewPage:
    """All parts, each read once."""
    overview = overview_of(tenant, question, workflows=WORKFLOWS_SHOWN)
    return OverviewPage(
        overview=overview,
        cards=list(cards_of(overview.kpis)),
        chart=chart_of(overview.kpis.points),
        errors=error_classes(question),
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
    figures = kpis.figures
    yield _count(kpis, "Runs", "total_executions")
    yield Card(
        label="Success rate",
        figure=percent(figures.success_rate),
        delta=kpis.deltas["success_rate"],
        better="up",
        unit="points",
        **_course(kpis, "success_rate"),
    )
    yield _count(kpis, "Failures", "failure_count", better="down", tone="bad", status=("error",))
    for label, name in (("Median", "p50_duration_ms"), ("95th percentile", "p95_duration_ms")):
        yield Card(
            label=label,
            figure=_length(getattr(figures, name)),
            delta=kpis.deltas[name],
            better="down",
            **_course(kpis, name),
        )


def _count(kpis: Kpis, label: str, name: str, **more: object) -> Card:
    return Card(
        label=label,
        figure=f"{getattr(kpis.figures, name):,}",
        delta=kpis.deltas[name],
        is_count=True,
        **_course(kpis, name),
        **more,  # type: ignore[arg-type]
    )


def _course(kpis: Kpis, name: str) -> dict[str, list[str] | list[float | None]]:
    values = [None if point.is_blank else getattr(point.figures, name) for point in kpis.points]
    said = {"success_rate": percent, "p50_duration_ms": _length, "p95_duration_ms": _length}
    say = said.get(name, lambda value: f"{value:,}")
    return {
        "course": values,
        "titles": [
            f"{written(point.start)[:16]}: {'not seen' if value is None else say(value)}"
            for point, value in zip(kpis.points, values, strict=True)
        ],
    }


def _length(milliseconds: float | None) -> str:
    return duration(None if milliseconds is None else round(milliseconds))
