"""The ledger of seen time: which stretches of an environment's past have been listed whole.

Every number that Observatory shows can be held against it: inside a stretch, no row means that
nothing ran; outside, that nobody looked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

from executions.models import Coverage


@dataclass(frozen=True, slots=True)
class Stretch:
    """A half-open stretch of time."""

    from_at: datetime
    to_at: datetime


MERGE = """
WITH gone AS (
    DELETE FROM executions_coverage
    WHERE tenant_id = %(tenant)s AND environment_id = %(environment)s
      AND from_at <= %(to)s AND to_at >= %(from)s
    RETURNING from_at, to_at
)
INSERT INTO executions_coverage (id, tenant_id, environment_id, from_at, to_at)
SELECT gen_random_uuid(), %(tenant)s, %(environment)s,
    least(min(from_at), %(from)s), greatest(max(to_at), %(to)s) FROM gone
"""


def extend(tenant_id: UUID, environment_id: UUID, seen: Stretch) -> None:
    """Add a stretch, joined with those that it touches; under the environment's lease."""
    if seen.from_at >= seen.to_at:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            MERGE,
            {
                "tenant": tenant_id,
                "environment": environment_id,
                "from": seen.from_at,
                "to": seen.to_at,
            },
        )


def stretches(
    tenant_id: UUID, environment_id: UUID, *, since: datetime | None = None
) -> list[Stretch]:
    """The seen stretches of an environment, oldest first."""
    found = Coverage.objects.for_tenant(tenant_id).filter(environment_id=environment_id)
    if since is not None:
        found = found.filter(to_at__gt=since)
    return [Stretch(row.from_at, row.to_at) for row in found.order_by("from_at")]


def gaps(seen: Sequence[Stretch], wanted: Stretch) -> list[Stretch]:
    """What of the wanted stretch was not seen (pure); ``seen`` is oldest first."""
    missing: list[Stretch] = []
    at = wanted.from_at
    for stretch in seen:
        if stretch.to_at <= at:
            continue
        if stretch.from_at >= wanted.to_at:
            break
        if stretch.from_at > at:
            missing.append(Stretch(at, stretch.from_at))
        at = stretch.to_at
    if at < wanted.to_at:
        missing.append(Stretch(at, wanted.to_at))
    return missing
