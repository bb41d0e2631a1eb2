"""``counts.update``: the tenant's numbers for open pages, at most one event a second, never lost.

Each tenant has a row that says how many changes there were and up to which of them was told. Who
tells takes the second by an UPDATE, whatever number of workers try; a change within it is told at
its end, and one whose teller died by the next dispatch.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.utils import timezone

from analytics.measures import Measures
from analytics.periods import Bucket
from analytics.reading import read_buckets
from analytics.selection import Selection
from tenants.models import Tenant
from tenants.realtime import tell
from tenants.scope import operator_scope, tenant_scope
from tenants.zones import zone

DAY = timedelta(days=1)
LAST_DAY, TODAY = 0, 1

NOTE_CHANGE = """
INSERT INTO analytics_livecounts (tenant_id, changes, told, told_at)
VALUES (%s, 1, 0, 'epoch')
ON CONFLICT (tenant_id) DO UPDATE SET changes = analytics_livecounts.changes + 1
"""
TAKE_SECOND = """
UPDATE analytics_livecounts SET told_at = clock_timestamp()
WHERE tenant_id = %s AND told < changes AND told_at <= clock_timestamp() - interval '1 second'
RETURNING changes
"""
NOTE_TOLD = "UPDATE analytics_livecounts SET told = greatest(told, %s) WHERE tenant_id = %s"
WANTED = "SELECT tenant_id FROM analytics_livecounts WHERE told < changes ORDER BY told_at"
IS_WANTED = "SELECT 1 FROM analytics_livecounts WHERE tenant_id = %s AND told < changes"


@dataclass(frozen=True, slots=True)
class LiveCounts:
    """The last 24 hours and the day so far by the tenant's clocks."""

    as_of: datetime
    last_day: Measures
    today: Measures

    @property
    def stretches(self) -> tuple[tuple[str, str, Measures], ...]:
        """How a page names them, and the event."""
        return ("Last 24 hours", "last_day", self.last_day), ("Today", "today", self.today)

    def as_event(self) -> dict[str, Any]:
        return {
            **_counts(self.last_day),
            "time_range": "24h",
            "today": _counts(self.today),
            "as_of": self.as_of,
        }


def live_counts(tenant: Tenant) -> LiveCounts:
    """Read inside the tenant's scope."""
    now = timezone.now()
    midnight = now.astimezone(zone(tenant.time_zone)).replace(
        hour=0, minute=0, second=0, microsecond=0
    )
    stretches = [(LAST_DAY, Bucket(now - DAY, now)), (TODAY, Bucket(midnight, now))]
    # At midnight itself the day has no length yet.
    found = read_buckets(
        Selection(tenant.pk), [one for one in stretches if one[1].start < one[1].end]
    )
    return LiveCounts(now, found[LAST_DAY], found.get(TODAY, Measures()))


def _counts(measures: Measures) -> dict[str, int]:
    return {
        "total_executions": measures.total,
        "success_count": measures.success,
        "failure_count": measures.error,
    }


def note_change(tenant_id: UUID) -> None:
    """The tenant's numbers are others now; call after they can be seen."""
    with tenant_scope(tenant_id):
        _execute(NOTE_CHANGE, tenant_id)


def tell_counts(tenant_id: UUID) -> bool:
    """Tell what changed; False where the second is taken, so that it must be tried after it."""
    with tenant_scope(tenant_id):
        taken = _execute(TAKE_SECOND, tenant_id)
        if taken is None:
            return _execute(IS_WANTED, tenant_id) is None
    with tenant_scope(tenant_id):
        event = live_counts(Tenant.objects.get(pk=tenant_id)).as_event()
    if tell(tenant_id, "counts.update", event):
        with tenant_scope(tenant_id):
            _execute(NOTE_TOLD, taken, tenant_id)
    return True


def tenants_to_tell() -> list[UUID]:
    with operator_scope(), connection.cursor() as cursor:
        cursor.execute(WANTED)
        return [tenant_id for (tenant_id,) in cursor.fetchall()]


def _execute(statement: str, *values: Any) -> int | None:
    """The first value of what comes back."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        row = cursor.fetchone() if cursor.description else None
        return row and row[0]
