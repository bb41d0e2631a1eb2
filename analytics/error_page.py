"""What the page of one error shows beside what is known of its group."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.utils.http import urlencode

from analytics.error_forms import members_of
from analytics.group_actions import Limits, standing_groups
from analytics.group_detail import GroupDetail, group_detail
from analytics.group_rows import TrendPoint
from analytics.group_states import State
from analytics.models import ErrorGroup
from analytics.own_rules import draft_for
from analytics.questions import Question
from executions.charts import Bar, RunsChart
from executions.grouping.masks import VALUE as VARIES
from executions.statuses import NormalizedStatus
from tenants.models import Tenant

RUNS_SHOWN = 10
MOST_OFFERED = 10
MOST_MEMBERS = 200
RESOLUTIONS = {"current_version": "in the current version", "next_version": "in the next version"}


@dataclass(frozen=True, slots=True)
class AffectedEnvironment:
    id: UUID
    name: str
    failures: int


@dataclass(frozen=True, slots=True)
class ErrorPage:
    """The parts of the page."""

    detail: GroupDetail
    chart: RunsChart
    members: tuple[str, ...]
    offered: tuple[ErrorGroup, ...]

    @property
    def rule_draft(self) -> str:
        """The query of a form with a rule of the tenant's own for these failures."""
        name = self.detail.group.template.replace(VARIES, "…")
        # One that was cut does not tell how such messages end.
        whole = [run.message for run in self.detail.newest_runs if run.is_whole]
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
    detail = group_detail(question, group, with_samples=False, newest_runs=RUNS_SHOWN)
    return ErrorPage(
        detail=detail,
        chart=_chart(question, detail.row.trend),
        members=tuple(members_of(tenant).values_list("username", flat=True)[:MOST_MEMBERS]),
        offered=_offered(tenant, group, other) if other else (),
    )


def _chart(question: Question, trend: Sequence[TrendPoint]) -> RunsChart:
    """The failures over time; where nobody looked and none is known, blank."""
    return RunsChart(
        tuple(
            Bar(point.start, point.end, {"error": point.count} if is_known else None)
            for point in trend
            for is_known in [point.count or question.ledger.of(point).share != 0]
        ),
        always=(NormalizedStatus.ERROR,),
        noun="failure",
    )


def _offered(tenant: Tenant, group: ErrorGroup, text: str) -> tuple[ErrorGroup, ...]:
    others = standing_groups(tenant).exclude(pk=group.pk).filter(template__icontains=text)
    return tuple(others[:MOST_OFFERED])
