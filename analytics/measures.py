"""Numbers of executions that can be added up (pure)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from analytics.histograms import merge, percentiles

SHARES = (0.5, 0.95, 0.99)


@dataclass(slots=True)
class Measures:
    """Counts by status and durations of some stretch of time."""

    success: int = 0
    error: int = 0
    running: int = 0
    waiting: int = 0
    canceled: int = 0
    unknown: int = 0
    timed: int = 0
    duration_sum: int = 0
    histogram: dict[int, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        return self.ended + self.running + self.waiting + self.canceled + self.unknown

    def counts(self) -> dict[str, int]:
        return {
            "success": self.success,
            "error": self.error,
            "running": self.running,
            "waiting": self.waiting,
            "canceled": self.canceled,
            "unknown": self.unknown,
        }

    @property
    def ended(self) -> int:
        """Runs that came to a success or a failure."""
        return self.success + self.error

    @property
    def success_rate(self) -> float | None:
        return self.success / self.ended if self.ended else None

    @property
    def average_ms(self) -> float | None:
        return self.duration_sum / self.timed if self.timed else None

    def percentiles(self) -> list[float | None]:
        """The middle, the 95th and the 99th percentile of the durations."""
        return percentiles(self.histogram, SHARES)

    def add(self, sums: Sequence[int], sign: int = 1) -> None:
        """Add counts in the order of the fields, or take them out again."""
        self.success += sign * sums[0]
        self.error += sign * sums[1]
        self.running += sign * sums[2]
        self.waiting += sign * sums[3]
        self.canceled += sign * sums[4]
        self.unknown += sign * sums[5]
        self.timed += sign * sums[6]
        self.duration_sum += sign * sums[7]

    def add_histogram(self, bins: Sequence[int], counts: Sequence[int], sign: int = 1) -> None:
        merge(self.histogram, bins, counts, sign)

    def include(self, other: "Measures") -> None:
        """Add all of another stretch."""
        counts = [*other.counts().values(), other.timed, other.duration_sum]
        self.add(counts)
        self.add_histogram(list(other.histogram), list(other.histogram.values()))


def total_of(parts: Iterable[Measures]) -> Measures:
    whole = Measures()
    for part in parts:
        whole.include(part)
    return whole
