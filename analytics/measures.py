"""Numbers of executions that can be added up (pure)."""

from collections.abc import Iterable
from dataclasses import dataclass

from analytics.histograms import NONE_TIMED, Histogram

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
    histogram: Histogram = NONE_TIMED

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
        return self.histogram.percentiles(SHARES)

    def include(self, other: "Measures") -> None:
        """Add all of another stretch."""
        self.success += other.success
        self.error += other.error
        self.running += other.running
        self.waiting += other.waiting
        self.canceled += other.canceled
        self.unknown += other.unknown
        self.timed += other.timed
        self.duration_sum += other.duration_sum
        self.histogram += other.histogram


def total_of(parts: Iterable[Measures]) -> Measures:
    whole = Measures()
    for part in parts:
        whole.include(part)
    return whole
