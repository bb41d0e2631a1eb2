"""Retention over real rows: what goes, what stays, what is said of it, and what the charts keep."""

import json
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
import time_machine
from django.core.management import call_command
from django.db import DatabaseError

from analytics import pruning, rollups
from analytics.models import EnvironmentHour
from analytics.pruning import AlreadyPruning, Pace, in_words, preview, prune
from analytics.tests.counting import add_run, mark_hours, refresh_all
from executions import retention
from executions.models import Execution, RetentionRule, RetentionRun
from executions.push.models import RunSpan
from executions.tests.factories import EnvironmentFactory
from tenants.audit import Actor
from tenants.scope import operator_scope, tenant_scope

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 5, 4, 12, 30, 15, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def now():
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def environment():
    with operator_scope():
        environment = EnvironmentFactory(tenant__retention_days=7, tenant__retention_min_kept=0)
    with tenant_scope(environment.tenant_id):
        yield environment


def starts():
    return sorted(Execution.objects.values_list("occurred_at", flat=True))


def test_what_began_before_the_cutoff_goes_to_the_microsecond(environment):
    cutoff = NOW - 7 * DAY
    add_run(environment, cutoff)
    add_run(environment, cutoff - timedelta(microseconds=1))
    refresh_all()

    run = prune(environment.tenant, actor=Actor("ada"))

    assert starts() == [cutoff]
    assert (run.state, run.deleted, run.requested_by) == ("done", 1, "ada")
    assert run.until == cutoff - timedelta(microseconds=1)


def test_the_newest_stay_however_old_they_are(environment):
    environment.tenant.retention_min_kept = 2
    rows = [add_run(environment, NOW - age * DAY) for age in (40, 30, 20)]
    refresh_all()

    prune(environment.tenant)

    assert starts() == [rows[1].occurred_at, rows[2].occurred_at]


def test_fewer_than_are_to_be_kept_all_stay(environment):
    environment.tenant.retention_min_kept = 5
    add_run(environment, NOW - 40 * DAY)
    refresh_all()

    assert prune(environment.tenant).deleted == 0
    assert preview(environment.tenant).sentence == "Nothing is old enough to be deleted."


def test_failures_may_be_kept_longer(environment):
    RetentionRule.objects.create(tenant=environment.tenant, status="error", days=30)
    add_run(environment, NOW - 20 * DAY, status="error")
    add_run(environment, NOW - 20 * DAY, status="success")
    add_run(environment, NOW - 31 * DAY, status="error")
    refresh_all()

    prune(environment.tenant)

    assert [row.status for row in Execution.objects.all()] == ["error"]


def test_the_numbers_stay(environment):
    add_run(environment, NOW - 8 * DAY, status="error")
    refresh_all()
    before = list(EnvironmentHour.objects.values())

    prune(environment.tenant)
    mark_hours(environment, {rollups.floor_hour(NOW - 8 * DAY)})
    refresh_all()

    assert list(EnvironmentHour.objects.values()) == before
    assert Execution.objects.count() == 0


def test_what_no_rollup_has_seen_stays(environment):
    add_run(environment, NOW - 9 * DAY)
    refresh_all()
    add_run(environment, NOW - 8 * DAY)

    run = prune(environment.tenant)

    assert (run.deleted, starts()) == (1, [NOW - 8 * DAY])


def test_what_traces_told_of_a_run_goes_with_it(environment):
    old, young = (add_run(environment, NOW - age * DAY) for age in (8, 1))
    for run in (old, young):
        RunSpan.objects.create(
            tenant=environment.tenant,
            environment_id=environment.pk,
            run_key=str(run.pk),
            execution_id=run.pk,
            created_at=NOW,
        )
    refresh_all()

    prune(environment.tenant)

    assert RunSpan.objects.get().execution_id == young.pk


