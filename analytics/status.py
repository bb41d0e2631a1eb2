"""The tenant's state in one sentence, and what to look at, the most needed first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import urlencode
from uuid import UUID

from django.urls import reverse
from django.utils import timezone

from analytics.grounds import Sums
from analytics.kpis import Kpis
from analytics.materialized import late_views
from analytics.questions import Question
from analytics.stuck import StuckKind, StuckRun
from analytics.workflow_table import WorkflowRow
from executions.models import Health
from executions.states import EnvironmentState
from tenants.models import Role, Tenant

# A drop of the success rate by so many points is worth a look; by so many it is an emergency.
NOTABLE_DROP, GRAVE_DROP = 0.05, 0.2
RISKY_WORKFLOWS = 3
# Below this lower bound of failures to be expected a workflow is no news.
LEAST_RISK = 1.0
RUNS_THAT_ARE_MISSED = 50
ROLLUPS_LATE_AFTER = timedelta(minutes=5)


class Severity(StrEnum):
    """How much an insight needs somebody."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"

    @property
    def rank(self) -> int:
        return list(Severity).index(self)


@dataclass(frozen=True, slots=True)
class Insight:
    """One thing to look at, in a sentence, with the page that shows it."""

    severity: Severity
    kind: str
    sentence: str
    link: str
    environment_id: UUID | None = None
    workflow_id: str = ""


@dataclass(frozen=True, slots=True)
class Status:
    """The verdict, its sentence and what it rests on."""

    verdict: str
    sentence: str
    insights: tuple[Insight, ...]
    as_of: datetime | None


def status_of(
    tenant: Tenant,
    question: Question,
    kpis: Kpis,
    states: Sequence[EnvironmentState],
    risky: Sequence[WorkflowRow],
    stuck: Sequence[StuckRun],
    role: Role,
) -> Status:
    """The state that these findings amount to; operators' in one query, others' in none."""
    insights = sorted(
        (
            *_of_environments(tenant, states, role),
            *_of_course(tenant, kpis),
            *_of_workflows(tenant, kpis, risky),
            *_of_stuck(tenant, stuck),
            *_of_coverage(tenant, kpis, states),
            *_of_sums(tenant, question.grounds.sums),
            *(_of_views(tenant) if role.includes(Role.OPERATOR) else ()),
        ),
        key=lambda insight: insight.severity.rank,
    )
    return Status(
        verdict=_verdict(insights, states),
        sentence=_sentence(insights, kpis, states),
        insights=tuple(insights),
        as_of=kpis.completeness.as_of,
    )


def _verdict(insights: Sequence[Insight], states: Sequence[EnvironmentState]) -> str:
    if not states:
        return "empty"
    worst = insights[0].severity if insights else Severity.INFO
    return {Severity.CRITICAL: "critical", Severity.WARNING: "attention"}.get(worst, "healthy")


def _sentence(insights: Sequence[Insight], kpis: Kpis, states: Sequence[EnvironmentState]) -> str:
    if not states:
        return "No n8n is connected yet."
    runs = _runs_in_words(kpis)
    needed = [one for one in insights if one.severity is not Severity.INFO]
    if not needed:
        return f"All is well: {runs} in this period."
    more = f" and {len(needed) - 1} more to look at" if len(needed) > 1 else ""
    return f"{needed[0].sentence.removesuffix('.')}{more}; {runs} in this period."


def _runs_in_words(kpis: Kpis) -> str:
    figures = kpis.figures
    if not figures.total_executions:
        return "no runs"
    runs = f"{figures.total_executions:,} {'run' if figures.total_executions == 1 else 'runs'}"
    if figures.success_rate is None:
        return f"{runs}, none of them ended"
    return f"{runs}, {figures.success_rate:.1%} of the ended ones succeeded"


def _of_environments(
    tenant: Tenant, states: Sequence[EnvironmentState], role: Role
) -> Iterator[Insight]:
    if not states:
        may_connect = role.includes(Role.ADMIN)
        page = "executions:connect" if may_connect else "analytics:environments"
        yield Insight(
            Severity.INFO,
            "no_environment",
            "Connect your first n8n to see what it does."
            if may_connect
            else "No n8n is connected yet; an admin of this tenant can connect one.",
            reverse(page, kwargs={"tenant_slug": tenant.slug}),
        )
    for state in states:
        if state.environment.is_paused or state.health == Health.REACHABLE:
            continue
        severity = {"bad": Severity.CRITICAL, "warn": Severity.WARNING}.get(
            state.tone, Severity.INFO
        )
        reason = f" {state.reason}" if state.reason else ""
        yield Insight(
            severity,
            f"environment_{state.health.value}",
            f"{state.environment.name}: {state.health.label.lower()}.{reason}",
            _environment_page(tenant, state.environment.pk),
            environment_id=state.environment.pk,
        )


