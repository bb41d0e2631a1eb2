"""After executions were written: ask for the rollups of their environment, nothing else."""

from typing import Any
from uuid import UUID

import structlog
from django.dispatch import receiver
from kombu.exceptions import OperationalError

from analytics import tasks
from executions.signals import executions_ingested

log = structlog.get_logger(__name__)


@receiver(executions_ingested)
def refresh_after_ingest(tenant_id: UUID, environment_id: UUID, **_: Any) -> None:
    try:
        tasks.refresh_rollups.apply_async(
            args=(str(tenant_id), str(environment_id)), expires=tasks.REFRESH_EXPIRES
        )
    except OperationalError as error:
        # The marks are in the database; the next dispatch finds them.
        log.warning("refresh_not_enqueued", environment=str(environment_id), reason=str(error))
