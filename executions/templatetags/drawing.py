"""The components that need more than markup: cards, icons, small charts, changes."""

import json
from collections.abc import Sequence
from datetime import datetime, tzinfo
from html import escape
from typing import Any, Protocol

from django import template
from django.http import QueryDict
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString, mark_safe

from executions.charts import Bar, Part, RunsChart, spark_lines
from executions.icons import ICONS
from executions.templatetags.observing import minute, percent, short_in
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
    hits = (
        f'<rect class="hit" x="{place}" y="0" width="1" height="{SPARK_HEIGHT}">'
        f"<title>{escape(title)}</title></rect>"
        for place, title in enumerate(titles)
    )
    return mark_safe(
        f'<svg class="spark {escape(tone)}" viewBox="0 0 {len(values)} {SPARK_HEIGHT}"'
        f' preserveAspectRatio="none" role="img" aria-label="{escape(label)}">'
        f"{''.join(map(_stretch, lines))}{''.join(hits)}</svg>"
    )


def _stretch(corners: Sequence[tuple[float, float]]) -> str:
    if len(corners) == 1:
        (x, y) = corners[0]
        corners = [(x - 0.5, y), (x + 0.5, y)]
    line = " ".join(f"{x:g},{y + 1:g}" for x, y in corners)
    first, last = corners[0][0], corners[-1][0]
    return (
        f'<polygon class="area" points="{first:g},{SPARK_HEIGHT} {line} {last:g},{SPARK_HEIGHT}"/>'
        f'<polyline class="line" points="{line}"/>'
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
    runs = sum(point.total_executions for point in points)
    failures = sum(point.failure_count for point in points)
    zone = timezone.get_current_timezone()
    drawn = "".join(_bar(place, point, highest, zone) for place, point in enumerate(points))
    return mark_safe(
        f'<svg class="course-bars bars" viewBox="0 0 {len(points)} {SPARK_HEIGHT}"'
        f' preserveAspectRatio="none" role="img"'
        f' aria-label="{runs} runs over time, {failures} of them failed">{drawn}</svg>'
    )


def _bar(place: int, point: Course, highest: int, zone: tzinfo) -> str:
    failed = SPARK_HEIGHT * point.failure_count / highest
    whole = SPARK_HEIGHT * point.total_executions / highest
    parts = (
        ("success", SPARK_HEIGHT - whole, whole - failed),
        ("error", SPARK_HEIGHT - failed, failed),
    )
    drawn = "".join(
        f'<rect class="is-{status}" x="{place}" y="{top:.2f}" width=".8" height="{height:.2f}"/>'
        for status, top, height in parts
        if height > 0
    )
    said = f"{point.total_executions} runs, {point.failure_count} failed"
    return f"<g><title>{short_in(zone, point.start)}: {said}</title>{drawn}</g>"


class Stretch(Protocol):
    """A part of the time, and the share of it that was seen; None for what is to come."""

    @property
    def start(self) -> datetime: ...
    @property
    def end(self) -> datetime: ...
    @property
    def share(self) -> float | None: ...


@register.simple_tag
def strip(parts: Sequence[Stretch], share: float | None) -> SafeString:
    """What of the time was seen, part by part; ``share`` is that of all of it."""
    zone = timezone.get_current_timezone()
    drawn = "".join(
        f'<i class="{_seen(part.share)}"'
        f' title="{short_in(zone, part.start)} – {short_in(zone, part.end)}:'
        f' {"still to come" if part.share is None else f"{percent(part.share)} seen"}"></i>'
        for part in parts
    )
    return mark_safe(
        '<span class="strip" role="img"'
        f' aria-label="{percent(share)} of this time was seen">{drawn}</span>'
    )


def _seen(share: float | None) -> str:
    if share is None:
        return "is-ahead"
    return "is-seen" if share >= 0.999 else "is-part" if share > 0 else "is-none"


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
    addresses = {one.status: _of_status(chart, list_address, one.status) for one in chart.series}
    any_time = {status: _without_time(address) for status, address in addresses.items()}
    return {
        "chart": chart,
        "list_address": list_address,
        "names": OF_LISTS if style == "list" else OF_NUMBERS,
        "legend": [(one, addresses[one.status]) for one in chart.series],
        "drawing": mark_safe("".join(map(_rect, chart.parts()))),
        "table": mark_safe("".join(_row(bar, any_time) for bar in chart.bars)),
    }


def _rect(part: Part) -> str:
    return (
        f'<rect class="is-{part.status}" x="{part.x:.2f}" y="{part.y:.2f}"'
        f' width="{part.width:.2f}" height="{part.height:.2f}"/>'
    )


def _row(bar: Bar, addresses: dict[str, str]) -> str:
    """A bar's counts, each with the address of its rows, in the order of the legend."""
    bounds = urlencode({OF_LISTS.start: rfc3339(bar.start), OF_LISTS.end: rfc3339(bar.end)})
    cells = "".join(_cell(bar, status, address, bounds) for status, address in addresses.items())
    return f'<tr><td class="nowrap">{minute(bar.start)}</td>{cells}</tr>'


def _cell(bar: Bar, status: str, address: str, bounds: str) -> str:
    if bar.counts is None:
        return '<td class="number"><span class="muted">not seen</span></td>'
    count = bar.counts.get(status, 0)
    if not count or not address:
        return f'<td class="number"><span class="zero">{count:,}</span></td>'
    href = escape(address + bounds)
    return f'<td class="number"><a data-count="{count}" href="{href}">{count:,}</a></td>'


def _of_status(chart: RunsChart, list_address: str, status: str) -> str:
    """The list with this status, unless the chart tells none apart; nothing where there is none."""
    page, _, text = list_address.partition("?")
    query = QueryDict(text, mutable=True)
    if len(chart.series) > 1:
        query["status"] = status
    return page and f"{page}?{query.urlencode()}"


def _without_time(address: str) -> str:
    """The address without a time, ready to have another one put behind it."""
    page, _, text = address.partition("?")
    query = QueryDict(text, mutable=True)
    for name in (OF_LISTS.start, OF_LISTS.end):
        query.pop(name, None)
    return page and f"{page}?{query.urlencode()}{'&' if query else ''}"


class Drawable(Protocol):
    """A chart whose numbers a script draws."""

    def data(self) -> dict[str, object]: ...


@register.filter
def chart_json(chart: Drawable) -> SafeString:
    """The numbers inside a script element that no browser runs."""
    text = json.dumps(chart.data(), separators=(",", ":"))
    return mark_safe(text.replace("<", "\\u003c"))
