"""How each environment stands and did in a period, in a constant number of queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count, Q
from django.utils import timezone

from analytics.completeness import Completeness
from analytics.kpis import Figures, figures_of
from analytics.measures import Measures
from analytics.questions import Question
from analytics.reading import read_environments
from analytics.selection import Selection
from analytics.uptime import uptimes
from executions.models import Workflow
from executions.states import EnvironmentState


@dataclass(frozen=True, slots=True)
class StripPart:
    """A bucket of the coverage strip."""

    start: datetime
    end: datetime
    share: float | None


@dataclass(frozen=True, slots=True)
class EnvironmentRow:
    """An environment with its verdict, its numbers and what of it was seen."""

    state: EnvironmentState
    figures: Figures
    uptime: float | None
    lag_seconds: int | None
    active_workflows: int
    all_workflows: int
    completeness: Completeness
    strip: tuple[StripPart, ...]


def environment_rows(
    question: Question, states: Sequence[EnvironmentState]
) -> list[EnvironmentRow]:
    """The selected environments by name, in three queries."""
    selection = question.selection
    measured = read_environments(selection, [(0, question.span)])
    up = uptimes(selection.tenant_id, question.span)
    workflows = _workflow_counts(selection)
    return [
        _row(
            question,
            state,
            measured.get(state.environment.pk, {}).get(0, Measures()),
            up.get(state.environment.pk),
            workflows.get(state.environment.pk, (0, 0)),
        )
        for state in states
        if not selection.environments or state.environment.pk in selection.environments
    ]


def _row(
    question: Question,
    state: EnvironmentState,
    measures: Measures,
    uptime: float | None,
    workflows: tuple[int, int],
) -> EnvironmentRow:
    own = question.ledger.only(state.environment.pk)
    lag = timezone.now() - state.as_of if state.as_of else None
    return EnvironmentRow(
        state=state,
        figures=figures_of(measures),
        uptime=None if uptime is None else round(uptime, 6),
        lag_seconds=None if lag is None else max(round(lag.total_seconds()), 0),
        active_workflows=workflows[0],
        all_workflows=workflows[1],
        completeness=own.of(question.span),
        strip=tuple(
            StripPart(bucket.start, bucket.end, own.of(bucket).share) for bucket in question.buckets
        ),
    )


def _workflow_counts(selection: Selection) -> dict[UUID, tuple[int, int]]:
    rows = (
        Workflow.objects.for_tenant(selection.tenant_id)
        .filter(gone_at=None, is_archived=False)
        .order_by()
        .values_list("environment_id")
        .annotate(active=Count("pk", filter=Q(is_active=True)), every=Count("pk"))
    )
    return {environment_id: (active, every) for environment_id, active, every in rows}