def _of_course(tenant: Tenant, kpis: Kpis) -> Iterator[Insight]:
    rate, total = kpis.deltas["success_rate"], kpis.deltas["total_executions"]
    if rate.is_meaningful and rate.change is not None and rate.change <= -NOTABLE_DROP:
        severity = Severity.CRITICAL if rate.change <= -GRAVE_DROP else Severity.WARNING
        yield Insight(
            severity,
            "success_rate_dropped",
            f"The success rate fell from {rate.previous or 0:.1%} to"
            f" {kpis.figures.success_rate or 0:.1%}.",
            _list_page(tenant, kpis, status="error"),
        )
    before = int(total.previous or 0)
    seen = kpis.completeness.is_complete and kpis.previous_completeness.is_complete
    if seen and not kpis.figures.total_executions and before >= RUNS_THAT_ARE_MISSED:
        yield Insight(
            Severity.WARNING,
            "silence",
            f"Nothing ran, although there were {before:,} runs in the period before.",
            _list_page(tenant, kpis),
        )


def _of_workflows(tenant: Tenant, kpis: Kpis, risky: Sequence[WorkflowRow]) -> Iterator[Insight]:
    for row in risky[:RISKY_WORKFLOWS]:
        if row.risk < LEAST_RISK:
            continue
        ended = row.success_count + row.failure_count
        yield Insight(
            Severity.WARNING if row.criticality <= 1 else Severity.CRITICAL,
            "workflow_fails",
            f"{row.workflow_name} ({row.environment_name}) failed in {row.failure_count:,} of"
            f" {ended:,} runs.",
            _list_page(
                tenant,
                kpis,
                environment=str(row.environment_id),
                workflow=row.workflow_id,
                status="error",
            ),
            environment_id=row.environment_id,
            workflow_id=row.workflow_id,
        )


def _of_stuck(tenant: Tenant, stuck: Sequence[StuckRun]) -> Iterator[Insight]:
    what = {
        StuckKind.TOO_LONG: "running far longer than usual",
        StuckKind.NOT_STARTED: "queued and not started",
        StuckKind.OVERDUE: "waiting past its time",
    }
    for kind, words in what.items():
        runs = [run for run in stuck if run.kind is kind]
        if runs:
            name = runs[0].execution.workflow_name or runs[0].execution.workflow_id
            yield Insight(
                Severity.WARNING,
                f"stuck_{kind.value}",
                f"{len(runs):,} {'run is' if len(runs) == 1 else 'runs are'} {words},"
                f" longest {name}.",
                _execution_page(tenant, runs[0].execution.pk),
                environment_id=runs[0].execution.environment_id,
                workflow_id=runs[0].execution.workflow_id,
            )


def _of_coverage(
    tenant: Tenant, kpis: Kpis, states: Sequence[EnvironmentState]
) -> Iterator[Insight]:
    share = kpis.completeness.share
    if not states or share is None or kpis.completeness.is_complete:
        return
    worst = kpis.completeness.gaps[0]
    yield Insight(
        Severity.INFO,
        "coverage_gap",
        f"{share:.1%} of this period was seen; numbers may be too low.",
        _environment_page(tenant, worst.environment_id),
        environment_id=worst.environment_id,
    )


def _of_sums(tenant: Tenant, sums: Sequence[Sums]) -> Iterator[Insight]:
    """Whether our own sums are late or were found wrong."""
    page = reverse("analytics:environments", kwargs={"tenant_slug": tenant.slug})
    for one in sums:
        if one.difference:
            yield Insight(
                Severity.INFO,
                "rollups_differed",
                one.difference,
                _environment_page(tenant, one.environment_id),
                environment_id=one.environment_id,
            )
    waiting = sum(one.waiting_hours for one in sums)
    refreshed = max((one.refreshed_at for one in sums if one.refreshed_at), default=None)
    late = refreshed is None or timezone.now() - refreshed > ROLLUPS_LATE_AFTER
    if waiting and late:
        yield Insight(
            Severity.INFO,
            "rollups_late",
            f"{waiting:,} hours wait to be added up; answers are right, but slower.",
            page,
        )


def _of_views(tenant: Tenant) -> Iterator[Insight]:
    """Whether what BI tools read is late; why it is says the admin, since it is no tenant's."""
    for late in late_views():
        since = f"{late.as_of:%Y-%m-%d %H:%M} UTC" if late.as_of else "the installation"
        yield Insight(
            Severity.WARNING,
            "view_late",
            f"What BI tools read of {late.subject} is as of {since}: it was not refreshed since.",
            reverse("analytics:environments", kwargs={"tenant_slug": tenant.slug}),
        )


def _environment_page(tenant: Tenant, pk: UUID) -> str:
    return reverse("executions:environment", kwargs={"tenant_slug": tenant.slug, "pk": pk})


def _execution_page(tenant: Tenant, pk: UUID) -> str:
    return reverse("executions:detail", kwargs={"tenant_slug": tenant.slug, "pk": pk})


def _list_page(tenant: Tenant, kpis: Kpis, **chosen: str) -> str:
    page = reverse("executions:list", kwargs={"tenant_slug": tenant.slug})
    query = {
        "environment": list(map(str, kpis.selection.environments)),
        "workflow": kpis.selection.workflows,
        "tag": kpis.selection.tags,
        "mode": kpis.selection.modes,
        **chosen,
        "started_after": kpis.span.start.isoformat(),
        "started_before": kpis.span.end.isoformat(),
    }
    return f"{page}?{urlencode(query, doseq=True)}"
