"""What becomes of an error group, by itself and by people (pure).

A new group is one that nobody has known for long; after a week it is ongoing. What people resolve
comes back as regressed when it fails again, unless only an old version of a workflow failed. What
they archive comes back as ongoing when the time is over, when it failed often enough, or when it
fails too fast.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

# So long a group is new, and a returned one regressed.
FRESH = timedelta(days=7)


class State(StrEnum):
    """How a group stands."""

    NEW = "new"
    ONGOING = "ongoing"
    RESOLVED = "resolved"
    REGRESSED = "regressed"
    ARCHIVED = "archived"


OPEN = frozenset({State.NEW, State.ONGOING, State.REGRESSED})


class ResolvedIn(StrEnum):
    """What a resolution is about."""

    NOW = "now"
    CURRENT = "current_version"
    NEXT = "next_version"


@dataclass(frozen=True, slots=True)
class Standing:
    """What is stored of a group's state; limits are those of an archived one."""

    state: State
    since: datetime
    first_seen_at: datetime
    old_versions: Collection[str] = ()
    until: datetime | None = None
    until_count: int | None = None
    until_rate: int | None = None


@dataclass(frozen=True, slots=True)
class Failures:
    """What happened since: how often, how often in the last hour, and in which versions."""

    count: int = 0
    in_last_hour: int = 0
    versions: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """The state that follows, and why in words."""

    state: State
    reason: str


def change_of(standing: Standing, failures: Failures, now: datetime) -> Change | None:
    """What becomes of the group by itself; None where it stays as it is."""
    match standing.state:
        case State.NEW if now - standing.first_seen_at >= FRESH:
            return Change(State.ONGOING, "It is known for a week.")
        case State.REGRESSED if now - standing.since >= FRESH:
            return Change(State.ONGOING, "It came back a week ago.")
        case State.RESOLVED:
            return _regression(standing, failures)
        case State.ARCHIVED:
            return _return(standing, failures, now)
    return None


def _regression(standing: Standing, failures: Failures) -> Change | None:
    """A failure counts unless its version is one that was left behind when this was resolved."""
    fresh = [version for version in failures.versions if version not in standing.old_versions]
    if not fresh:
        return None
    if standing.old_versions and any(fresh):
        version = next(version for version in fresh if version)
        return Change(State.REGRESSED, f"It failed in version {version} after it was resolved.")
    return Change(State.REGRESSED, "It failed again after it was resolved.")


def _return(standing: Standing, failures: Failures, now: datetime) -> Change | None:
    if standing.until is not None and now >= standing.until:
        return Change(State.ONGOING, "The time that it was archived for is over.")
    if standing.until_count is not None and failures.count >= standing.until_count:
        return Change(State.ONGOING, f"It failed {standing.until_count} more times.")
    if standing.until_rate is not None and failures.in_last_hour >= standing.until_rate:
        return Change(State.ONGOING, f"It failed {standing.until_rate} times within an hour.")
    return None


def old_versions(
    resolved_in: ResolvedIn, failed: Collection[str], current: Collection[str]
) -> list[str]:
    """The versions whose later failures tell nothing new, where a version is named at all.

    ``failed`` are the versions that have failed, ``current`` those that the workflows have now.
    """
    match resolved_in:
        case ResolvedIn.NOW:
            return []
        case ResolvedIn.CURRENT:
            return sorted(set(failed) - set(current) - {""})
        case ResolvedIn.NEXT:
            return sorted({*failed, *current} - {""})
