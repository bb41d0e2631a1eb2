"""The rollups, kept right: whoever changes executions marks the hours, this adds them up again.

Marks are taken and the numbers replaced in one transaction, under a lock of the environment that
is taken first: of two refreshers the later one sees all that the earlier one saw. A mark that can
be seen stands for a change that can be seen, so no change is ever missed.

Hours whose rows retention took are final (``freeze``): they are never added up again.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from analytics.group_digest import digest_hours
from analytics.models import RollupState
from analytics.periods import floor_day, floor_hour
from analytics.rollup_sql import DAYS, HOURS, clear
from analytics.workflow_totals import add_messages, refresh_totals, workflows_of
from tenants.scope import operator_scope, tenant_scope

HOURS_AT_ONCE = 48

# From the oldest of the newest hours on, not "in these hours": a list would be gone through once
# for each mark, wherever PostgreSQL believes that there are few.
TAKE_MARKS = """
DELETE FROM executions_dirtyhour
WHERE tenant_id = %(tenant)s AND environment_id = %(environment)s AND hour >= (
    SELECT min(hour) FROM (
        SELECT DISTINCT hour FROM executions_dirtyhour
        WHERE tenant_id = %(tenant)s AND environment_id = %(environment)s
        ORDER BY hour DESC LIMIT %(limit)s
    ) AS newest
)
RETURNING hour
"""
MARKED = """
SELECT d.tenant_id, d.environment_id, min(d.id) FROM executions_dirtyhour d
JOIN executions_environment e ON e.id = d.environment_id AND e.tenant_id = d.tenant_id
GROUP BY 1, 2 ORDER BY 3
"""
ORPHANS = """
DELETE FROM executions_dirtyhour d WHERE NOT EXISTS (
    SELECT 1 FROM executions_environment e
    WHERE e.id = d.environment_id AND e.tenant_id = d.tenant_id
)
"""
MARK = """
INSERT INTO executions_dirtyhour (tenant_id, environment_id, hour)
SELECT %(tenant)s, %(environment)s, hour FROM (
    SELECT date_trunc('hour', occurred_at, 'UTC') AS hour FROM executions
    WHERE tenant_id = %(tenant)s AND environment_id = %(environment)s
    UNION SELECT begins_at FROM analytics_environmenthour
    WHERE tenant_id = %(tenant)s AND environment_id = %(environment)s
) AS hours
WHERE %(since)s::timestamptz IS NULL OR hour < %(since)s OR hour >= %(before)s
ORDER BY hour
"""
FREEZE = """
INSERT INTO analytics_rollupstate
    (tenant_id, environment_id, purged_since, purged_before, hours_checked, hours_different,
     difference)
VALUES (%(tenant)s, %(environment)s, %(since)s, %(before)s, 0, 0, '')
ON CONFLICT (tenant_id, environment_id) DO UPDATE SET
    purged_since = least(analytics_rollupstate.purged_since, excluded.purged_since),
    purged_before = greatest(analytics_rollupstate.purged_before, excluded.purged_before)
"""
NOTE_REFRESH = """
INSERT INTO analytics_rollupstate
    (tenant_id, environment_id, refreshed_at, hours_checked, hours_different, difference)
