"""The Celery application and the whole beat schedule, readable as a timetable.

Tasks carry ids only and may be lost: the database says what is due, so nothing is kept for
redelivery and no results are stored.
"""

import os
from datetime import timedelta
from typing import Any

from celery import Celery, bootsteps
from celery.schedules import crontab
from celery.signals import setup_logging
from celery.worker.components import Pool
from django_structlog.celery.steps import DjangoStructLogInitStep

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "observatory.settings")

from django.conf import settings

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)

# Of their own, so that workers can be counted out to each kind of work.
QUEUES = ("sync", "analytics", "maintenance")

LOOK_SECONDS = 0.5

# A turn that beat missed is not made up for: each task finds in the database what is due, so a
# late one does the work of those before it. What is for the night has an hour of UTC.
TIMETABLE: dict[str, tuple[str, timedelta | crontab]] = {
    "dispatch-syncs": ("executions.tasks.dispatch_syncs", 5 * SECOND),
    "heartbeat": ("observatory.tasks.note_heartbeat", 10 * SECOND),
    "tidy-sync-runs": ("executions.tasks.tidy_sync_runs", HOUR),
    "tidy-spans": ("executions.tasks.tidy_spans", HOUR),
    "trim-events": ("tenants.tasks.trim_events", 60 * SECOND),
    "refresh-rollups": ("analytics.tasks.dispatch_refreshes", 3 * SECOND),
    "tell-counts": ("analytics.tasks.dispatch_counts", 5 * SECOND),
    "move-error-groups": ("analytics.tasks.move_error_groups", 60 * SECOND),
    "regroup-failures": ("analytics.tasks.dispatch_regroupings", 60 * SECOND),
    "note-pulses": ("analytics.tasks.note_pulses", 60 * SECOND),
    "dispatch-pruning": ("analytics.tasks.dispatch_pruning", 60 * SECOND),
    "refresh-views": ("analytics.tasks.refresh_views", 10 * MINUTE),
    "check-rollups": ("analytics.tasks.check_rollups", crontab(hour="2", minute="20")),
}


def expiry_of(when: timedelta | crontab) -> float:
    """After how many seconds a task that no worker took is dropped."""
    return (when if isinstance(when, timedelta) else HOUR).total_seconds()


class ReplaceKilledProcesses(bootsteps.StartStopStep):
    """Looks for processes that were killed twice a second, where Celery does every five seconds.

    The system closes what a process had open a moment before it has ended. Celery is told of the
    first, and where it then asks too early, finds the process alive and its place stays empty.
    """

    requires = (Pool,)

    def register_with_event_loop(self, worker: Any, hub: Any) -> None:
        hub.call_repeatedly(LOOK_SECONDS, worker.pool.maintain_pool)


app = Celery("observatory")
app.steps["worker"].update((DjangoStructLogInitStep, ReplaceKilledProcesses))
app.autodiscover_tasks()
app.conf.update(
    broker_url=settings.REDIS_URL,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options={
        "visibility_timeout": 3600,
        "socket_connect_timeout": 5,
        "socket_timeout": 30,
        "global_keyprefix": "observatory:",
    },
    task_ignore_result=True,
    task_default_queue="maintenance",
    task_routes={
        "executions.tasks.sync_environment": {"queue": "sync"},
        "analytics.tasks.dispatch_pruning": {"queue": "maintenance"},
        "analytics.tasks.prune_tenant": {"queue": "maintenance"},
        "analytics.tasks.*": {"queue": "analytics"},
    },
    # A page must not hang because Redis is away.
    task_publish_retry_policy={"max_retries": 1, "interval_start": 0.2},
    worker_prefetch_multiplier=1,
    worker_max_memory_per_child=350_000,
    timezone="UTC",
    beat_scheduler="django_celery_beat.schedulers:DatabaseScheduler",
    beat_max_loop_interval=5,
    beat_schedule={
        name: {"task": task, "schedule": when, "options": {"expires": expiry_of(when)}}
        for name, (task, when) in TIMETABLE.items()
    },
)


@setup_logging.connect
def keep_our_logging(**_: object) -> None:
    """Being connected is enough: Celery then leaves Django's logging as it is."""
