"""What charts show, in numbers (pure): the server draws it as SVG, and a script draws it again."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from executions.statuses import NormalizedStatus

# From the bottom of a bar to its top: what needs somebody stands where eyes compare it best.
STACK = (
    NormalizedStatus.ERROR,
    NormalizedStatus.UNKNOWN,
    NormalizedStatus.CANCELED,
    NormalizedStatus.WAITING,
    NormalizedStatus.RUNNING,
    NormalizedStatus.SUCCESS,
)


@dataclass(frozen=True, slots=True)
class Bar:
    """Runs of a stretch of time by status; None where nobody looked."""

    start: datetime
    end: datetime
    counts: dict[str, int] | None

    @property
    def total(self) -> int:
        return sum(self.counts.values()) if self.counts else 0


@dataclass(frozen=True, slots=True)
class Part:
    """One rectangle of the drawing, in a box of the chart's bars by 100."""

    status: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Series:
    """A status of a chart, what it is called there, and how many there are over all of the time."""

    status: str
    label: str
    total: int


@dataclass(frozen=True, slots=True)
class RunsChart:
    """Runs by status over time, as bars without a gap between them.

    ``always`` are the statuses that are named even where there are none; ``noun`` is what is
    counted.
    """

    bars: tuple[Bar, ...]
    always: tuple[str, ...] = (NormalizedStatus.SUCCESS, NormalizedStatus.ERROR)
    noun: str = "run"

    @property
    def statuses(self) -> list[str]:
        """Those that occur, and those that are always named."""
        return [
            status.value
            for status in STACK
            if status in self.always
            or any(bar.counts and bar.counts.get(status) for bar in self.bars)
        ]

    @property
    def series(self) -> list[Series]:
        """The statuses, the largest meaning first; where there is one, it is what is counted."""
        statuses = self.statuses
        return [
            Series(
                status,
                (status if len(statuses) > 1 else f"{self.noun}s").capitalize(),
                sum(bar.counts.get(status, 0) for bar in self.bars if bar.counts),
            )
            for status in reversed(statuses)
        ]

    @property
    def top(self) -> int:
        return round_up(max((bar.total for bar in self.bars), default=0))

    @property
    def middle(self) -> int | None:
        """Halfway up the axis; there is no half of a run."""
        return None if self.top % 2 else self.top // 2

    @property
    def labels(self) -> list[datetime]:
        """The moments below the axis: the begin, the middle and the end."""
        if not self.bars:
            return []
        return [self.bars[0].start, self.bars[len(self.bars) // 2].start, self.bars[-1].end]

    def parts(self) -> Iterator[Part]:
        """The rectangles that stand for the counts."""
        statuses, top = self.statuses, self.top
        for number, bar in enumerate(self.bars):
            if bar.counts is None:
                yield Part("none", number + 0.08, 0, 0.84, 100)
                continue
            below = 0.0
            for status in statuses:
                height = 100 * bar.counts.get(status, 0) / top
                if height:
                    yield Part(status, number + 0.08, 100 - below - height, 0.84, height)
                below += height

    def data(self) -> dict[str, object]:
        """The same for a script: edges in seconds, a row of counts for each status."""
        edges = [bar.start.timestamp() for bar in self.bars]
        edges += [bar.end.timestamp() for bar in self.bars[-1:]]
        return {
            "edges": edges,
            "series": [
                {
                    "key": one.status,
                    "name": one.label,
                    "values": [bar.counts and bar.counts.get(one.status, 0) for bar in self.bars],
                }
                for one in reversed(self.series)
            ],
        }


def round_up(number: int) -> int:
    """The next number that reads well at the top of an axis."""
    if number <= 1:
        return 1
    size = 1
    while size * 10 <= number:
        size *= 10
    return next(
        step * size // 2
        for step in (2, 3, 4, 5, 6, 8, 10, 12, 16, 20)
        if step * size // 2 >= number
    )


def spark_lines(
    values: Sequence[float | None], *, height: float
) -> list[list[tuple[float, float]]]:
    """The corners of a small line, one list for each stretch that is known."""
    known = [value for value in values if value is not None]
    highest = max(known, default=0) or 1
    stretches: list[list[tuple[float, float]]] = [[]]
    for place, value in enumerate(values):
        if value is None:
            stretches.append([])
        else:
            stretches[-1].append((place + 0.5, round(height - height * value / highest, 2)))
    return [stretch for stretch in stretches if stretch]
