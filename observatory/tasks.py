"""Background work of the assembly itself."""

from celery import shared_task

from observatory import heartbeat


@shared_task(ignore_result=True, soft_time_limit=10, time_limit=15)
def note_heartbeat() -> None:
    heartbeat.beat_once()
