"""Numbers of executions that can be added up (pure)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from analytics.histograms import NONE_TIMED, Histogram

SHARES = (0.5, 0.95, 0.99)


@dataclass(slots=True)
class Measures:
    """Counts by status, durations and the last runs of some stretch of time."""

    success: int = 0
    error: int = 0
    running: int = 0
    waiting: int = 0
    canceled: int = 0
    unknown: int = 0
    timed: int = 0
    duration_sum: int = 0
    last_at: datetime | None = None
    last_error_at: datetime | None = None
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

    def include(self, other: "Measures", sign: int = 1) -> None:
        """Add all of another stretch, or take it out again; what was last seen stays seen."""
        self.success += sign * other.success
        self.error += sign * other.error
        self.running += sign * other.running
        self.waiting += sign * other.waiting
        self.canceled += sign * other.canceled
        self.unknown += sign * other.unknown
        self.timed += sign * other.timed
        self.duration_sum += sign * other.duration_sum
        if sign < 0:
            self.histogram -= other.histogram
            return
        self.histogram += other.histogram
        self.last_at = _later(self.last_at, other.last_at)
        self.last_error_at = _later(self.last_error_at, other.last_error_at)


def total_of(parts: Iterable[Measures]) -> Measures:
    whole = Measures()
    for part in parts:
        whole.include(part)
    return whole


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((moment for moment in (one, other) if moment), default=None)
