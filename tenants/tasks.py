"""Background work of tenants."""

from celery import shared_task
from django.conf import settings
from django.db import connection, transaction

# The newest event stays however old it is: it is where listeners stand that wait for the next one.
TRIM = """
DELETE FROM django_eventstream_event e
USING django_eventstream_eventcounter c
WHERE c.name = e.channel AND e.eid < c.value
  AND (e.created < now() - %s * interval '1 hour' OR e.eid <= c.value - %s)
"""


@shared_task(ignore_result=True, soft_time_limit=50, time_limit=55)
def trim_events() -> None:
    """Forget events that are too old, or too many; whoever stands before them gets a reset."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(TRIM, [settings.EVENT_HOURS, settings.EVENTS_PER_TENANT])