VALUES (%(tenant)s, %(environment)s, clock_timestamp(), 0, 0, '')
ON CONFLICT (tenant_id, environment_id) DO UPDATE SET refreshed_at = excluded.refreshed_at
"""


def marked_environments() -> list[tuple[UUID, UUID]]:
    """(tenant, environment) of each environment with marks, the longest waiting first."""
    with operator_scope(), connection.cursor() as cursor:
        cursor.execute(MARKED)
        return [(tenant, environment) for tenant, environment, _ in cursor.fetchall()]


def drop_orphaned_marks() -> None:
    """Marks of environments that were removed."""
    with operator_scope(), connection.cursor() as cursor:
        cursor.execute(ORPHANS)


def refresh_environment(
    *, tenant_id: UUID, environment_id: UUID, limit: int = HOURS_AT_ONCE, wait: bool = False
) -> int:
    """Add up the newest marked hours again; the number of hours, 0 where there is nothing to do.

    Where another refresher works on the environment, it is left to that one, unless ``wait``.
    """
    with tenant_scope(tenant_id):
        if not _lock(environment_id, wait=wait):
            return 0
        hours = _take_marks(tenant_id, environment_id, limit)
        final = purged(tenant_id, environment_id)
        open_hours = sorted(hour for hour in hours if hour not in final)
        if open_hours:
            recompute(tenant_id, environment_id, open_hours)
            digest_hours(tenant_id, environment_id, open_hours)
        add_messages(tenant_id, environment_id)
        return len(hours)


def refresh_whole(*, tenant_id: UUID, environment_id: UUID) -> Iterator[int]:
    """All marked hours of an environment, newest first; yields the size of each batch."""
    while done := refresh_environment(
        tenant_id=tenant_id, environment_id=environment_id, wait=True
    ):
        yield done


def recompute(tenant_id: UUID, environment_id: UUID, hours: list[datetime]) -> None:
    """Replace what the rollups say of these hours and their days; under the environment's lock."""
    days = sorted({floor_day(hour) for hour in hours})
    before = workflows_of(tenant_id, environment_id, hours)
    for steps, moments in ((HOURS, hours), (DAYS, days)):
        for table, statement in steps:
            _run(clear(table), tenant_id, environment_id, moments=moments)
            _run(statement, tenant_id, environment_id, moments=moments)
    after = workflows_of(tenant_id, environment_id, hours)
    refresh_totals(tenant_id, environment_id, sorted(before | after))
    _run(NOTE_REFRESH, tenant_id, environment_id)


def mark_everything(*, tenant_id: UUID, environment_id: UUID) -> int:
    """Mark each hour that has rows or numbers, but for those that are final."""
    with tenant_scope(tenant_id):
        final = purged(tenant_id, environment_id)
        return _run(MARK, tenant_id, environment_id, since=final.since, before=final.before)


def freeze(*, tenant_id: UUID, environment_id: UUID, since: datetime, before: datetime) -> datetime:
    """Make the numbers of the hours from ``since`` to ``before`` final; call before rows go.

    Answers the moment before which rows may be deleted: that of the oldest hour that is still
    marked, where there is one, since no rollup has seen its rows yet.
    """
    with tenant_scope(tenant_id):
        _lock(environment_id, wait=True)
        oldest = _oldest_mark(tenant_id, environment_id)
        until = before if oldest is None else min(before, oldest)
        if since < until:
            _run(FREEZE, tenant_id, environment_id, since=floor_hour(since), before=until)
        return until


@dataclass(frozen=True, slots=True)
class Purged:
    """The stretch that retention took rows of: its hours' numbers are final.

    What is older was never stored here, and is added up if it comes to be: a tenant may keep
    more than before.
    """

    since: datetime | None
    before: datetime | None

    def __contains__(self, hour: datetime) -> bool:
        if self.since is None or self.before is None:
            return False
        return self.since <= hour < self.before


def purged(tenant_id: UUID, environment_id: UUID) -> Purged:
    states = RollupState.objects.for_tenant(tenant_id).filter(environment_id=environment_id)
    return Purged(*(states.values_list("purged_since", "purged_before").first() or (None, None)))


def _lock(environment_id: UUID, *, wait: bool) -> bool:
    # The class keeps these locks apart from all others of the project.
    function = "pg_advisory_xact_lock" if wait else "pg_try_advisory_xact_lock"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {function}(hashtextextended('rollups:' || %s, 0))", [str(environment_id)]
        )
        return wait or bool(cursor.fetchone()[0])


def _take_marks(tenant_id: UUID, environment_id: UUID, limit: int) -> set[datetime]:
    with connection.cursor() as cursor:
        cursor.execute(
            TAKE_MARKS, {"tenant": tenant_id, "environment": environment_id, "limit": limit}
        )
        return {hour for (hour,) in cursor.fetchall()}


def _oldest_mark(tenant_id: UUID, environment_id: UUID) -> datetime | None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT min(hour) FROM executions_dirtyhour"
            " WHERE tenant_id = %s AND environment_id = %s",
            [tenant_id, environment_id],
        )
        oldest: datetime | None = cursor.fetchone()[0]
        return oldest


def _run(statement: str, tenant_id: UUID, environment_id: UUID, **values: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, {"tenant": tenant_id, "environment": environment_id, **values})
        return int(cursor.rowcount)
