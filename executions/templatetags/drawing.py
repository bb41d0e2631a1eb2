"""The components that need more than markup: cards, icons, small charts, changes."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from django import template
from django.http import QueryDict
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from executions.charts import Bar, RunsChart, spark_lines
from executions.icons import ICONS
from executions.time_ranges import OF_LISTS, OF_NUMBERS, rfc3339

register = template.Library()

SPARK_HEIGHT = 20
# A smaller change is said, but is no news.
WORTH_COLOUR = {"%": 0.05, "points": 0.005}


class Change(Protocol):
    """A change against the time before, with the reason where it says nothing."""

    @property
    def previous(self) -> float | None: ...
    @property
    def change(self) -> float | None: ...
    @property
    def is_meaningful(self) -> bool: ...
    @property
    def reason(self) -> str: ...


@register.simple_tag
def icon(name: str) -> SafeString:
    """A drawing beside a word, never instead of one."""
    return format_html(
        '<svg class="icon" viewBox="0 0 16 16" aria-hidden="true">{}</svg>', mark_safe(ICONS[name])
    )


@register.simple_block_tag
def card(content: str, title: str = "", aside: str = "", classes: str = "", id: str = "") -> str:
    """A surface with a title line; ``classes`` may be "flush" where a table fills it."""
    context = {"content": content, "title": title, "aside": aside, "classes": classes, "id": id}
    return render_to_string("components/_card.html", context)


@register.simple_block_tag
def empty(content: str, title: str) -> SafeString:
    """What is missing and why; the content says the way on."""
    return format_html('<div class="empty"><h2>{}</h2>{}</div>', title, content)


@register.simple_tag
def sparkline(
    values: Sequence[float | None], label: str, titles: Sequence[str] = (), tone: str = ""
) -> SafeString:
    """The course of a number; on hover each point says its own title."""
    if not any(value is not None for value in values):
        return SafeString("")
    lines = spark_lines(values, height=SPARK_HEIGHT - 2)
    return format_html(
        '<svg class="spark {}" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img"'
        ' aria-label="{}">{}{}</svg>',
        tone,
        len(values),
        SPARK_HEIGHT,
        label,
        format_html_join("", "{}", ((_stretch(line),) for line in lines)),
        format_html_join(
            "",
            '<rect class="hit" x="{}" y="0" width="1" height="{}"><title>{}</title></rect>',
            ((place, SPARK_HEIGHT, title) for place, title in enumerate(titles)),
        ),
    )


def _stretch(corners: Sequence[tuple[float, float]]) -> SafeString:
    if len(corners) == 1:
        (x, y) = corners[0]
        corners = [(x - 0.5, y), (x + 0.5, y)]
    line = " ".join(f"{x:g},{y + 1:g}" for x, y in corners)
    first, last = corners[0][0], corners[-1][0]
    return format_html(
        '<polygon class="area" points="{0},{2} {3} {1},{2}"/><polyline class="line" points="{3}"/>',
        f"{first:g}",
        f"{last:g}",
        SPARK_HEIGHT,
        line,
    )


class Course(Protocol):
    """A point of a workflow's course."""

    @property
    def start(self) -> datetime: ...
    @property
    def total_executions(self) -> int: ...
    @property
    def failure_count(self) -> int: ...


@register.simple_tag
def bars(points: Sequence[Course]) -> SafeString:
    """Runs over time with the failed ones in red, for a row of a table."""
    highest = max((point.total_executions for point in points), default=0) or 1
    parts = []
    for place, point in enumerate(points):
        failed = SPARK_HEIGHT * point.failure_count / highest
        whole = SPARK_HEIGHT * point.total_executions / highest
        parts.append(
            format_html(
                "<g><title>{}: {} runs, {} failed</title>{}{}</g>",
                f"{timezone.localtime(point.start):%b %d %H:%M}",
                point.total_executions,
                point.failure_count,
                _bar("success", place, SPARK_HEIGHT - whole, whole - failed),
                _bar("error", place, SPARK_HEIGHT - failed, failed),
            )
        )
    failures = sum(point.failure_count for point in points)
    return format_html(
        '<svg class="course-bars bars" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img"'
        ' aria-label="{} runs over time, {} of them failed">{}</svg>',
        len(points),
        SPARK_HEIGHT,
        sum(point.total_executions for point in points),
        failures,
        SafeString("".join(parts)),
    )


