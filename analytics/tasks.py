"""Background work of analytics; what is due stands in the database: a lost task loses nothing."""

import time
from uuid import UUID

from celery import shared_task

from analytics import rollups, selfcheck, uptime

REFRESH_EXPIRES = 60
# Of one task, so that many environments take turns.
REFRESH_SECONDS = 20


@shared_task(ignore_result=True, soft_time_limit=60, time_limit=90)
def dispatch_refreshes() -> None:
    """One task for each environment with marks."""
    for tenant_id, environment_id in rollups.marked_environments():
        refresh_rollups.apply_async(
            args=(str(tenant_id), str(environment_id)), expires=REFRESH_EXPIRES
        )


@shared_task(ignore_result=True, soft_time_limit=120, time_limit=150)
def refresh_rollups(tenant_id: str, environment_id: str) -> None:
    ends_at = time.monotonic() + REFRESH_SECONDS
    while rollups.refresh_environment(
        tenant_id=UUID(tenant_id), environment_id=UUID(environment_id)
    ):
        if time.monotonic() > ends_at:
            break


@shared_task(ignore_result=True, soft_time_limit=1800, time_limit=1900)
def check_rollups() -> None:
    rollups.drop_orphaned_marks()
    selfcheck.check_all()


@shared_task(ignore_result=True, soft_time_limit=30, time_limit=45)
def note_pulses() -> None:
    uptime.note_pulses()
