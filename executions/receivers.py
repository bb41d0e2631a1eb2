"""After executions were written: open pages hear which of them have ended."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import DatabaseError, connection
from django.dispatch import receiver
from django.utils import timezone

from executions.signals import executions_ingested
from tenants.realtime import tell
from tenants.scope import tenant_scope

log = structlog.get_logger(__name__)

# What ended longer ago belongs to the past that is being copied.
NEWS = timedelta(days=1)
LOOKED_AT, NAMED = 5000, 50
# By hand, since the ORM takes half a second to say so many ids.
ENDED_LATELY = """
SELECT id, normalized_status, execution_time, count(*) OVER () FROM executions
WHERE tenant_id = %(tenant)s AND id = ANY(%(ids)s)
  AND normalized_status IN ('success', 'error', 'canceled') AND finished_at >= %(since)s
ORDER BY finished_at DESC, id DESC LIMIT %(named)s
"""


@receiver(executions_ingested)
def tell_completed(tenant_id: UUID, execution_ids: tuple[UUID, ...], **_: Any) -> None:
    """One event for all of them; a page that is not told asks again anyway."""
    try:
        event = completed_event(tenant_id, execution_ids)
    except DatabaseError as error:
        log.warning("completed_not_told", tenant=str(tenant_id), reason=str(error))
        return
    if event is not None:
        tell(tenant_id, "execution.completed", event)


def completed_event(tenant_id: UUID, execution_ids: Sequence[UUID]) -> dict[str, Any] | None:
    """The newest of those that ended lately, how many there are, and the newest few by name."""
    with tenant_scope(tenant_id), connection.cursor() as cursor:
        cursor.execute(
            ENDED_LATELY,
            {
                "tenant": tenant_id,
                "ids": list(execution_ids[:LOOKED_AT]),
                "since": timezone.now() - NEWS,
                "named": NAMED,
            },
        )
        found = cursor.fetchall()
    named = [
        {"execution_id": str(pk), "status": status, "duration": duration}
        for pk, status, duration, _ in found
    ]
    return {**named[0], "count": found[0][-1], "executions": named} if found else None
