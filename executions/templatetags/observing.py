"""How durations, moments, statuses and filters are written on pages."""

from datetime import datetime, timedelta, tzinfo
from functools import lru_cache

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from executions.grouping.classes import CLASSES
from tenants.models import Role

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
# The sign of a verdict that is no status.
SIGNS = {"good": "✓", "bad": "✕", "busy": "▸", "warn": "!"}
UNKNOWN = ("", "?")
INITIALS = frozenset({"api", "url"})
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
def times(factor: float | None) -> str:
    """3.2×, 14×, or 0.4×."""
    if factor is None:
        return "–"
    return (
        f"{factor:,.0f}×" if factor >= 10 else f"{factor:.1f}×" if factor >= 0.1 else "under 0.1×"
    )


@register.filter
def rounded(number: float | None) -> int | None:
    return None if number is None else round(number)


@register.filter
def words(name: str) -> str:
    """A name of the code as people write it: rate_limit is Rate limit, api_key is API key."""
    first, *others = name.split("_")
    spoken = [first.capitalize(), *others]
    return " ".join(word.upper() if word.lower() in INITIALS else word for word in spoken)


@register.filter
def class_title(key: str) -> str:
    """What a class of errors is called; nothing for none."""
    return CLASSES[key].title if key in CLASSES else ""


@register.filter
def percent(share: float | None) -> str:
    """A share as 98.4%; all but everything never reads as everything."""
    if share is None:
        return "–"
    rounded = f"{share:.1%}"
    if rounded == "100.0%":
        return "100%" if share >= 1 else "99.9%"
    if rounded == "0.0%":
        return "0%" if share <= 0 else "0.1%"
    return rounded


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
    """Relative text with the exact time on hover, in the zone of the viewer."""
    if at is None:
        return "–"
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', machine_readable(at), written(at), ago(at)
    )


@register.simple_tag
def exact_moment(at: datetime | None, otherwise: str = "–") -> SafeString | str:
    """The whole time in the zone of the viewer, with its age on hover."""
    if at is None:
        return otherwise
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        machine_readable(at),
        ago(at),
        written(at),
    )


def written(at: datetime) -> str:
    """The whole time in the zone of the viewer."""
    return _written_in(timezone.get_current_timezone(), at)


def minute(at: datetime) -> str:
    """2026-03-04 09:05, in the zone of the viewer."""
    return written(at)[:16]


@register.filter
def short(at: datetime) -> str:
    """Mar 4 09:05, in the zone of the viewer."""
    return short_in(timezone.get_current_timezone(), at)


# A page writes the bounds of its buckets many times.
@lru_cache(maxsize=4096)
def _written_in(zone: tzinfo, at: datetime) -> str:
    local = at.astimezone(zone)
    thousandths = f".{local.microsecond // 1000:03d}" if local.microsecond else ""
    return f"{local:%Y-%m-%d %H:%M:%S}{thousandths} {local:%Z}"


@lru_cache(maxsize=4096)
def short_in(zone: tzinfo, at: datetime) -> str:
    local = at.astimezone(zone)
    return f"{local:%b} {local.day} {local:%H:%M}"


def machine_readable(at: datetime) -> str:
    return timezone.localtime(at).isoformat(timespec="milliseconds")


@register.simple_tag
def status_chip(normalized: str, raw: str = "") -> SafeString:
    """The status as colour, sign and word; n8n's own word on hover."""
    word = raw if raw in ("crashed", "new") else normalized
    return format_html(
        '<span class="chip {}" title="n8n: {}"><span aria-hidden="true">{}</span>{}</span>',
        tone(normalized),
        raw or normalized,
        sign(normalized),
        word.capitalize(),
    )


@register.simple_tag
def status_mark(normalized: str, raw: str = "") -> SafeString:
    """The same for rows of a table: sign and word without a ground."""
    word = raw if raw in ("crashed", "new") else normalized
    return format_html(
        '<span class="mark {}" title="n8n: {}"><span aria-hidden="true">{}</span>{}</span>',
        tone(normalized),
        raw or normalized,
        sign(normalized),
        word.capitalize(),
    )


@register.filter
def tone(status: str) -> str:
    return TONES.get(status, UNKNOWN)[0]


@register.filter
def sign(status_or_tone: str) -> str:
    return SIGNS.get(status_or_tone) or TONES.get(status_or_tone, UNKNOWN)[1]


@register.filter
def includes(role: Role, needed: str) -> bool:
    """Whether the role may do what the needed one may."""
    return role.includes(Role(needed))
