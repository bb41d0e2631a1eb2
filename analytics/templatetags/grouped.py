"""How error groups are written on pages: their text, their state, their trend."""

from collections.abc import Sequence

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from analytics.group_rows import TrendPoint
from analytics.group_states import State
from executions.templatetags.drawing import sparkline
from executions.templatetags.observing import minute

register = template.Library()

VARIES = "<*>"
# Tone and sign of each state.
STATES = {
    State.NEW: ("busy", "●"),
    State.REGRESSED: ("bad", "↩"),
    State.ONGOING: ("warn", "!"),
    State.ARCHIVED: ("", "⊘"),
    State.RESOLVED: ("good", "✓"),
}


@register.filter
def varied(template_text: str) -> SafeString:
    """The text of a group; what differs between its failures stands back."""
    gap = SafeString('<span class="gap" title="This differs.">…</span>')
    return format_html_join(gap, "{}", ((part,) for part in template_text.split(VARIES)))


@register.filter
def plain(template_text: str) -> str:
    """The same for a title or a label."""
    return template_text.replace(VARIES, "…")


@register.simple_tag
def state_chip(state: str) -> SafeString:
    tone, sign = STATES[State(state)]
    return format_html(
        '<span class="chip {}"><span aria-hidden="true">{}</span>{}</span>',
        tone,
        sign,
        state.capitalize(),
    )


@register.simple_tag
def trend(points: Sequence[TrendPoint]) -> SafeString:
    """The failures over time, for a row of a table."""
    return sparkline(
        [point.count for point in points],
        f"{sum(point.count for point in points)} failures over time",
        [f"{minute(point.start)}: {point.count:,}" for point in points],
        "bad",
    )


@register.simple_tag
def share_bar(count: int, most: int) -> SafeString:
    """A count as the length of a bar beside it."""
    width = f"{100 * count / most:.1f}" if most else "0"
    return format_html(
        '<svg class="share" viewBox="0 0 100 1" preserveAspectRatio="none" aria-hidden="true">'
        '<rect width="{}" height="1"/></svg>',
        width,
    )
