"""Moments as people and links write them: RFC 3339, or relative to now (pure)."""

import re
from datetime import UTC, datetime, timedelta

RELATIVE = re.compile(r"now(?:-(\d{1,6})([mhdw]))?")
UNITS = {
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
ALLOWED = "write 2026-03-01T09:00:00Z or now-36h (m, h, d, w)"
EARLIEST, LATEST = datetime(1990, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def parse_moment(text: str, *, now: datetime) -> datetime:
    """The moment that the text means; one without a zone is in UTC.

    Raises ValueError with a sentence that names the text and what is allowed.
    """
    text = text.strip()
    if relative := RELATIVE.fullmatch(text):
        try:
            moment = now - _length(*relative.groups())
        except OverflowError:
            moment = EARLIEST - timedelta(days=1)
    else:
        moment = _absolute(text)
    if not EARLIEST <= moment <= LATEST:
        raise ValueError(f"“{text[:40]}” is out of range; take a year from 1990 to 2199.")
    return moment.astimezone(UTC)


def _length(count: str | None, unit: str | None) -> timedelta:
    return int(count) * UNITS[unit] if count and unit else timedelta(0)


def _absolute(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"“{text[:40]}” is not a time; {ALLOWED}.") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
