"""How each environment stands and did in a period, in a constant number of queries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from analytics.completeness import Completeness
from analytics.kpis import Figures, figures_of
from analytics.measures import Measures
from analytics.periods import floor_hour
from analytics.questions import Question
from analytics.reading import read_environments
from executions.states import EnvironmentState

# Looks are noted by whole hours; a workflow that is archived or gone is none of today's.
VITALS = """
SELECT e.id, p.uptime, w.active, w.every
FROM unnest(%(environments)s::uuid[]) AS e (id)
CROSS JOIN LATERAL (
    SELECT round(sum(answers)::numeric / nullif(sum(looks), 0), 6)::float8 AS uptime
    FROM analytics_pulse
    WHERE tenant_id = %(tenant)s AND environment_id = e.id
      AND begins_at >= %(start)s AND begins_at < %(end)s
) AS p
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE is_active) AS active, count(*) AS every
    FROM executions_workflow
    WHERE tenant_id = %(tenant)s AND environment_id = e.id
      AND gone_at IS NULL AND NOT is_archived
) AS w
"""


@dataclass(frozen=True, slots=True)
class Vitals:
    """The share of looks that n8n had answered, None without a look, and how many workflows."""

    uptime: float | None = None
    active_workflows: int = 0
    all_workflows: int = 0


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
    question: Question,
    states: Sequence[EnvironmentState],
    measured: Mapping[UUID, Measures] | None = None,
    *,
    with_vitals: bool = True,
) -> list[EnvironmentRow]:
    """The selected environments by name, in two queries; one less where they are measured, and
    one less where nobody asks for what only vitals say.
    """
    if measured is None:
        of_span = read_environments(question.selection, [(0, question.span)])
        measured = {environment_id: found[0] for environment_id, found in of_span.items()}
    vitals = _vitals(question) if with_vitals else {}
    return [
        _row(
            question,
            state,
            measured.get(state.environment.pk, Measures()),
            vitals.get(state.environment.pk, Vitals()),
        )
        for state in states
    ]


def _row(
    question: Question,
    state: EnvironmentState,
    measures: Measures,
    vitals: Vitals,
) -> EnvironmentRow:
    own = question.ledger.only(state.environment.pk)
    lag = timezone.now() - state.as_of if state.as_of else None
    return EnvironmentRow(
        state=state,
        figures=figures_of(measures),
        uptime=vitals.uptime,
        lag_seconds=None if lag is None else max(round(lag.total_seconds()), 0),
        active_workflows=vitals.active_workflows,
        all_workflows=vitals.all_workflows,
        completeness=own.of(question.span),
        strip=tuple(
            StripPart(bucket.start, bucket.end, own.of(bucket).share) for bucket in question.buckets
        ),
    )


def _vitals(question: Question) -> dict[UUID, Vitals]:
    parameters: dict[str, Any] = {
        "tenant": question.selection.tenant_id,
        "environments": [environment.pk for environment in question.environments],
        "start": floor_hour(question.span.start),
        "end": question.span.end,
    }
    with connection.cursor() as cursor:
        cursor.execute(VITALS, parameters)
        return {row[0]: Vitals(*row[1:]) for row in cursor.fetchall()}
