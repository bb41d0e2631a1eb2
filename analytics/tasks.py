"""Background work of analytics; what is due stands in the database: a lost task loses nothing."""

import time
from contextlib import suppress
from uuid import UUID

import structlog
from celery import shared_task
from kombu.exceptions import OperationalError

from analytics import (
    group_digest,
    live_counts,
    materialized,
    pruning,
    regrouping,
    rollups,
    selfcheck,
    uptime,
)
from tenants.audit import Actor

log = structlog.get_logger(__name__)

REFRESH_EXPIRES = 60
PRUNE_EXPIRES = 600
VIEW_EXPIRES = materialized.REFRESHED_EVERY.total_seconds()
# Of one task, so that many environments take turns.
REFRESH_SECONDS = 20
# Within a worker's patience: a change that must wait for its second is told by then.
COUNTS_EXPIRES = 30


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
        count_anew(UUID(tenant_id))
        if time.monotonic() > ends_at:
            break


def count_anew(tenant_id: UUID) -> None:
    """Let open pages know; what the broker loses the next dispatch finds."""
    live_counts.note_change(tenant_id)
    try:
        tell_counts.apply_async(args=(str(tenant_id),), expires=COUNTS_EXPIRES)
    except OperationalError as error:
        log.warning("counts_not_enqueued", tenant=str(tenant_id), reason=str(error))


@shared_task(ignore_result=True, soft_time_limit=20, time_limit=30)
def tell_counts(tenant_id: str) -> None:
    if not live_counts.tell_counts(UUID(tenant_id)):
        tell_counts.apply_async(args=(tenant_id,), countdown=1, expires=COUNTS_EXPIRES)


@shared_task(ignore_result=True, soft_time_limit=20, time_limit=30)
def dispatch_counts() -> None:
    """For the tenants whose task was lost, or whose teller died."""
    for tenant_id in live_counts.tenants_to_tell():
        tell_counts.apply_async(args=(str(tenant_id),), expires=COUNTS_EXPIRES)


@shared_task(ignore_result=True, soft_time_limit=1800, time_limit=1900)
def check_rollups() -> None:
    rollups.drop_orphaned_marks()
    selfcheck.check_all()


@shared_task(ignore_result=True, soft_time_limit=30, time_limit=45)
def note_pulses() -> None:
    uptime.note_pulses()


@shared_task(ignore_result=True, soft_time_limit=60, time_limit=90)
def dispatch_pruning() -> None:
    """One task for each tenant whose moment of the night has come."""
    for tenant_id in pruning.due_tenants():
        enqueue_pruning(tenant_id, pruning.SCHEDULE.label)


def enqueue_pruning(tenant_id: UUID, requested_by: str) -> None:
    """Ask a worker to delete what the tenant no longer keeps."""
    prune_tenant.apply_async(args=(str(tenant_id), requested_by), expires=PRUNE_EXPIRES)


@shared_task(ignore_result=True, soft_time_limit=900, time_limit=960)
def prune_tenant(tenant_id: str, requested_by: str) -> None:
    """One that another worker has begun is left to it."""
    with suppress(pruning.AlreadyPruning):
        pruning.prune(pruning.tenant_of(UUID(tenant_id)), actor=Actor(requested_by))


@shared_task(ignore_result=True, soft_time_limit=60, time_limit=90)
def refresh_views() -> None:
    """One task for each materialized view, so that none waits for another; tells of late ones."""
    for late in materialized.late_views():
        log.error("view_late", view=late.name, sentence=late.sentence)
    for name in materialized.VIEWS:
        refresh_view.apply_async(args=(name,), expires=VIEW_EXPIRES)


@shared_task(ignore_result=True, soft_time_limit=540, time_limit=600)
def refresh_view(name: str) -> None:
    materialized.refresh_view(name)


@shared_task(ignore_result=True, soft_time_limit=60, time_limit=90)
def move_error_groups() -> None:
    group_digest.move_by_time()


@shared_task(ignore_result=True, soft_time_limit=60, time_limit=90)
def dispatch_regroupings() -> None:
    """One task for each tenant with failures of an older version, or with changed rules."""
    for tenant_id in regrouping.tenants_to_regroup():
        enqueue_regrouping(tenant_id)


def enqueue_regrouping(tenant_id: UUID) -> None:
    """Ask a worker to go on with a tenant's failures; call after commit."""
    regroup_failures.apply_async(args=(str(tenant_id),), expires=REFRESH_EXPIRES)


@shared_task(ignore_result=True, soft_time_limit=120, time_limit=150)
def regroup_failures(tenant_id: str) -> None:
    ends_at = time.monotonic() + REFRESH_SECONDS
    while regrouping.regroup_some(UUID(tenant_id)):
        if time.monotonic() > ends_at:
            break
