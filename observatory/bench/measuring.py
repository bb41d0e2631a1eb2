"""How a bench measures: alternatives in turn, and the median of the rounds.

Alternatives that run one after another would each meet another state of the machine; in turn they
share its noise, and their ratio stays.
"""

import resource
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf
from statistics import median
from typing import Any

from observatory.bench.report import Report

MIB = 2**20
# What takes long needs no second look to be called slow.
PATIENCE_SECONDS = 8.0
WARM_SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class Options:
    """What the person asked for; a bench of one size takes the largest."""

    sizes: tuple[int, ...]
    with_peers: bool = False

    @property
    def rows(self) -> int:
        return max(self.sizes)


@dataclass(frozen=True, slots=True)
class Bench:
    """A bench by its name; ``rows`` is how many it takes where nobody says."""

    name: str
    about: str
    rows: int
    measure: Callable[[Options], Report]
    has_peers: bool = False
    has_sizes: bool = False
    begins_migrated: bool = True


def seconds_of(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def in_turn(
    ways: Mapping[str, Callable[[], Any]],
    rounds: int,
    *,
    patience: float = inf,
    warm_up: bool = False,
) -> dict[str, list[float]]:
    """Seconds of each way in each round; every round begins with another way.

    A way that has taken longer than the patience in all takes part no more. Warmed up, each runs
    twice and the second time counts: of what takes milliseconds the first tells what the way before
    left in the caches. What takes longer than ``WARM_SECONDS`` has no need of it.
    """
    names, taken = list(ways), {name: list[float]() for name in ways}
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            if sum(taken[name]) <= patience:
                taken[name].append(_seconds_of(ways[name], warm_up))
    return taken


def _seconds_of(way: Callable[[], Any], warm_up: bool) -> float:
    spent = seconds_of(way)
    return seconds_of(way) if warm_up and spent <= WARM_SECONDS else spent


def rate(rows: int, seconds: list[float]) -> float:
    """Rows a second, by the median."""
    return rows / median(seconds)


def peak_memory_mib() -> float:
    """The most memory that this process ever held."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / MIB if sys.platform == "darwin" else peak * 1024 / MIB
