"""What a bench found: figures, the goals beside them, as a table and as JSON (pure)."""

import json
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value and, where it has one, the bound that it must keep."""

    name: str
    value: float
    unit: str = ""
    at_least: float | None = None
    at_most: float | None = None

    @property
    def has_goal(self) -> bool:
        return self.at_least is not None or self.at_most is not None

    @property
    def holds(self) -> bool:
        return (self.at_least is None or self.value >= self.at_least) and (
            self.at_most is None or self.value <= self.at_most
        )

    @property
    def bound(self) -> float | None:
        return self.at_least if self.at_least is not None else self.at_most

    @property
    def goal(self) -> str:
        return f"{self.name}, {'at least' if self.at_least is not None else 'at most'}"


@dataclass(frozen=True, slots=True)
class Report:
    """All figures of one run of a bench."""

    bench: str
    rows: int
    figures: tuple[Figure, ...]

    @property
    def holds(self) -> bool:
        return all(figure.holds for figure in self.figures)

    def as_json(self) -> str:
        goals = [
            {"goal": f.goal, "bound": f.bound, "measured": round(f.value, 3), "holds": f.holds}
            for f in self.figures
            if f.has_goal
        ]
        figures = {figure.name: round(figure.value, 3) for figure in self.figures}
        return json.dumps(
            {"name": self.bench, "rows": self.rows, "figures": figures, "goals": goals}
        )

    def as_table(self) -> str:
        lines = [("", "measured", "goal", "")]
        lines += [
            (figure.name, _shown(figure.value, figure.unit), _shown_goal(figure), _verdict(figure))
            for figure in self.figures
        ]
        return "\n".join([f"{self.bench}, {self.rows:,} rows", *_aligned(lines)])


def _verdict(figure: Figure) -> str:
    if not figure.has_goal:
        return ""
    return "holds" if figure.holds else "DOES NOT HOLD"


def _shown_goal(figure: Figure) -> str:
    if figure.bound is None:
        return ""
    sign = "≥" if figure.at_least is not None else "≤"
    return f"{sign} {_shown(figure.bound, figure.unit)}"


def _shown(value: float, unit: str) -> str:
    """With three digits that count, and all of those before the point."""
    digits = 0 if value == int(value) or abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f} {unit}".rstrip()


def _aligned(lines: list[tuple[str, str, str, str]]) -> Iterable[str]:
    widths = [max(len(line[column]) for line in lines) for column in range(3)]
    for name, value, goal, verdict in lines:
        shown = f"  {name:<{widths[0]}}  {value:>{widths[1]}}  {goal:>{widths[2]}}  {verdict}"
        yield shown.rstrip()
