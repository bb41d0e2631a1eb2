"""How long executions are kept: the tenant's days, and rules for one environment or one status.

Pure: from days and a moment to cutoffs. The most particular rule decides: one of the environment
and the status before one of the environment, that before one of the status, that before the
tenant's own days.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from executions.statuses import NormalizedStatus


@dataclass(frozen=True, slots=True)
class Rule:
    """Days for the executions of an environment (None: of all) with a status (empty: with any)."""

    days: int
    environment_id: UUID | None = None
    status: str = ""


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """A tenant's days, how many of the newest executions always stay, and the rules beside."""

    days: int
    min_kept: int = 0
    rules: tuple[Rule, ...] = ()

    def days_of(self, environment_id: UUID, status: str) -> int:
        """Days for one execution."""
        fitting = [
            rule
            for rule in self.rules
            if rule.environment_id in (None, environment_id) and rule.status in ("", status)
        ]
        chosen = max(fitting, key=_particularity, default=None)
        return chosen.days if chosen else self.days

    def cutoffs(self, environment_id: UUID, now: datetime) -> dict[str, datetime]:
        """By normalized status the moment before whose start an execution is too old."""
        return {
            status.value: now - timedelta(days=self.days_of(environment_id, status.value))
            for status in NormalizedStatus
        }

    def oldest_cutoff(self, environment_id: UUID, now: datetime) -> datetime:
        """Nothing of the environment that started before this is kept for its age."""
        return min(self.cutoffs(environment_id, now).values())


def _particularity(rule: Rule) -> tuple[bool, bool]:
    return rule.environment_id is not None, rule.status != ""


def statuses_by_cutoff(cutoffs: dict[str, datetime]) -> list[tuple[datetime, tuple[str, ...]]]:
    """Statuses that end at the same moment together, so that one statement deletes them."""
    moments = sorted(set(cutoffs.values()))
    return [(at, tuple(s for s, cutoff in cutoffs.items() if cutoff == at)) for at in moments]
