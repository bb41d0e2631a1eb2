from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.periods import (
    FIXED,
    Period,
    custom_period,
    fixed_period,
    floor_day,
)

NOW = datetime(2026, 6, 17, 10, 23, 45, tzinfo=UTC)
ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "America/Sao_Paulo",
    "Africa/Cairo",
    "Pacific/Apia",
]
moments = st.datetimes(
    min_value=datetime(2005, 1, 1), max_value=datetime(2035, 1, 1), timezones=st.just(UTC)
)
zones = st.sampled_from(ZONES).map(ZoneInfo)


def hours(bucket):
    return (bucket.end - bucket.start) / timedelta(hours=1)


def assert_it_is_covered_without_a_gap(period):
    buckets = period.buckets()
    assert buckets[0].start == period.start
    assert buckets[-1].end == period.end
    assert all(bucket.start < bucket.end for bucket in buckets)
    assert all(a.end == b.start for a, b in zip(buckets[:-1], buckets[1:], strict=True))


@given(now=moments, zone=zones, name=st.sampled_from(list(FIXED)))
def test_a_named_range_has_its_number_of_buckets_at_any_moment_in_any_zone(now, zone, name):
    period = fixed_period(name, now=now, zone=zone)

    assert_it_is_covered_without_a_gap(period)
    assert len(period.buckets()) == FIXED[name][0]
    assert period.end == now


@given(now=moments, zone=zones, minutes=st.integers(1, 3650 * 24 * 60))
def test_a_custom_range_has_ten_to_sixty_buckets(now, zone, minutes):
    period = custom_period(
        (now - timedelta(minutes=minutes)).isoformat(), now.isoformat(), now=now, zone=zone
    )

    assert_it_is_covered_without_a_gap(period)
    assert 10 <= len(period.buckets()) <= 60


@given(now=moments, zone=zones, name=st.sampled_from(list(FIXED)))
def test_the_previous_period_ends_where_the_period_begins(now, zone, name):
    period = fixed_period(name, now=now, zone=zone)

    before = period.previous()

    assert before.end == period.start
    assert before.start < before.end
    assert abs((before.end - before.start) - (period.end - period.start)) <= timedelta(hours=26)


def test_a_bucket_of_a_named_range_is_never_longer_than_one_and_a_half_steps():
    for minute in range(0, 1440, 7):
        period = fixed_period("30d", now=NOW + timedelta(minutes=minute), zone=ZoneInfo("UTC"))

        assert all(12 <= hours(bucket) <= 36 for bucket in period.buckets())


@pytest.mark.parametrize(
    ("zone", "day", "length"),
    [
        ("Europe/Berlin", "2026-03-29", 23),
        ("Europe/Berlin", "2026-10-25", 25),
        ("America/New_York", "2026-03-08", 23),
        ("America/New_York", "2026-11-01", 25),
        ("Australia/Lord_Howe", "2026-10-04", 23.5),
        ("Australia/Lord_Howe", "2026-04-05", 24.5),
        ("Asia/Kathmandu", "2026-03-29", 24),
    ],
    ids=lambda value: str(value),
)
def test_a_day_of_a_clock_change_is_as_long_as_it_was(zone, day, length):
    zone = ZoneInfo(zone)
    now = datetime.fromisoformat(f"{day}T12:00:00+00:00") + timedelta(days=5)

    buckets = fixed_period("30d", now=now, zone=zone).buckets()
    by_day = {b.start.astimezone(zone).date().isoformat(): hours(b) for b in buckets}

    assert by_day[day] == length


@pytest.mark.parametrize(
    ("zone", "day", "count"),
    [("Europe/Berlin", "2026-03-29", 23), ("Europe/Berlin", "2026-10-25", 25)],
)
def test_the_hours_of_a_clock_change_are_each_a_bucket(zone, day, count):
    end = (datetime.fromisoformat(day) + timedelta(days=1)).date().isoformat()

    period = custom_period(day, end, now=NOW, zone=ZoneInfo(zone), step="1h")

    assert [hours(bucket) for bucket in period.buckets()] == [1.0] * count


def test_a_previous_week_over_a_clock_change_is_equal_by_the_calendar():
    zone = ZoneInfo("Europe/Berlin")
    now = datetime(2026, 3, 31, 9, 0, tzinfo=zone)

    period = fixed_period("7d", now=now, zone=zone)

    assert period.start == datetime(2026, 3, 24, 9, 0, tzinfo=zone)
    assert period.previous().start == datetime(2026, 3, 17, 9, 0, tzinfo=zone)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", "2026-06-17T10:23:45+00:00"),
        ("now-36h", "2026-06-15T22:23:45+00:00"),
        ("now/d", "2026-06-16T22:00:00+00:00"),
        ("now-7d/d", "2026-06-09T22:00:00+00:00"),
        ("now/w", "2026-06-14T22:00:00+00:00"),
        ("now/h", "2026-06-17T10:00:00+00:00"),
        ("2026-03-01", "2026-02-28T23:00:00+00:00"),
        ("2024-02-29T12:00:00Z", "2024-02-29T12:00:00+00:00"),
        ("2025-12-31T23:30:00-05:00", "2026-01-01T04:30:00+00:00"),
    ],
)
def test_it_reads_a_begin_in_the_zone(text, expected):
    period = custom_period(text, "2026-06-17T12:00:00Z", now=NOW, zone=ZoneInfo("Europe/Berlin"))

    assert period.start == datetime.fromisoformat(expected)


def test_a_day_back_keeps_the_time_of_day_over_a_clock_change():
    zone = ZoneInfo("Europe/Berlin")
    now = datetime(2026, 3, 30, 0, 30, tzinfo=zone)

    period = custom_period("now-1d/d", "now", now=now, zone=zone)

    assert period.start == datetime(2026, 3, 29, 0, 0, tzinfo=zone)


def test_at_midnight_today_is_empty_and_refused():
    with pytest.raises(ValueError, match="ends before it begins"):
        custom_period("now/d", "now", now=floor_day(NOW), zone=UTC)


@pytest.mark.parametrize(
    ("start", "end", "step", "sentence"),
    [
        ("", "now", "", "Say where the range begins"),
        ("now-1h", "now-2h", "", "ends before it begins"),
        ("now", "now", "", "ends before it begins"),
        ("yesterday", "", "", "“yesterday” is not a time"),
        ("1926-01-01", "2026-01-01", "5m", "out of range"),
        ("2000-01-01", "2026-01-01", "5m", "longer than ten years"),
        ("now-1200m", "now", "5s", "more than 400 points"),
        ("now-1h", "now", "2m", "not one of the steps"),
        ("now-999999w", "now", "", "out of range"),
        ("2026-06-17T10:00:00Z", "2026-06-17T10:00:30Z", "", "shorter than a minute"),
    ],
)
def test_it_says_what_is_wrong_with_a_range(start, end, step, sentence):
    with pytest.raises(ValueError, match=sentence):
        custom_period(start, end, now=NOW, zone=UTC, step=step)


def test_an_unknown_name_is_answered_with_those_that_there_are():
    with pytest.raises(ValueError, match="“2h” is not one of: 1h, 6h, 24h, 7d, 30d"):
        fixed_period("2h", now=NOW, zone=UTC)


def test_only_a_begin_before_the_moment_moves_to_its_whole_hour():
    period = Period(NOW - timedelta(hours=5), NOW, UTC, timedelta(minutes=30))

    assert period.from_whole_hours_before(NOW).start == datetime(2026, 6, 17, 5, tzinfo=UTC)
    assert period.from_whole_hours_before(NOW - timedelta(hours=6)) is period
