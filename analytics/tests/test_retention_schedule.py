"""Each tenant's minute of the night."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from analytics.retention_schedule import MINUTES_OF_NIGHT, is_due, minute_of, planned_at

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize("tenants", [1, 7, 240, 1000, 5000, 12345])
def test_no_minute_has_more_than_twice_its_share(tenants):
    load = Counter(minute_of(position) for position in range(tenants))

    assert set(load) <= set(range(MINUTES_OF_NIGHT))
    assert max(load.values()) <= max(2 * tenants / MINUTES_OF_NIGHT, 1)


def test_the_night_is_the_zones_own():
    assert planned_at(date(2026, 1, 15), BERLIN, 0) == datetime(2026, 1, 15, 0, tzinfo=UTC)
    assert planned_at(date(2026, 7, 15), BERLIN, 0) == datetime(2026, 7, 14, 23, tzinfo=UTC)


@pytest.mark.parametrize("night", [date(2026, 3, 29), date(2026, 10, 25)])
@pytest.mark.parametrize("position", range(0, 60, 7))
def test_it_comes_once_in_a_night_that_the_clocks_change(night, position):
    begins = datetime.combine(night, datetime.min.time(), tzinfo=UTC) - timedelta(hours=4)
    last, runs = begins, 0
    for minute in range(24 * 60):
        now = begins + timedelta(minutes=minute)
        if is_due(now, BERLIN, position, last):
            last, runs = now, runs + 1

    assert runs == 1


def test_a_night_that_was_missed_is_made_up_for_once():
    back = datetime(2026, 5, 4, 15, tzinfo=UTC)

    assert is_due(back, BERLIN, 3, last=back - timedelta(days=3))
    assert not is_due(back + timedelta(minutes=1), BERLIN, 3, last=back)
