"""Background work of copying: a dispatcher that fans out, and one task an environment."""

import os
import socket
from datetime import timedelta
from uuid import UUID

from celery import shared_task
from celery.app.task import Task
from django.conf import settings
from django.db import connection
from django.utils import timezone

from executions.models import SyncRun
from executions.sync import run_turn
from tenants.scope import operator_scope

DISPATCHED_AT_ONCE = 500
QUIET_RUNS_KEPT = timedelta(days=1)
RUNS_KEPT = timedelta(days=30)

# Whoever claims a due environment moves its time on, so two dispatchers never claim one twice,
# and a task that the broker loses is simply due again.
CLAIM_DUE = """
UPDATE executions_syncstate SET
    due_at = clock_timestamp() + make_interval(secs => %(seconds)s * (0.9 + random() * 0.2))
WHERE (id, tenant_id) IN (
    SELECT s.id, s.tenant_id FROM executions_syncstate s
    JOIN executions_environment e ON e.id = s.environment_id AND e.tenant_id = s.tenant_id
    WHERE s.due_at <= clock_timestamp() AND s.quarantined_at IS NULL AND NOT e.is_paused
      AND (s.lease_expires_at IS NULL OR s.lease_expires_at < clock_timestamp())
    ORDER BY s.due_at LIMIT %(limit)s FOR UPDATE OF s SKIP LOCKED
)
RETURNING tenant_id, environment_id
"""


@shared_task(ignore_result=True, soft_time_limit=60, time_limit=90)
def dispatch_syncs() -> None:
    with operator_scope(), connection.cursor() as cursor:
        cursor.execute(CLAIM_DUE, {"seconds": settings.SYNC_SECONDS, "limit": DISPATCHED_AT_ONCE})
        due = cursor.fetchall()
    for tenant_id, environment_id in due:
        enqueue_sync(tenant_id, environment_id)


def enqueue_sync(tenant_id: UUID, environment_id: UUID) -> None:
    """Ask a worker for a turn; call after commit."""
    sync_environment.apply_async(
        args=(str(tenant_id), str(environment_id)), expires=settings.SYNC_SECONDS * 2
    )


@shared_task(bind=True, ignore_result=True, soft_time_limit=180, time_limit=240)
def sync_environment(self: Task, tenant_id: str, environment_id: str) -> None:  # type: ignore[type-arg]
    tenant, environment = UUID(tenant_id), UUID(environment_id)
    owner = f"{socket.gethostname()}:{os.getpid()}:{self.request.id}"
    result = run_turn(tenant_id=tenant, environment_id=environment, owner=owner[:100])
    if result.has_more:
        enqueue_sync(tenant, environment)


@shared_task(ignore_result=True, soft_time_limit=120, time_limit=150)
def tidy_sync_runs() -> None:
    """Runs that changed nothing say little after a day, the others after a month."""
    now = timezone.now()
    with operator_scope():
        SyncRun.objects.filter(finished_at__lt=now - RUNS_KEPT).delete()
        SyncRun.objects.filter(
            finished_at__lt=now - QUIET_RUNS_KEPT,
            kind=SyncRun.Kind.CYCLE,
            rows_new=0,
            rows_changed=0,
            requested_by="schedule",
        ).delete()
