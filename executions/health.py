"""What the last contact says of an environment, and when it is tried again."""

import random
from datetime import datetime, timedelta

from django.conf import settings

from executions.models import Environment, Health, SyncState
from executions.n8n.errors import N8nError
from tenants.realtime import Notice, publish_notice

# After so many failures in a row the environment is only probed until it answers again.
PROBE_AFTER = 10
PROBE_EVERY = timedelta(minutes=1)
# A refused key stays refused until somebody acts; asking often could lock an account.
REFUSED_EVERY = timedelta(minutes=5)
LONGEST_WAIT = timedelta(minutes=15)

HEALTH_OF_REASON = {
    "key_rejected": Health.KEY_REJECTED,
    "scope_missing": Health.SCOPE_MISSING,
    "rate_limited": Health.RATE_LIMITED,
    "not_n8n": Health.NOT_N8N,
    "wrong_path": Health.NOT_N8N,
    "redirected": Health.NOT_N8N,
    "bad_response": Health.NOT_N8N,
}
# Not so a page that is none of n8n's: that is what an n8n answers with while it starts.
REFUSALS = frozenset({Health.KEY_REJECTED, Health.SCOPE_MISSING})


def health_of(error: N8nError) -> Health:
    """The state that a fault of n8n's puts an environment in (pure)."""
    return HEALTH_OF_REASON.get(error.reason, Health.UNREACHABLE)


def wait_after(health: Health, failures: int, retry_after: timedelta | None) -> timedelta:
    """How long until the next try, before jitter: doubling, then a steady probe."""
    pause = timedelta(seconds=settings.SYNC_SECONDS)
    if retry_after is not None:
        return min(max(retry_after, timedelta(seconds=1)), LONGEST_WAIT)
    if health in REFUSALS:
        return REFUSED_EVERY
    if failures >= PROBE_AFTER:
        return PROBE_EVERY
    doubled: timedelta = pause * 2 ** max(failures - 1, 0)
    return min(doubled, max(pause, PROBE_EVERY))


def jittered(wait: timedelta) -> timedelta:
    """Within a tenth of the wait, so that environments do not fall into step."""
    return timedelta(seconds=wait.total_seconds() * random.uniform(0.9, 1.1))


def set_health(environment: Environment, health: Health, reason: str, now: datetime) -> None:
    """Save the state and its reason; the moment only where the state changed."""
    if environment.health != health:
        environment.health_since = now
        publish_notice(environment.tenant_id, Notice.ENVIRONMENT, environment.pk)
    environment.health, environment.health_reason = health, reason
    environment.contacted_at = now
    environment.save(
        update_fields=[
            "health",
            "health_reason",
            "health_since",
            "contacted_at",
            "latency_ms",
            "clock_skew_ms",
        ]
    )


def note_success(environment: Environment, state: SyncState, now: datetime) -> None:
    """A turn came through: next one after the usual pause."""
    state.failures = 0
    state.due_at = now + jittered(timedelta(seconds=settings.SYNC_SECONDS))
    state.save(update_fields=["failures", "due_at"])
    set_health(environment, Health.REACHABLE, "", now)


def note_failure(
    environment: Environment,
    state: SyncState,
    *,
    health: Health,
    reason: str,
    retry_after: timedelta | None,
    now: datetime,
) -> None:
    """A turn failed: say why, and try again later and later."""
    state.failures += 1
    state.due_at = now + jittered(wait_after(health, state.failures, retry_after))
    state.save(update_fields=["failures", "due_at"])
    set_health(environment, health, reason, now)
