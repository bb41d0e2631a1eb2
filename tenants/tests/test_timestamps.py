from datetime import UTC, datetime

import pytest
from django.db import DataError, connection
from hypothesis import given
from hypothesis import strategies as st

from tenants.timestamps import MomentLoader

pytestmark = pytest.mark.django_db


def stored(text, zone="UTC"):
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('TimeZone', %s, false)", [zone])
        cursor.execute("SELECT %s::timestamptz", [text])
        try:
            return cursor.fetchone()[0]
        finally:
            cursor.execute("SET TimeZone = 'UTC'")


@given(st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)))
def test_a_moment_comes_out_as_it_went_in(moment):
    moment = moment.replace(tzinfo=UTC)

    found = stored(moment.isoformat())

    assert found == moment
    assert found.tzinfo is UTC


@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "America/New_York"])
def test_a_session_in_another_zone_tells_the_same_moment(zone):
    found = stored("2026-07-01 12:00:00.5+00", zone)

    assert found == datetime(2026, 7, 1, 12, 0, 0, 500_000, tzinfo=UTC)
    assert found.tzinfo is UTC


@pytest.mark.parametrize("text", ["infinity", "-infinity", "10000-01-01 00:00:00+00"])
def test_what_no_datetime_can_hold_is_an_error(text):
    with pytest.raises(DataError):
        stored(text)


def test_django_keeps_it_on_every_cursor():
    with connection.cursor() as cursor:
        oid = connection.connection.adapters.types["timestamptz"].oid
        assert cursor.adapters.get_loader(oid, 0) is MomentLoader
