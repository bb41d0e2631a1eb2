"""What the life of a stand-in n8n is made of: plans of workflows, rhythms and incidents."""

from dataclasses import dataclass, field
from enum import Enum

from executions.n8n.fake_workflows import (
    CALLED,
    ON_ERROR,
    SCHEDULE,
    WEBHOOK,
    FakeNode,
    stable_id,
)

HANDLER = "Alerts: tell the on-call channel"


class Rhythm(Enum):
    """How busy the hours of a week are."""

    ALWAYS = "always"
    OFFICE = "office"
    SHOP = "shop"

    def weight(self, weekday: int, hour: int) -> float:
        """How much of the average happens in this hour; about one over a week."""
        if self is Rhythm.ALWAYS:
            return 1.0
        if self is Rhythm.OFFICE:
            by_day = 1.35 if weekday < 5 else 0.12
            return by_day * (2.0 if 8 <= hour < 18 else 0.6 if 6 <= hour < 21 else 0.1)
        by_day = 1.15 if weekday >= 5 else 0.95
        return by_day * (1.6 if 9 <= hour < 22 else 0.35 if hour >= 6 else 0.12)


@dataclass(frozen=True, slots=True)
class Plan:
    """One workflow: `per_day` runs at random, or one `every` so many minutes, from `at` on.

    Durations are lognormal around `typical_ms`. `fails` is the share of runs that fail, each in
    one of the ways of `errors`.
    """

    name: str
    per_day: float = 0.0
    every: int = 0
    at: int = 0
    weekdays_only: bool = False
    rhythm: Rhythm = Rhythm.ALWAYS
    typical_ms: int = 900
    spread: float = 0.6
    fails: float = 0.0
    errors: tuple[str, ...] = ()
    waits: float = 0.0
    calls: str = ""
    days_live: float = 1_000.0
    saves_success: bool = True
    is_archived: bool = False
    tags: tuple[str, ...] = ("production",)
    steps: tuple[FakeNode, ...] = field(default=())

    @property
    def is_called(self) -> bool:
        return not self.per_day and not self.every

    def nodes(self) -> tuple[FakeNode, ...]:
        return (self._trigger(), *self.steps)

    def _trigger(self) -> FakeNode:
        if self.name == HANDLER:
            return FakeNode("On error", ON_ERROR)
        if self.every:
            return FakeNode("Schedule", SCHEDULE, {"rule": {"interval": [self._interval()]}})
        if self.per_day:
            path = "-".join(self.name.lower().replace(":", "").split())
            return FakeNode("Webhook", WEBHOOK, {"httpMethod": "POST", "path": path})
        return FakeNode("When called", CALLED)

    def _interval(self) -> dict[str, object]:
        if self.every < 60:
            return {"field": "minutes", "minutesInterval": self.every}
        if self.every < 1_440:
            return {"field": "hours", "hoursInterval": self.every // 60}
        days = "1-5" if self.weekdays_only else "*"
        expression = f"{self.at % 60} {self.at // 60} * * {days}"
        return {"field": "cronExpression", "expression": expression}

    def settings(self) -> dict[str, object]:
        found: dict[str, object] = {"timezone": "Europe/Berlin"}
        if self.name != HANDLER:
            found["errorWorkflow"] = stable_id(HANDLER)
        if not self.saves_success:
            found["saveDataSuccessExecution"] = "none"
        return found


@dataclass(frozen=True, slots=True)
class Incident:
    """A time in which something that several workflows need was out of order; hours ago."""

    begins: float
    ends: float
    workflows: tuple[str, ...]
    error: str
    share: float = 0.9
