from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from analytics.periods import Bucket, floor_day, floor_hour
from analytics.pieces import Grain, pieces_of

START = datetime(2026, 2, 27, 22, 15, tzinfo=UTC)


@given(
    start=st.datetimes(datetime(2026, 1, 1), datetime(2026, 3, 1), timezones=st.just(UTC)),
    length=st.timedeltas(timedelta(microseconds=1), timedelta(days=5)),
)
def test_pieces_join_to_the_stretch_and_are_whole(start, length):
    pieces = pieces_of([(3, Bucket(start, start + length))])

    assert pieces[0].start == start
    assert pieces[-1].end == start + length
    assert all(a.end == b.start for a, b in zip(pieces[:-1], pieces[1:], strict=True))
    for piece in pieces:
        assert piece.bucket == 3
        whole = {Grain.DAYS: floor_day, Grain.HOURS: floor_hour}.get(piece.grain)
        if whole:
            assert (whole(piece.start), whole(piece.end)) == (piece.start, piece.end)
        else:
            assert piece.end - piece.start < timedelta(hours=2)


def test_two_days_are_read_from_rows_hours_and_a_day():
    pieces = pieces_of([(0, Bucket(START, START + timedelta(days=2)))])

    assert [piece.grain for piece in pieces] == [
        Grain.ROWS,
        Grain.HOURS,
        Grain.DAYS,
        Grain.HOURS,
        Grain.ROWS,
    ]


def test_half_an_hour_is_read_from_rows():
    pieces = pieces_of([(0, Bucket(START, START + timedelta(minutes=30)))])

    assert [piece.grain for piece in pieces] == [Grain.ROWS]


def test_a_whole_day_is_one_piece():
    day = datetime(2026, 3, 1, tzinfo=UTC)

    assert [p.grain for p in pieces_of([(0, Bucket(day, day + timedelta(days=1)))])] == [Grain.DAYS]
