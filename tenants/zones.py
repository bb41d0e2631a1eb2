"""Time zones by their IANA name."""

from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from django.core.exceptions import ValidationError


@cache
def zone_names() -> tuple[str, ...]:
    return tuple(sorted(available_timezones()))


def validate_time_zone(name: str) -> None:
    """Raises ValidationError unless the name is in the IANA database."""
    if name not in zone_names():
        raise ValidationError(
            f"“{name}” is not a time zone; use an IANA name such as Europe/Berlin or UTC."
        )


def zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