def _bar(status: str, place: int, top: float, height: float) -> SafeString:
    if height <= 0:
        return SafeString("")
    return format_html(
        '<rect class="is-{}" x="{}" y="{}" width=".8" height="{}"/>',
        status,
        place,
        f"{top:.2f}",
        f"{height:.2f}",
    )


@register.simple_tag
def delta(change: Change, better: str = "", unit: str = "%") -> SafeString:
    """A change as direction, size and meaning; ``better`` is up, down or neither.

    ``unit`` is "%" of the value before, or "points" for the difference of two shares.
    """
    if not change.is_meaningful or change.change is None:
        reason = change.reason or "There is nothing to compare with."
        return format_html('<span class="delta" title="{}">–</span>', reason)
    sign, direction = ("↑", "up") if change.change > 0 else ("↓", "down")
    size = f"{abs(change.change) * 100:.1f}".removesuffix(".0")
    if size == "0":
        return mark_safe('<span class="delta" title="As in the time before.">±0</span>')
    tone = ""
    if better and abs(change.change) >= WORTH_COLOUR[unit]:
        tone = "good" if better == direction else "bad"
    return format_html(
        '<span class="delta {}" title="{} {} than in the time before">'
        '<span aria-hidden="true">{}</span>{}<span class="unseen">{}</span></span>',
        tone,
        f"{size} {'points' if unit == 'points' else '%'}",
        "more" if direction == "up" else "less",
        sign,
        f"{size}{' pts' if unit == 'points' else ' %'}",
        " more" if direction == "up" else " less",
    )


@register.inclusion_tag("components/_runs_chart.html", takes_context=True)
def runs_chart(
    context: Any, chart: RunsChart, list_address: str = "", style: str = "numbers"
) -> dict[str, Any]:
    """Stacked runs by status: an SVG for everybody, a chart to brush where scripts run.

    ``style`` is that of the addresses to which the brush leads: numbers or list.
    """
    names = OF_LISTS if style == "list" else OF_NUMBERS
    return {
        "chart": chart,
        "list_address": list_address,
        "names": names,
        "request": context.get("request"),
        "legend": [
            (status, total, _narrowed(list_address, status=status))
            for status, total in chart.totals
        ],
        "table": [(bar, _cells(chart, bar, list_address)) for bar in chart.bars],
    }


def _cells(chart: RunsChart, bar: Bar, list_address: str) -> list[tuple[int | None, str]]:
    """A bar's counts with the addresses of their rows, in the order of the legend."""
    bounds = {
        OF_LISTS.start: rfc3339(bar.start),
        OF_LISTS.end: rfc3339(bar.end),
    }
    return [
        (
            None if bar.counts is None else bar.counts.get(status, 0),
            _narrowed(list_address, status=status, **bounds),
        )
        for status, _ in chart.totals
    ]


def _narrowed(list_address: str, **chosen: str) -> str:
    """The list with some of its filters set anew; nothing where there is no list to lead to."""
    page, _, text = list_address.partition("?")
    query = QueryDict(text, mutable=True)
    for name, value in chosen.items():
        query[name] = value
    return page and f"{page}?{query.urlencode()}"


class Drawable(Protocol):
    """A chart whose numbers a script draws."""

    def data(self) -> dict[str, object]: ...


@register.filter
def chart_json(chart: Drawable) -> SafeString:
    """The numbers inside a script element that no browser runs."""
    text = json.dumps(chart.data(), separators=(",", ":"))
    return mark_safe(text.replace("<", "\\u003c"))
