"""When each node of a run worked, ready to be drawn (pure).

Timings come from a run's data as n8n keeps them, or from anything else that has a node's name, its
start and its length.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

MOST_BARS = 200
# So that a node of no time can still be seen, in percent of the whole.
NARROWEST = 0.4


@dataclass(frozen=True, slots=True)
class NodeTiming:
    """One run of a node; ``items`` are what it put out."""

    node: str
    node_type: str
    started_at: datetime | None
    milliseconds: int | None
    failed: bool
    items: int | None = None


@dataclass(frozen=True, slots=True)
class NodeBar:
    """A timing with its place in the whole, in percent."""

    timing: NodeTiming
    x: float
    width: float
    after_ms: int | None


@dataclass(frozen=True, slots=True)
class Timeline:
    """The nodes in the order in which they began."""

    bars: Sequence[NodeBar]
    total_ms: int
    left_out: int


def timeline_of(timings: Iterable[NodeTiming]) -> Timeline | None:
    """The timings on one scale; None where there are none."""
    known = list(timings)
    begins = [one.started_at for one in known if one.started_at]
    if not known:
        return None
    begin = min(begins, default=None)
    ends = [
        one.started_at + timedelta(milliseconds=one.milliseconds or 0)
        for one in known
        if one.started_at
    ]
    total = max(_ms(max(ends) - begin), 1) if begin else 1
    known.sort(key=lambda one: (one.started_at is None, one.started_at or begin))
    bars = [_bar(one, begin, total) for one in known[:MOST_BARS]]
    return Timeline(bars, total, len(known) - len(bars))


def _bar(timing: NodeTiming, begin: datetime | None, total: int) -> NodeBar:
    if timing.started_at is None or begin is None:
        return NodeBar(timing, 0, 0, None)
    after = _ms(timing.started_at - begin)
    width = max(100 * (timing.milliseconds or 0) / total, NARROWEST)
    return NodeBar(timing, round(min(100 * after / total, 100 - width), 3), round(width, 3), after)


def _ms(length: timedelta) -> int:
    return length // timedelta(milliseconds=1)
