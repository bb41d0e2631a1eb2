"""Whether the copies are fresh and their sums right."""

from collections.abc import Iterator
from datetime import timedelta

from django.utils import timezone

from analytics.materialized import late_views
from analytics.models import RollupState
from executions.models import Environment, Health, RetentionRun, SyncState
from executions.states import verdict
from observatory.doctor.findings import Finding, Level, ok, warning
from tenants.scope import operator_scope

LARGEST_SKEW = timedelta(minutes=1)
CURES = {
    Health.QUARANTINED: "Look at its page for the reason and release it there.",
    Health.KEY_REJECTED: "Make a new API key in n8n and enter it on its page.",
    Health.KEY_UNREADABLE: "Add the lost key to OBSERVATORY_ENCRYPTION_KEYS, or enter it again.",
    Health.SCOPE_MISSING: "Give the API key the scopes that its page names.",
    Health.NOT_N8N: "Correct the address on its page.",
    Health.BEHIND: "See the queue sync: more workers, or a slow n8n.",
}


def environments() -> Iterator[Finding]:
    now = timezone.now()
    with operator_scope():
        syncs = {sync.environment_id: sync for sync in SyncState.objects.all()}
        rows = list(Environment.objects.select_related("tenant").order_by("tenant__slug", "name"))
    well = 0
    for row in rows:
        name = f"{row.tenant.slug} / {row.name}"
        health, reason = verdict(row, syncs.get(row.pk), now)
        if row.is_paused or health in (Health.REACHABLE, Health.UNKNOWN):
            well += 1
        else:
            cure = CURES.get(health, "See that n8n runs and can be reached from here.")
            yield warning(name, f"{health.label}. {reason}".strip(), cure)
        skew = timedelta(milliseconds=row.clock_skew_ms or 0)
        if abs(skew) > LARGEST_SKEW:
            seen = f"Its clock differs by {skew.total_seconds():+,.0f} s."
            yield warning(name, seen, "Keep n8n's machine in time with NTP.")
    if well == len(rows):
        yield ok("Environments", f"{len(rows)}, all well" if rows else "none connected yet")


def sums() -> Iterator[Finding]:
    with operator_scope():
        states = list(RollupState.objects.exclude(hours_different=0))
    for state in states:
        yield warning(
            "Rollups", state.difference, "They mend themselves; if not: manage.py rebuild_rollups."
        )
    if not states:
        yield ok("Rollups", "the last recounts found no difference")


def views() -> Iterator[Finding]:
    late = late_views()
    for view in late:
        yield warning("Materialized view", view.sentence, "Try manage.py refresh_views.")
    if not late:
        yield ok("Materialized views", "all fresh")


def retention() -> Iterator[Finding]:
    since = timezone.now() - timedelta(days=2)
    with operator_scope():
        newest = (
            RetentionRun.objects.filter(started_at__gte=since)
            .select_related("tenant")
            .order_by("tenant_id", "-started_at")
            .distinct("tenant_id")
        )
        failed = [run for run in newest if run.state == RetentionRun.State.FAILED]
    for run in failed:
        yield Finding(
            Level.WARNING,
            f"Retention of {run.tenant.slug}",
            run.message,
            "It goes on next night; now: manage.py prune_executions.",
        )
    if not failed:
        yield ok("Retention", "the last runs came to their end")
