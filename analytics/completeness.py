"""What of a stretch of time was really seen, and as of when: no data is not zero."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from uuid import UUID

from analytics.periods import Bucket
from executions.coverage import Stretch, gaps
from executions.models import Environment

GAPS_SHOWN = 50
# Two syncs seldom meet to the second; less than this is no gap.
SHORTEST_GAP = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Gap:
    """Time of an environment that nobody looked at."""

    environment_id: UUID
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Seen:
    """One environment: what was listed, and up to when it is copied."""

    environment: Environment
    stretches: tuple[Stretch, ...]
    as_of: datetime | None

    def wanted(self, bucket: Bucket) -> Stretch:
        """What should have been seen by now; a paused environment misses what came since."""
        end = bucket.end
        if self.as_of is not None and not self.environment.is_paused:
            end = max(min(end, self.as_of), bucket.start)
        return Stretch(bucket.start, end)


@dataclass(frozen=True, slots=True)
class Completeness:
    """Of a stretch of time: the moment it was copied up to, the share seen, and the gaps."""

    as_of: datetime | None
    share: float | None
    gaps: tuple[Gap, ...]

    @property
    def is_complete(self) -> bool:
        return self.share is not None and not self.gaps


@dataclass(frozen=True)
class Ledger:
    """What was seen of some environments."""

    seen: tuple[Seen, ...]

    @cached_property
    def as_of(self) -> datetime | None:
        """Up to here every environment that is not paused is copied."""
        active = [one for one in self.seen if not one.environment.is_paused] or self.seen
        moments = [one.as_of for one in active]
        if not moments or any(moment is None for moment in moments):
            return None
        return min(moment for moment in moments if moment)

    def only(self, environment_id: UUID) -> "Ledger":
        """The part of one environment."""
        return Ledger(tuple(one for one in self.seen if one.environment.pk == environment_id))

    def of(self, bucket: Bucket) -> Completeness:
        """How complete a stretch of time is."""
        wanted, missing = timedelta(0), timedelta(0)
        found: list[Gap] = []
        for one in self.seen:
            stretch = one.wanted(bucket)
            wanted += stretch.to_at - stretch.from_at
            for gap in gaps(one.stretches, stretch):
                if gap.to_at - gap.from_at >= SHORTEST_GAP:
                    missing += gap.to_at - gap.from_at
                    found.append(Gap(one.environment.pk, gap.from_at, gap.to_at))
        share = 1 - missing / wanted if wanted else None
        found.sort(key=lambda gap: gap.start, reverse=True)
        return Completeness(self.as_of, share, tuple(found[:GAPS_SHOWN]))
