"""How durations, moments and statuses are written on pages."""

from datetime import datetime, timedelta

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()

# Status, tone and sign: the sign carries the meaning where colours do not.
TONES = {
    "success": ("good", "✓"),
    "error": ("bad", "✕"),
    "running": ("busy", "▸"),
    "waiting": ("warn", "◷"),
    "canceled": ("", "⊘"),
    "unknown": ("", "?"),
}
STEPS = ((60_000, "s", 1000), (3_600_000, "min", 60_000), (86_400_000, "h", 3_600_000))


@register.filter
def duration(milliseconds: int | None) -> str:
    """1.2 s, 3.5 min, 2.1 h, 4.0 d; a dash where there is none."""
    if milliseconds is None:
        return "–"
    if milliseconds < 1000:
        return f"{milliseconds} ms"
    for below, unit, size in STEPS:
        if milliseconds < below:
            return f"{milliseconds / size:.1f} {unit}"
    return f"{milliseconds / 86_400_000:.1f} d"


@register.filter
def ago(moment: datetime | None) -> str:
    """The age of a moment in its largest unit."""
    if moment is None:
        return "never"
    age = timezone.now() - moment
    if age < timedelta(seconds=10):
        return "just now"
    for unit, name in ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        count = int(age.total_seconds() // unit)
        if count:
            return f"{count} {name} ago"
    return "just now"


@register.simple_tag
def moment(at: datetime | None) -> SafeString | str:
    """Relative text with the exact time on hover."""
    if at is None:
        return "–"
    return format_html(
        '<time datetime="{0}" title="{0}">{1}</time>', at.isoformat(timespec="milliseconds"),
        ago(at),
    )


@register.simple_tag
def status_chip(normalized: str, raw: str = "") -> SafeString:
    """The status as colour, sign and word; n8n's own word on hover."""
    tone, sign = TONES.get(normalized, ("", "?"))
    return format_html(
        '<span class="chip {}" title="n8n: {}"><span aria-hidden="true">{}</span>{}</span>',
        tone, raw or normalized, sign, raw if raw in ("crashed", "new") else normalized,
    )
