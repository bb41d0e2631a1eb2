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
from executions.push.nodes import forget_spans_without_run
from executions.sync import run_turn
from tenants.scope import operator_scope

DISPATCHED_AT_ONCE = 500
# Environments that keep failing are tried one at a time: each may hold a worker for as long as an
# answer may take, and together they would leave none for those that work.
FAILURES_UNTIL_ALONE = 3
QUIET_RUNS_KEPT = timedelta(days=1)
RUNS_KEPT = timedelta(days=30)

# Whoever claims a due environment moves its time on, so two dispatchers never claim one twice,
# and a task that the broker loses is simply due again. What is due is found once, whatever plan is
# chosen: as a subquery it may be found again for each row, and then its limit means nothing.
CLAIM_DUE = """
WITH due AS MATERIALIZED (
    SELECT s.id, s.tenant_id FROM executions_syncstate s
    JOIN executions_environment e ON e.id = s.environment_id AND e.tenant_id = s.tenant_id
    WHERE s.due_at <= clock_timestamp() AND s.quarantined_at IS NULL AND NOT e.is_paused
      AND (s.failures >= %(many)s) = %(failing)s
      AND NOT (%(failing)s AND EXISTS (
          SELECT FROM executions_syncstate other
          WHERE other.failures >= %(many)s AND (
              other.lease_expires_at > clock_timestamp()
              OR other.dispatched_at > clock_timestamp() - interval '1 minute'
          )
      ))
      AND (s.lease_expires_at IS NULL OR s.lease_expires_at < clock_timestamp())
    ORDER BY s.due_at LIMIT %(limit)s FOR UPDATE OF s SKIP LOCKED
)
UPDATE executions_syncstate s SET
    due_at = clock_timestamp() + make_interval(secs => %(seconds)s * (0.9 + random() * 0.2)),
    dispatched_at = clock_timestamp()
FROM due WHERE s.id = due.id AND s.tenant_id = due.tenant_id
RETURNING s.tenant_id, s.environment_id
"""


@shared_task(ignore_result=True, soft_time_limit=60, time_limit=90)
def dispatch_syncs() -> None:
    due: list[tuple[UUID, UUID]] = []
    with operator_scope(), connection.cursor() as cursor:
        for is_failing, limit in ((False, DISPATCHED_AT_ONCE), (True, 1)):
            cursor.execute(CLAIM_DUE, _claim(is_failing, limit))
            due += cursor.fetchall()
    for tenant_id, environment_id in due:
        enqueue_sync(tenant_id, environment_id)


def _claim(is_failing: bool, limit: int) -> dict[str, int | bool]:
    return {
        "seconds": settings.SYNC_SECONDS,
        "limit": limit,
        "failing": is_failing,
        "many": FAILURES_UNTIL_ALONE,
    }


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


@shared_task(ignore_result=True, soft_time_limit=120, time_limit=150)
def tidy_spans() -> None:
    """Spans whose run was never told."""
    with operator_scope():
        forget_spans_without_run(timezone.now())
