"""Stretches of time that numbers are asked for, and their buckets (pure).

A period is half-open. Its buckets begin where the viewer's clocks show a whole step (a day at
midnight), so they fit no period exactly: what is left at either end and is shorter than half a
step belongs to its neighbour. So every run is in one bucket, sums are equal to the whole, and the
five named ranges always have the number of buckets that they promise.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from executions.moments import parse_moment

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
# From this step on a bucket is a stretch of the calendar, below it one of elapsed time.
CALENDAR_STEP = 3 * HOUR
# Days that buckets of several days begin on are counted from a Monday.
A_MONDAY = date(1, 1, 1).toordinal()

# Name: (number of buckets, step).
FIXED = {
    "1h": (12, 5 * MINUTE),
    "6h": (12, 30 * MINUTE),
    "24h": (24, HOUR),
    "7d": (14, 12 * HOUR),
    "30d": (30, DAY),
}
DEFAULT = "24h"
# Neighbours differ by at most five, so that one of them gives 10 to 60 buckets for any length.
STEPS = {
    "5s": timedelta(seconds=5),
    "15s": timedelta(seconds=15),
    "1m": MINUTE,
    "5m": 5 * MINUTE,
    "15m": 15 * MINUTE,
    "30m": 30 * MINUTE,
    "1h": HOUR,
    "3h": 3 * HOUR,
    "12h": 12 * HOUR,
    "1d": DAY,
    "3d": 3 * DAY,
    "7d": 7 * DAY,
    "28d": 28 * DAY,
    "91d": 91 * DAY,
}
# The ends of a period may add a bucket to what its length holds.
MOST_STEPS = 58
LONGEST, SHORTEST = 3700 * DAY, MINUTE
MOST_BUCKETS = 400


@dataclass(frozen=True, slots=True)
class Bucket:
    """A half-open part of a period."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Period:
    """A half-open stretch of time in the viewer's zone, with the step of its buckets."""

    start: datetime
    end: datetime
    zone: tzinfo
    step: timedelta
    name: str = ""

    @property
    def is_calendar(self) -> bool:
        return self.step >= CALENDAR_STEP

    def previous(self) -> "Period":
        """The period of equal length before this one: equal by the calendar for long ones."""
        if not self.is_calendar:
            start = self.start - (self.end - self.start)
        else:
            wall_end, wall_start = _wall(self.end, self.zone), _wall(self.start, self.zone)
            start = _instant(wall_start - (wall_end - wall_start), self.zone)
        return Period(start, self.start, self.zone, self.step, self.name)

    def buckets(self) -> list[Bucket]:
        """The parts of the period, oldest first, without a gap."""
        edges = [self.start, *_inner_edges(self), self.end]
        return [Bucket(*pair) for pair in zip(edges[:-1], edges[1:], strict=True)]

    def from_whole_hours_before(self, moment: datetime) -> "Period":
        """The period with a start before the moment moved back to a whole hour (UTC)."""
        if self.start >= moment:
            return self
        return Period(floor_hour(self.start), self.end, self.zone, self.step, self.name)


def fixed_period(name: str, *, now: datetime, zone: tzinfo) -> Period:
    """One of the five named ranges, up to now. Raises ValueError with a sentence."""
    if name not in FIXED:
        raise ValueError(f"“{name[:40]}” is not one of: {', '.join(FIXED)}.")
    count, step = FIXED[name]
    if step < CALENDAR_STEP:
        start = now - count * step
    else:
        start = _instant(_wall(now, zone) - count * step, zone)
    return Period(start.astimezone(UTC), now.astimezone(UTC), zone, step, name)


def custom_period(
    from_text: str, to_text: str, *, now: datetime, zone: tzinfo, step: str = ""
) -> Period:
    """Any range; without an end up to now. Raises ValueError with a sentence."""
    if not from_text:
        raise ValueError("Say where the range begins: from=now-36h, or a time_range.")
    start = parse_moment(from_text, now=now, zone=zone)
    end = parse_moment(to_text, now=now, zone=zone) if to_text else now.astimezone(UTC)
    if start >= end:
        raise ValueError("The range ends before it begins; “from” must be earlier than “to”.")
    if end - start < SHORTEST:
        raise ValueError("The range is shorter than a minute; take a longer one.")
    if end - start > LONGEST:
        raise ValueError("The range is longer than ten years; take a shorter one.")
    return Period(start, end, zone, _step_of(step, end - start))


def _step_of(step: str, length: timedelta) -> timedelta:
    if not step:
        return next(size for size in STEPS.values() if length / size <= MOST_STEPS)
    if step not in STEPS:
        raise ValueError(f"“{step[:40]}” is not one of the steps: {', '.join(STEPS)}.")
    if length / STEPS[step] > MOST_BUCKETS:
        raise ValueError(
            f"Steps of {step} would give more than {MOST_BUCKETS} points; take a longer step"
            " or a shorter range."
        )
    return STEPS[step]


def floor_hour(moment: datetime) -> datetime:
    """Where the hour of a moment began, in UTC."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def floor_day(moment: datetime) -> datetime:
    """Where the UTC day of a moment began."""
    return floor_hour(moment).replace(hour=0)


def _wall(moment: datetime, zone: tzinfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)


def _instant(wall: datetime, zone: tzinfo) -> datetime:
    return wall.replace(tzinfo=zone).astimezone(UTC)


def _inner_edges(period: Period) -> list[datetime]:
    edges = sorted(edge for edge in set(_aligned(period)) if period.start < edge < period.end)
    wanted = FIXED[period.name][0] if period.name else None
    while edges:
        first, last = edges[0] - period.start, period.end - edges[-1]
        if wanted is None and min(first, last) > period.step / 2:
            break
        if wanted is not None and len(edges) < wanted:
            break
        edges.pop(0 if first < last else -1)
    return edges


def _aligned(period: Period) -> Iterator[datetime]:
    """Every instant in and around the period at which the zone's clocks show a whole step."""
    day = period.start.astimezone(period.zone).date()
    last = period.end.astimezone(period.zone).date()
    while day <= last:
        if period.step < DAY:
            yield from _within(day, period)
        elif (day.toordinal() - A_MONDAY) % (period.step // DAY) == 0:
            yield _instant(datetime.combine(day, time()), period.zone)
        day += DAY


def _within(day: date, period: Period) -> Iterator[datetime]:
    midnight = datetime.combine(day, time())
    if period.is_calendar:
        for count in range(DAY // period.step):
            yield _instant(midnight + count * period.step, period.zone)
        return
    edge = _instant(midnight, period.zone)
    end = min(_instant(midnight + DAY, period.zone), period.end)
    edge += max((period.start - edge) // period.step, 0) * period.step
    while edge < end:
        yield edge
        edge += period.step
