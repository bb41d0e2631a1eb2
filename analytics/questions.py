"""What one request asks, with what every part of its answer needs to know."""

from collections.abc import Sequence
from dataclasses import dataclass

from analytics.completeness import Ledger
from analytics.grounds import Grounds, grounds_of
from analytics.periods import Bucket, Period
from analytics.selection import Horizon, Selection
from executions.models import Environment


@dataclass(frozen=True, slots=True)
class Question:
    """A selection and a period; the buckets are those that can be counted."""

    selection: Selection
    period: Period
    environments: Sequence[Environment]
    grounds: Grounds
    ledger: Ledger
    buckets: tuple[Bucket, ...]
    previous: Bucket

    @property
    def horizon(self) -> Horizon:
        return self.grounds.horizon

    @property
    def span(self) -> Bucket:
        return Bucket(self.buckets[0].start, self.buckets[-1].end)

    @property
    def is_complete(self) -> bool:
        """Whether all of the period and of the one before was seen."""
        return self.ledger.of(self.span).is_complete and self.ledger.of(self.previous).is_complete


def question_of(
    selection: Selection, period: Period, environments: Sequence[Environment]
) -> Question:
    """The question, in one query; ``environments`` are those of the selection."""
    before = period.previous()
    grounds = grounds_of(selection.tenant_id, environments, since=before.start)
    (previous,) = grounds.horizon.cut([Bucket(before.start, before.end)])
    return Question(
        selection=selection,
        period=period,
        environments=environments,
        grounds=grounds,
        ledger=grounds.ledger,
        buckets=tuple(grounds.horizon.cut(period.buckets())),
        previous=previous,
    )
