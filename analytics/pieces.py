"""Which stored numbers add up to a stretch of time: days, hours, and rows at the rims (pure).

Days and hours are UTC's. Any stretch to the microsecond is the sum of its pieces, so counts are
exact whatever the zone.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from analytics.periods import DAY, HOUR, Bucket, floor_day, floor_hour


class Grain(StrEnum):
    """Where a piece is read from."""

    DAYS = "days"
    HOURS = "hours"
    ROWS = "rows"


@dataclass(frozen=True, slots=True)
class Piece:
    """A half-open stretch of one bucket, to be read from one grain."""

    bucket: int
    grain: Grain
    start: datetime
    end: datetime


def pieces_of(buckets: Iterable[tuple[int, Bucket]]) -> list[Piece]:
    """The pieces of numbered buckets; a number may come more than once."""
    return [piece for number, bucket in buckets for piece in _split(number, bucket)]


def _split(number: int, bucket: Bucket) -> list[Piece]:
    first_hour, last_hour = _ceil(bucket.start, floor_hour, HOUR), floor_hour(bucket.end)
    if first_hour >= last_hour:
        edges = [(Grain.ROWS, bucket.start, bucket.end)]
    else:
        first_day = min(_ceil(first_hour, floor_day, DAY), last_hour)
        last_day = max(floor_day(last_hour), first_day)
        edges = [
            (Grain.ROWS, bucket.start, first_hour),
            (Grain.HOURS, first_hour, first_day),
            (Grain.DAYS, first_day, last_day),
            (Grain.HOURS, last_day, last_hour),
            (Grain.ROWS, last_hour, bucket.end),
        ]
    return [Piece(number, *edge) for edge in edges if edge[1] < edge[2]]


def _ceil(moment: datetime, floor: Callable[[datetime], datetime], size: timedelta) -> datetime:
    begin = floor(moment)
    return begin if begin == moment else begin + size
