"""After executions were written: open pages hear which of them have ended."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import DatabaseError
from django.dispatch import receiver
from django.utils import timezone

from executions.models import Execution
from executions.signals import executions_ingested
from executions.statuses import NormalizedStatus
from tenants.realtime import tell
from tenants.scope import tenant_scope

log = structlog.get_logger(__name__)

# What ended longer ago belongs to the past that is being copied.
NEWS = timedelta(days=1)
LOOKED_AT, NAMED = 5000, 50
ENDED = (NormalizedStatus.SUCCESS, NormalizedStatus.ERROR, NormalizedStatus.CANCELED)


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


def completed_event(tenant_id: UUID, execution_ids: Iterable[UUID]) -> dict[str, Any] | None:
    """The newest of those that ended lately, how many there are, and the newest few by name."""
    with tenant_scope(tenant_id):
        ended = (
            Execution.objects.for_tenant(tenant_id)
            .filter(
                pk__in=list(execution_ids)[:LOOKED_AT],
                normalized_status__in=ENDED,
                finished_at__gte=timezone.now() - NEWS,
            )
            .order_by("-finished_at", "-pk")
            .values_list("pk", "normalized_status", "execution_time")
        )
        found = [
            {"execution_id": str(pk), "status": status, "duration": duration}
            for pk, status, duration in ended
        ]
    return {**found[0], "count": len(found), "executions": found[:NAMED]} if found else None
