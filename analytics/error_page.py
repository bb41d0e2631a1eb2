"""What the page of one error shows beside what is known of its group."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection
from django.utils.http import urlencode

from analytics.error_forms import members_of
from analytics.group_actions import Limits, standing_groups
from analytics.group_detail import GroupDetail, group_detail
from analytics.group_rows import TrendPoint
from analytics.group_states import State
from analytics.models import ErrorGroup
from analytics.own_rules import draft_for, rule_with
from analytics.questions import Question
from executions.charts import round_up
from executions.error_rules import ErrorRule
from executions.grouping.masks import VALUE as VARIES
from tenants.models import Tenant

RUNS_SHOWN = 10
MOST_OFFERED = 10
MOST_MEMBERS = 200
LONGEST_LINE = 300
RESOLUTIONS = {"current_version": "in the current version", "next_version": "in the next version"}

NEWEST_RUNS = """
SELECT r.id, r.occurred_at, r.environment_id, r.workflow_id, r.workflow_name, r.error_node,
    left(r.error_message, %(longest)s)
FROM unnest(%(fingerprints)s::text[]) AS k (fingerprint)
CROSS JOIN LATERAL (
    SELECT * FROM executions r
    WHERE r.tenant_id = %(tenant)s AND r.fingerprint = k.fingerprint AND r.fingerprint <> ''
      AND r.occurred_at >= %(start)s AND r.occurred_at < %(end)s {conditions}
    ORDER BY r.occurred_at DESC LIMIT %(runs)s
) AS r
ORDER BY r.occurred_at DESC, r.id DESC LIMIT %(runs)s
"""


@dataclass(frozen=True, slots=True)
class FailedRun:
    """A run of the period that failed with it."""

    id: UUID
    occurred_at: datetime
    environment_id: UUID
    workflow_id: str
    workflow_name: str
    node: str
    message: str


@dataclass(frozen=True, slots=True)
class TrendBar:
    """A point of the trend in a box of the chart's points by 100."""

    point: TrendPoint
    x: float
    height: float

    @property
    def y(self) -> float:
        return 100 - self.height


@dataclass(frozen=True, slots=True)
class AffectedEnvironment:
    id: UUID
    name: str
    failures: int


@dataclass(frozen=True, slots=True)
class ErrorPage:
    """The parts of the page."""

    detail: GroupDetail
    runs: tuple[FailedRun, ...]
    members: tuple[str, ...]
    offered: tuple[ErrorGroup, ...]
    own_rule: ErrorRule | None

    @property
    def rule_draft(self) -> str:
        """The query of a form with a rule of the tenant's own for these failures."""
        name = self.detail.group.template.replace(VARIES, "…")
        # One that was cut does not tell how such messages end.
        whole = [run.message for run in self.runs if len(run.message) < LONGEST_LINE]
        return urlencode(draft_for(name, whole))

    @property
    def standing(self) -> str:
        """What the state alone does not say: until when, or in which version."""
        group = self.detail.group
        if group.state == State.ARCHIVED:
            limits = (group.archived_until, group.archived_until_count, group.archived_until_rate)
            return str(Limits(*limits))
        return RESOLUTIONS.get(group.resolved_in, "")

    @property
    def is_open(self) -> bool:
        return self.detail.group.state not in (State.RESOLVED, State.ARCHIVED)

    @property
    def top(self) -> int:
        return round_up(max((point.count for point in self.detail.row.trend), default=0))

    @property
    def bars(self) -> list[TrendBar]:
        return [
            TrendBar(point, number + 0.08, 100 * point.count / self.top)
            for number, point in enumerate(self.detail.row.trend)
        ]

    @property
    def environments(self) -> list[AffectedEnvironment]:
        """The one that failed most often first."""
        counts: dict[tuple[UUID, str], int] = {}
        for place in self.detail.row.places:
            key = (place.environment_id, place.environment_name)
            counts[key] = counts.get(key, 0) + place.failures
        found = [AffectedEnvironment(*key, count) for key, count in counts.items()]
        return sorted(found, key=lambda one: (-one.failures, one.name))


def error_page(tenant: Tenant, question: Question, group: ErrorGroup, other: str) -> ErrorPage:
    """All parts; ``other`` is the text to look for groups by that it can be merged into."""
    detail = group_detail(question, group, with_samples=False)
    return ErrorPage(
        detail=detail,
        runs=_newest_runs(question, detail.row.fingerprints),
        members=tuple(members_of(tenant).values_list("username", flat=True)[:MOST_MEMBERS]),
        offered=_offered(tenant, group, other) if other else (),
        own_rule=None if detail.rule_key else rule_with(tenant, group.fingerprint),
    )


def _offered(tenant: Tenant, group: ErrorGroup, text: str) -> tuple[ErrorGroup, ...]:
    others = standing_groups(tenant).exclude(pk=group.pk).filter(template__icontains=text)
    return tuple(others[:MOST_OFFERED])


def _newest_runs(question: Question, fingerprints: Sequence[str]) -> tuple[FailedRun, ...]:
    selection = question.selection
    parameters = {
        **selection.parameters(),
        "fingerprints": list(fingerprints),
        "start": question.span.start,
        "end": question.span.end,
        "runs": RUNS_SHOWN,
        "longest": LONGEST_LINE,
    }
    with connection.cursor() as cursor:
        cursor.execute(NEWEST_RUNS.format(conditions=selection.conditions()), parameters)
        return tuple(FailedRun(*row) for row in cursor.fetchall())
