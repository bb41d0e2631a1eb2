"""Durations as counts in bins of equal ratio: exact to merge, close to read (pure).

A bin is about two per cent wide, so a percentile is off by one per cent at most and far less where
it is read between the bins' ends. The same formula stands in SQL (``BIN_SQL``).
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate

PER_E_FOLD = 49.99833
# Of a duration in milliseconds; whole numbers, so that both languages agree on every bin.
BIN_SQL = (
    f"CASE WHEN execution_time <= 1 THEN 0 ELSE ceil(ln(execution_time::float8) * {PER_E_FOLD}) END"
)


def bin_of(duration_ms: int) -> int:
    return 0 if duration_ms <= 1 else math.ceil(math.log(duration_ms) * PER_E_FOLD)


def bounds_of(number: int) -> tuple[int, int]:
    """The shortest and the longest whole duration that fall into a bin."""
    if number <= 0:
        return 0, 1
    low = math.floor(math.exp((number - 1) / PER_E_FOLD)) + 1
    return low, max(low, math.floor(math.exp(number / PER_E_FOLD)))


def merge(into: dict[int, int], bins: Sequence[int], counts: Sequence[int], sign: int = 1) -> None:
    """Add counts to a histogram, or take them out of it again."""
    pairs = zip(bins, counts, strict=True)
    if not into and sign > 0:
        into.update(pairs)
        return
    known = into.get
    for number, count in pairs:
        into[number] = known(number, 0) + sign * count


def percentiles(histogram: Mapping[int, int], shares: Iterable[float]) -> list[float | None]:
    """The durations below which these shares lie; None where nothing was timed.

    Like PostgreSQL's ``percentile_cont``, between two rows the line that joins them.
    """
    filled = sorted((number, count) for number, count in histogram.items() if count > 0)
    ends = list(accumulate(count for _, count in filled))
    if not ends:
        return [None for _ in shares]

    def at(row: int) -> float:
        place = bisect_right(ends, row)
        number, count = filled[place]
        low, high = bounds_of(number)
        return low + (high - low) * (row - ends[place] + count + 0.5) / count

    found: list[float | None] = []
    for share in shares:
        rank = share * (ends[-1] - 1)
        low = at(math.floor(rank))
        found.append(low + (at(math.ceil(rank)) - low) * (rank - math.floor(rank)))
    return found
