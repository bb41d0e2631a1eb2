"""On what the numbers of some environments stand: what was seen of each, how its sums stand, and
up to when retention took its rows. Read at once, since every answer needs all of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from analytics.completeness import Ledger, Seen
from analytics.periods import floor_hour
from analytics.selection import Horizon
from executions.coverage import Stretch
from executions.models import Environment

GROUNDS = """
SELECT e.id, s.synced_at, c.begins, c.ends, r.purged_before, r.refreshed_at,
    CASE WHEN r.hours_different > 0 THEN r.difference ELSE '' END,
    (SELECT count(DISTINCT d.hour) FROM executions_dirtyhour d
     WHERE d.tenant_id = %(tenant)s AND d.environment_id = e.id)
FROM unnest(%(environments)s::uuid[]) AS e (id)
LEFT JOIN executions_syncstate s ON s.tenant_id = %(tenant)s AND s.environment_id = e.id
LEFT JOIN analytics_rollupstate r ON r.tenant_id = %(tenant)s AND r.environment_id = e.id
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(from_at ORDER BY from_at), '{}') AS begins,
        coalesce(array_agg(to_at ORDER BY from_at), '{}') AS ends
    FROM executions_coverage
    WHERE tenant_id = %(tenant)s AND environment_id = e.id AND to_at > %(since)s
) AS c
"""


@dataclass(frozen=True, slots=True)
class Sums:
    """How the sums of an environment stand; ``difference`` says what was wrong with them."""

    environment_id: UUID
    refreshed_at: datetime | None
    difference: str
    waiting_hours: int


@dataclass(frozen=True, slots=True)
class Grounds:
    """What is known of the environments of a question before anything is counted."""

    ledger: Ledger
    horizon: Horizon
    sums: tuple[Sums, ...]


def grounds_of(tenant_id: UUID, environments: Sequence[Environment], *, since: datetime) -> Grounds:
    """What stands behind numbers of the environments since a moment, in one query."""
    parameters: dict[str, Any] = {
        "tenant": tenant_id,
        "environments": [environment.pk for environment in environments],
        # Where rows are gone, a question begins with its whole hour.
        "since": floor_hour(since),
    }
    with connection.cursor() as cursor:
        cursor.execute(GROUNDS, parameters)
        rows = {row[0]: row[1:] for row in cursor.fetchall()}
    return Grounds(
        ledger=Ledger(
            tuple(
                Seen(environment, tuple(map(Stretch, begins, ends)), synced_at)
                for environment in environments
                for synced_at, begins, ends, *_ in [rows[environment.pk]]
            )
        ),
        horizon=Horizon(max((row[3] for row in rows.values() if row[3]), default=None)),
        sums=tuple(Sums(key, *row[4:]) for key, row in rows.items()),
    )
