"""An n8n that was wiped or restored: nothing is overwritten, whatever the way back to it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from executions.models import SyncState

pytestmark = pytest.mark.django_db


def lines(rows, **filters):
    return set(rows().filter(**filters).values_list("n8n_execution_id", "started_at"))


def test_ids_that_are_reused_below_many_new_ones_open_an_epoch(n8n, turn, rows):
    hour_ago = timezone.now() - timedelta(hours=1)
    n8n.add_many(300, until=hour_ago)
    backup = n8n.backup()
    n8n.add_many(50, until=hour_ago + timedelta(minutes=5))
    turn()
    before = lines(rows)

    n8n.restore(backup)
    n8n.add_many(900, every_ms=100)
    turn()

    assert rows(SyncState).get().epoch == 2
    assert before <= lines(rows, epoch=1)
    assert rows().filter(epoch=2).count() == 900
    assert rows().count() == 350 + 900


def test_what_runs_after_a_wipe_overwrites_no_older_run(n8n, turn, rows):
    n8n.add_many(300, until=timezone.now() - timedelta(hours=1))
    turn()
    before = lines(rows)

    n8n.reset(first_id=1000)
    n8n.start(n8n.workflow_id, at=timezone.now() + timedelta(seconds=5))
    turn()

    assert lines(rows) == before


def test_a_recheck_after_a_wipe_overwrites_no_older_run(n8n, turn, rows):
    old = n8n.start(n8n.workflow_id, at=timezone.now() - timedelta(hours=1))
    turn()
    before = lines(rows)

    n8n.reset(first_id=1000)
    n8n.dialect.lists_running = False
    again = n8n.start(n8n.workflow_id, at=timezone.now())
    rows().update(recheck_at=timezone.now())
    turn()

    assert again == old
    assert lines(rows) == before


def test_what_ran_before_a_wipe_does_not_run_for_ever(n8n, turn, rows):
    n8n.add_many(5, until=timezone.now() - timedelta(hours=1))
    lost = n8n.start(n8n.workflow_id)
    turn()

    n8n.reset(first_id=1)
    n8n.run(n8n.workflow_id, at=timezone.now() + timedelta(seconds=5))
    turn()
    rows().exclude(recheck_at=None).update(recheck_at=timezone.now())
    turn()

    assert rows(SyncState).get().epoch == 2
    row = rows().get(n8n_execution_id=lost, epoch=1)
    assert (row.normalized_status, row.gone_at is not None) == ("unknown", True)


def test_a_waiting_run_of_a_restored_n8n_is_followed_to_its_end(n8n, turn, rows):
    waiting = n8n.start(n8n.workflow_id, at=timezone.now() - timedelta(hours=2))
    n8n.wait(waiting, timezone.now() + timedelta(hours=1))
    n8n.add_many(300, until=timezone.now() - timedelta(hours=1))
    backup = n8n.backup()
    n8n.run(n8n.workflow_id, at=timezone.now() - timedelta(minutes=50))
    turn()

    n8n.restore(backup)
    n8n.add_many(400, every_ms=10)
    turn()
    n8n.begin(waiting)
    n8n.finish(waiting)
    rows().exclude(recheck_at=None).update(recheck_at=timezone.now())
    turn()

    assert rows(SyncState).get().epoch == 2
    assert rows().get(n8n_execution_id=waiting).status == "success"
