"""Beat asks for things as often as the rest of the code counts on."""

from datetime import timedelta

from celery.schedules import crontab

from analytics.materialized import REFRESHED_EVERY
from observatory.celery import TIMETABLE, expiry_of


def test_beat_refreshes_as_often_as_lateness_is_judged_by():
    assert TIMETABLE["refresh-views"] == ("analytics.tasks.refresh_views", REFRESHED_EVERY)


def test_the_rollups_are_recounted_at_night():
    task, when = TIMETABLE["check-rollups"]

    assert task == "analytics.tasks.check_rollups"
    assert max(when.hour) < 5


def test_a_task_that_nobody_took_is_dropped_before_the_next_one():
    assert expiry_of(timedelta(seconds=5)) == 5
    assert expiry_of(crontab(hour="2", minute="20")) == 3600
