"""The time that a page looks at, as its address writes it (pure).

Pages of numbers write ``time_range`` or ``from`` and ``to``, lists ``started_after`` and
``started_before``; moving from one to the other keeps the time, and a relative one stays relative.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

QUICK = {
    "1h": "Last hour",
    "6h": "Last 6 hours",
    "24h": "Last 24 hours",
    "7d": "Last 7 days",
    "30d": "Last 30 days",
}


@dataclass(frozen=True, slots=True)
class Names:
    """How an address calls the parts of a time."""

    start: str
    end: str
    quick: str = ""


OF_NUMBERS = Names("from", "to", "time_range")
OF_LISTS = Names("started_after", "started_before")
ALL_NAMES = tuple(
    name
    for names in (OF_NUMBERS, OF_LISTS)
    for name in (names.start, names.end, names.quick)
    if name
)


@dataclass(frozen=True, slots=True)
class WrittenRange:
    """A time in the words of an address; empty where it says nothing."""

    start: str = ""
    end: str = ""

    @property
    def quick(self) -> str:
        """The name among the quick ones, where it is one."""
        name = self.start.removeprefix("now-")
        return name if name in QUICK and self.start != name and self.end in ("", "now") else ""

    def parameters(self, names: Names) -> dict[str, str]:
        """The same time for an address of another page."""
        if names.quick and self.quick:
            return {names.quick: self.quick}
        found = {names.start: self.start, names.end: self.end}
        return {name: text for name, text in found.items() if text}


def written_range(query: Mapping[str, str]) -> WrittenRange:
    """The time that an address of either kind names."""
    if quick := query.get(OF_NUMBERS.quick, ""):
        return WrittenRange(f"now-{quick}")
    for names in (OF_NUMBERS, OF_LISTS):
        start, end = query.get(names.start, ""), query.get(names.end, "")
        if start or end:
            return WrittenRange(start, end)
    return WrittenRange()


@dataclass(frozen=True, slots=True)
class Step:
    """A range that a button leads to."""

    start: datetime
    end: datetime

    @property
    def written(self) -> WrittenRange:
        return WrittenRange(rfc3339(self.start), rfc3339(self.end))


@dataclass(frozen=True, slots=True)
class Steps:
    """Where to go from a range: before it, after it, and a wider one; none into the future."""

    earlier: Step
    later: Step | None
    wider: Step


def steps_from(start: datetime, end: datetime, now: datetime) -> Steps:
    length = end - start
    later_end = min(end + length, now)
    is_past = now - end > min(length, timedelta(minutes=1))
    wider_end = min(end + length / 2, now)
    return Steps(
        earlier=Step(start - length, start),
        later=Step(max(later_end - length, start), later_end) if is_past else None,
        wider=Step(wider_end - 2 * length, wider_end),
    )


# The edges of buckets come again with every workflow and every figure.
@lru_cache(4096)
def rfc3339(moment: datetime) -> str:
    """Whole seconds where there are no parts of one, in UTC."""
    text = moment.astimezone(UTC).isoformat()
    return text.replace("+00:00", "Z")
