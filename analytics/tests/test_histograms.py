import math
import random
import statistics

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from analytics.histograms import BIN_SQL, NONE_TIMED, SENT, Histogram, bin_of, bounds_of

SHARES = (0.5, 0.95, 0.99)
durations = st.lists(st.integers(0, 30 * 86_400_000), min_size=1, max_size=60)


def exact(values, share):
    ordered, rank = sorted(values), share * (len(values) - 1)
    low = ordered[math.floor(rank)]
    return low + (ordered[math.ceil(rank)] - low) * (rank - math.floor(rank))


@given(st.integers(0, 10**13))
def test_a_duration_lies_within_the_bounds_of_its_bin(duration):
    low, high = bounds_of(bin_of(duration))

    assert low <= duration <= high


@given(durations, durations)
def test_merged_halves_are_the_histogram_of_the_whole(first, second):
    merged = Histogram.of(first) + Histogram.of(second)

    assert merged == Histogram.of(first + second)
    assert merged.total == len(first + second)
    assert merged - Histogram.of(second) == Histogram.of(first)


@given(durations)
def test_percentiles_never_fall(values):
    found = Histogram.of(values).percentiles([0.0, 0.25, *SHARES, 1.0])

    assert found == sorted(found)
    assert min(values) * 0.98 - 1 <= found[0] <= found[-1] <= max(values) * 1.0202 + 1


def test_it_says_nothing_where_nothing_was_timed():
    some = Histogram.of([7, 9])

    assert NONE_TIMED.percentiles(SHARES) == [None, None, None]
    assert (some - some).percentiles(SHARES) == [None, None, None]


@pytest.mark.parametrize("value", [0, 1, 2, 3, 17, 30 * 86_400_000], ids=str)
def test_equal_durations_are_found_within_a_per_cent(value):
    for found in Histogram.of([value] * 500).percentiles(SHARES):
        assert abs(found - value) <= max(value * 0.0101, 1)


def test_percentiles_of_full_hours_keep_to_the_promised_error():
    chance = random.Random(7)
    errors = []
    for _ in range(60):
        size, middle, width = (
            chance.randint(1000, 4000),
            chance.uniform(4, 9),
            chance.uniform(0.3, 1.6),
        )
        values = [int(chance.lognormvariate(middle, width)) for _ in range(size)]
        for share, found in zip(SHARES, Histogram.of(values).percentiles(SHARES), strict=True):
            errors.append(abs(found - exact(values, share)) / exact(values, share))

    errors.sort()
    assert statistics.median(errors) <= 0.003
    assert errors[math.ceil(0.99 * len(errors)) - 1] <= 0.015


@pytest.mark.django_db
def test_sql_puts_every_duration_into_the_same_bin():
    values = sorted({int(1.0107**power) for power in range(2600)} | set(range(3000)))
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT execution_time, ({BIN_SQL})::smallint FROM unnest(%s::bigint[])"
            " AS of_row (execution_time)",
            [values],
        )
        rows = cursor.fetchall()

    assert [(value, bin_of(value)) for value, _ in rows] == rows


@pytest.mark.django_db
def test_histograms_of_a_group_come_out_of_the_database_as_their_sum():
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {SENT} FROM (VALUES ('{{0,7,1500}}'::smallint[], '{{1,2,70000}}'::integer[]),"
            " ('{}', '{}'), ('{7}', '{40}')) AS stored (bins, bin_counts)"
        )
        histogram = Histogram.received(*cursor.fetchone())
        cursor.execute(
            f"SELECT {SENT} FROM (SELECT '{{}}'::smallint[] AS bins,"
            " '{}'::integer[] AS bin_counts) AS stored"
        )
        nothing = Histogram.received(*cursor.fetchone())

    assert {place: int(count) for place, count in enumerate(histogram.counts) if count} == {
        0: 1,
        7: 42,
        1500: 70000,
    }
    assert nothing == NONE_TIMED