def test_it_stops_when_its_time_is_over_and_goes_on_later(environment, monkeypatch):
    monkeypatch.setattr(retention, "ROWS_OF_A_BATCH", 2)
    for hours in range(5):
        add_run(environment, NOW - 10 * DAY + timedelta(hours=hours))
    refresh_all()

    first = prune(environment.tenant, budget=timedelta(0))
    second = prune(environment.tenant)

    assert (first.state, first.deleted) == ("out_of_time", 2)
    assert (second.state, second.deleted, Execution.objects.count()) == ("done", 3, 0)


def test_two_workers_never_prune_one_tenant_at_once(environment):
    RetentionRun.objects.create(tenant=environment.tenant, started_at=NOW, touched_at=NOW)

    with pytest.raises(AlreadyPruning, match="being deleted already"):
        prune(environment.tenant)


def test_a_run_that_was_cut_off_is_taken_over_and_deletes_no_more(environment):
    add_run(environment, NOW - 8 * DAY)
    refresh_all()
    stale = RetentionRun.objects.create(
        tenant=environment.tenant, started_at=NOW - DAY, touched_at=NOW - DAY
    )

    prune(environment.tenant)

    stale.refresh_from_db()
    assert (stale.state, stale.message) == ("failed", "It was cut off.")
    with pytest.raises(pruning.RunTakenOver):
        pruning._note_batch(stale, 1, NOW)


def test_a_refusal_of_the_database_is_on_record(environment, monkeypatch):
    def full(*_, **__):
        raise DatabaseError("could not extend file: No space left on device")

    add_run(environment, NOW - 8 * DAY)
    refresh_all()
    monkeypatch.setattr(retention, "delete_batch", full)

    run = prune(environment.tenant)

    assert run.state == "failed"
    assert "No space left" in run.message


def test_the_preview_says_what_the_run_then_deletes(environment):
    environment.tenant.retention_min_kept = 1
    for age in (8, 9, 1):
        add_run(environment, NOW - age * DAY)
    refresh_all()

    found = preview(environment.tenant)

    assert (found.rows, found.before) == (2, NOW - 7 * DAY)
    assert found.sentence.startswith("Deletes 2 executions older than 2026-04-27 12:30 UTC; the")
    assert prune(environment.tenant).deleted == 2


def test_a_retention_run_of_another_tenant_is_not_due_to_this_one(environment):
    with operator_scope():
        other = EnvironmentFactory(tenant__retention_days=7).tenant
        RetentionRun.objects.create(
            tenant=other, started_at=NOW + 2 * DAY, touched_at=NOW, state="done"
        )

    due = pruning.due_tenants(NOW + 2 * DAY)

    assert environment.tenant_id in due
    assert other.pk not in due


def test_one_that_ran_out_of_time_is_due_at_once(environment):
    RetentionRun.objects.create(
        tenant=environment.tenant, started_at=NOW, touched_at=NOW, state="out_of_time"
    )

    assert pruning.due_tenants(NOW + timedelta(minutes=1)) == [environment.tenant_id]


def test_pauses_grow_while_readers_wait_and_ease_again():
    readings = iter([0.01, 0.012, 0.01, 0.05, 0.05, 0.01, 0.01])
    pace = Pace(lambda: next(readings))

    assert [pace.pause_after(10.0) for _ in range(4)] == [2.0, 4.0, 2.0, 1.0]


@pytest.mark.parametrize(
    ("size", "words"), [(0, "0 bytes"), (26_400_000, "26 MB"), (4_000, "4 kB"), (7 * 10**9, "7 GB")]
)
def test_sizes_are_said_in_words(size, words):
    assert in_words(size) == words


def test_the_command_says_what_would_go_and_what_went(environment):
    add_run(environment, NOW - 8 * DAY)
    refresh_all()
    slug = environment.tenant.slug
    dry, real = StringIO(), StringIO()

    call_command("prune_executions", tenant=slug, dry_run=True, json=True, stdout=dry)
    call_command("prune_executions", tenant=slug, stdout=real)

    assert json.loads(dry.getvalue())["rows"] == 1
    assert real.getvalue().startswith(f"{slug}\tdone\t1 deleted")
