"""When a tenant's nightly pruning is due (pure).

Every tenant has a minute of its own between one and five o'clock of its zone. The tenants in the
order of their making are spread by the golden ratio, which leaves no minute with more than its
share however many there are (three-distance theorem).
"""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

NIGHT_BEGINS = time(1)
MINUTES_OF_NIGHT = 240
GOLDEN = (5**0.5 - 1) / 2


def minute_of(position: int) -> int:
    """The minute of the night, from 0, for the tenant made as number ``position``, from 0."""
    return int((position * GOLDEN) % 1 * MINUTES_OF_NIGHT)


def planned_at(night: date, zone: ZoneInfo, position: int) -> datetime:
    """The tenant's moment in the night that begins this day; local clocks may skip it."""
    begins = datetime.combine(night, NIGHT_BEGINS, tzinfo=zone)
    # Counted in the zone's own clock and then said in UTC: a skipped minute is an hour later.
    return (begins + timedelta(minutes=minute_of(position))).astimezone(ZoneInfo("UTC"))


def is_due(now: datetime, zone: ZoneInfo, position: int, last: datetime) -> bool:
    """Whether a planned moment has passed since ``last``, when a pruning began."""
    today = now.astimezone(zone).date()
    planned = planned_at(today, zone, position)
    if planned > now:
        planned = planned_at(today - timedelta(days=1), zone, position)
    return last < planned
