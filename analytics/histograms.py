"""Durations as counts in bins of equal ratio: exact to merge, close to read (pure).

A bin is about two per cent wide, so a percentile is off by one per cent at most and far less where
it is read between the bins' ends. The same formula stands in SQL (``BIN_SQL``).

Thousands of stored histograms go into one answer, so PostgreSQL hands them over as it sends arrays
to programs (``SENT``): a list of numbers in Python would cost more than all else.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

PER_E_FOLD = 49.99833
# Of a duration in milliseconds; whole numbers, so that both languages agree on every bin.
BIN_SQL = (
    f"CASE WHEN execution_time <= 1 THEN 0 ELSE ceil(ln(execution_time::float8) * {PER_E_FOLD}) END"
)

# An array is sent as 20 bytes that describe it and a length before each value (PostgreSQL's
# array_send); an empty one ends before that. All arrays of a group follow each other.
SENT = """
    string_agg(substr(array_send(bins), 21), '') AS bins,
    string_agg(substr(array_send(bin_counts), 21), '') AS bin_counts
"""
# The same where a sign tells which histograms are to be taken out again.
NET_SENT = ", ".join(
    f"string_agg(substr(array_send({name}), 21), '') FILTER (WHERE sign {which} 0) AS {name}{mark}"
    for which, mark in ((">", ""), ("<", "_out"))
    for name in ("bins", "bin_counts")
)
SENT_BINS = np.dtype([("length", ">i4"), ("value", ">i2")])
SENT_COUNTS = np.dtype([("length", ">i4"), ("value", ">i4")])


def bin_of(duration_ms: int) -> int:
    return 0 if duration_ms <= 1 else math.ceil(math.log(duration_ms) * PER_E_FOLD)


@cache
def bounds_of(number: int) -> tuple[int, int]:
    """The shortest and the longest whole duration that fall into a bin."""
    if number <= 0:
        return 0, 1
    low = math.floor(math.exp((number - 1) / PER_E_FOLD)) + 1
    return low, max(low, math.floor(math.exp(number / PER_E_FOLD)))


@dataclass(frozen=True, slots=True, eq=False)
class Histogram:
    """How many durations fell into each bin; a bin is its place in ``counts``."""

    counts: NDArray[np.int64]

    @classmethod
    def of(cls, durations_ms: Iterable[int]) -> "Histogram":
        return cls(np.bincount(np.array([bin_of(one) for one in durations_ms], dtype=np.int64)))

    @classmethod
    def received(cls, bins: bytes | None, counts: bytes | None) -> "Histogram":
        """The sum of the histograms of ``SENT``; of none there is None."""
        numbers = np.frombuffer(bins or b"", SENT_BINS)["value"]
        weights = np.frombuffer(counts or b"", SENT_COUNTS)["value"]
        return cls(np.bincount(numbers, weights).astype(np.int64))

    @classmethod
    def net(
        cls,
        bins: bytes | None,
        counts: bytes | None,
        bins_out: bytes | None,
        counts_out: bytes | None,
    ) -> "Histogram":
        """The sum of the histograms of ``NET_SENT`` without those that were to be taken out."""
        found = cls.received(bins, counts)
        return found - cls.received(bins_out, counts_out) if bins_out else found

    @property
    def total(self) -> int:
        return int(self.counts.sum())

    def __add__(self, other: "Histogram") -> "Histogram":
        return self._with(other, 1)

    def __sub__(self, other: "Histogram") -> "Histogram":
        return self._with(other, -1)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Histogram) and not (self - other).counts.any()

    def __hash__(self) -> int:
        return hash(self.total)

    def _with(self, other: "Histogram", sign: int) -> "Histogram":
        if not len(other.counts):
            return self
        counts = np.zeros(max(len(self.counts), len(other.counts)), dtype=np.int64)
        counts[: len(self.counts)] = self.counts
        counts[: len(other.counts)] += sign * other.counts
        return Histogram(counts)

    def percentiles(self, shares: Iterable[float]) -> list[float | None]:
        """The durations below which these shares lie; None where nothing was timed.

        Like PostgreSQL's ``percentile_cont``, between two rows the line that joins them.
        """
        ends = np.cumsum(self.counts)
        if not len(ends) or not ends[-1]:
            return [None for _ in shares]
        ranks = [share * (int(ends[-1]) - 1) for share in shares]
        lows = self._durations_at(ends, [math.floor(rank) for rank in ranks])
        highs = self._durations_at(ends, [math.ceil(rank) for rank in ranks])
        return [
            low + (high - low) * (rank - math.floor(rank))
            for rank, low, high in zip(ranks, lows, highs, strict=True)
        ]

    def _durations_at(self, ends: NDArray[np.int64], rows: list[int]) -> list[float]:
        """The durations of rows in their order, each by its place within its bin."""
        found = []
        for row, number in zip(rows, np.searchsorted(ends, rows, "right").tolist(), strict=True):
            low, high = bounds_of(number)
            count = int(self.counts[number])
            found.append(low + (high - low) * (row - int(ends[number]) + count + 0.5) / count)
        return found


NONE_TIMED = Histogram(np.zeros(0, dtype=np.int64))
