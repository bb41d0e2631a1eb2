"""Moments as people and links write them: RFC 3339, or relative to now (pure)."""

import re
from datetime import UTC, datetime, time, timedelta, tzinfo

RELATIVE = re.compile(r"now(?:-(\d{1,6})([mhdw]))?(?:/([mhdw]))?")
ELAPSED = {"m": timedelta(minutes=1), "h": timedelta(hours=1)}
# Days and weeks are the calendar's: across a change of the clocks they keep the time of day.
CALENDAR = {"d": timedelta(days=1), "w": timedelta(weeks=1)}
ALLOWED = "write 2026-03-01T09:00:00Z, now-36h or now-7d/d (m, h, d, w)"
EARLIEST, LATEST = datetime(1990, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def parse_moment(text: str, *, now: datetime, zone: tzinfo = UTC) -> datetime:
    """The moment that the text means; days, and a time that names no zone, are the zone's.

    ``/d`` goes back to where the day began, ``/w`` to Monday. Raises ValueError with a sentence
    that names the text and what is allowed.
    """
    text = text.strip()
    try:
        if relative := RELATIVE.fullmatch(text):
            count, unit, rounding = relative.groups()
            moment = _earlier(now.astimezone(zone), int(count or 0), unit or "m")
            moment = begin_of(moment, rounding, zone) if rounding else moment
        else:
            moment = _absolute(text, zone)
        if EARLIEST <= moment <= LATEST:
            return moment.astimezone(UTC)
    except OverflowError:
        pass
    raise ValueError(f"“{text[:40]}” is out of range; take a year from 1990 to 2199.")


def begin_of(moment: datetime, unit: str, zone: tzinfo) -> datetime:
    """Where the minute, hour, day or week of a moment began by the zone's clocks."""
    local = moment.astimezone(zone)
    if unit in ELAPSED:
        seconds = local.second if unit == "m" else local.minute * 60 + local.second
        return moment - timedelta(seconds=seconds, microseconds=local.microsecond)
    day = local.date() - timedelta(days=local.weekday() if unit == "w" else 0)
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _earlier(local: datetime, count: int, unit: str) -> datetime:
    if unit in ELAPSED:
        return local.astimezone(UTC) - count * ELAPSED[unit]
    return (local - count * CALENDAR[unit]).astimezone(UTC)


def _absolute(text: str, zone: tzinfo) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"“{text[:40]}” is not a time; {ALLOWED}.") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)
