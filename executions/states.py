"""How the copying of each environment stands, for pages and the API."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from executions.models import Environment, Health, SyncRun, SyncState
from executions.progress import Progress, progress_of
from tenants.models import Tenant

# So many missed turns make an environment late.
TURNS_UNTIL_BEHIND = 6
TONES = {
    Health.REACHABLE: "good",
    Health.UNKNOWN: "busy",
    Health.BEHIND: "warn",
    Health.RATE_LIMITED: "warn",
}
ADVICE = {
    Health.KEY_REJECTED: "Give it another API key.",
    Health.SCOPE_MISSING: "Give it an API key with all four scopes.",
    Health.KEY_UNREADABLE: "Give it its API key again, or Observatory its former encryption key.",
    Health.NOT_N8N: "Check the address and what stands between Observatory and n8n.",
}


@dataclass(frozen=True, slots=True)
class EnvironmentState:
    """An environment, its verdict with the reason, and what its sync does now."""

    environment: Environment
    sync: SyncState | None
    health: Health
    reason: str
    run: SyncRun | None
    progress: Progress | None
    next_step: str

    @property
    def tone(self) -> str:
        return TONES.get(self.health, "bad")

    @property
    def label(self) -> str:
        return "Paused" if self.environment.is_paused else str(self.health.label)

    @property
    def as_of(self) -> datetime | None:
        """The moment up to which everything that n8n lists has been copied."""
        return self.sync.synced_at if self.sync else None


def states_of(
    tenant: Tenant, environments: Iterable[Environment] | None = None
) -> list[EnvironmentState]:
    """The given environments, or all of the tenant's by name; in two queries, or three."""
    if environments is None:
        environments = Environment.objects.for_tenant(tenant).order_by("name")
    syncs = {sync.environment_id: sync for sync in SyncState.objects.for_tenant(tenant)}
    open_runs: dict[UUID, SyncRun] = {}
    runs = SyncRun.objects.for_tenant(tenant).filter(state__in=SyncRun.OPEN)
    # The walk that reaches furthest back is the one whose progress people ask for.
    for run in runs.order_by("kind", "created_at"):
        open_runs[run.environment_id] = run
    now = timezone.now()
    return [
        _state(environment, syncs.get(environment.pk), open_runs.get(environment.pk), now)
        for environment in environments
    ]


def _state(
    environment: Environment, sync: SyncState | None, run: SyncRun | None, now: datetime
) -> EnvironmentState:
    health, reason = verdict(environment, sync, now)
    return EnvironmentState(
        environment=environment,
        sync=sync,
        health=health,
        reason=reason,
        run=run,
        progress=progress_of(run) if run else None,
        next_step=next_step(environment, sync, now),
    )


def verdict(environment: Environment, sync: SyncState | None, now: datetime) -> tuple[Health, str]:
    """The state that people should know of, with its reason (pure)."""
    if sync is not None and sync.quarantined_at is not None:
        return Health.QUARANTINED, sync.quarantine_reason
    health = Health(environment.health)
    if health != Health.REACHABLE or sync is None or sync.synced_at is None:
        return health, environment.health_reason
    allowed = timedelta(seconds=settings.SYNC_SECONDS * TURNS_UNTIL_BEHIND)
    lag = now - sync.synced_at
    if lag > allowed and not environment.is_paused:
        minutes = round(lag.total_seconds() / 60)
        return Health.BEHIND, f"The last complete sync began {minutes} minutes ago."
    return health, environment.health_reason


def next_step(environment: Environment, sync: SyncState | None, now: datetime) -> str:
    """What happens next where not all is well, and who has to act (pure); empty otherwise."""
    if environment.is_paused:
        return "It is left alone until somebody resumes it."
    if sync is None:
        return ""
    if sync.quarantined_at is not None:
        return "It is left alone until somebody releases it; what was copied stays."
    if sync.failures == 0:
        return ""
    advice = ADVICE.get(Health(environment.health), "What was copied stays, and it goes on there.")
    return f"{advice} It is tried again {_when(sync.due_at, now)}."


def _when(due_at: datetime, now: datetime) -> str:
    seconds = (due_at - now).total_seconds()
    if seconds < 10:
        return "within seconds"
    return f"in {round(seconds)} s" if seconds < 90 else f"in {round(seconds / 60)} min"
