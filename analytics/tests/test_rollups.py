"""The rollups against hand-counted rows, twice in a row, and after retention."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from analytics import rollups
from analytics.histograms import bin_of
from analytics.models import (
    EnvironmentDay,
    EnvironmentHour,
    ExecutionAnalytics,
    RollupState,
    WorkflowDay,
    WorkflowHour,
)
from analytics.periods import floor_day, floor_hour
from analytics.rollup_sql import STATUSES
from analytics.selfcheck import check_environment
from analytics.tests.counting import add_run, mark_hours, random_runs, refresh_all
from executions.models import DirtyHour, Execution
from executions.tests.factories import EnvironmentFactory
from tenants.scope import operator_scope, tenant_scope

pytestmark = pytest.mark.django_db

DAY = datetime(2026, 5, 4, tzinfo=UTC)
AT = DAY + timedelta(hours=9, minutes=20)
TABLES = (EnvironmentHour, EnvironmentDay, WorkflowHour, WorkflowDay, ExecutionAnalytics)


@pytest.fixture
def environment():
    with operator_scope():
        environment = EnvironmentFactory()
    with tenant_scope(environment.tenant_id):
        yield environment


def ids(environment):
    return {"tenant_id": environment.tenant_id, "environment_id": environment.pk}


def test_it_adds_up_an_hour_by_status_and_duration(environment):
    add_run(environment, AT, status="success", execution_time=100)
    add_run(environment, AT + timedelta(minutes=39), status="success", execution_time=300)
    add_run(environment, AT + timedelta(minutes=1), status="error", execution_time=None)
    add_run(environment, AT + timedelta(minutes=40), status="waiting", execution_time=7)

    refresh_all()

    first, second = EnvironmentHour.objects.order_by("begins_at")
    assert (first.begins_at, first.success, first.error, first.waiting) == (floor_hour(AT), 2, 1, 0)
    assert (first.timed, first.duration_sum, first.duration_max) == (2, 400, 300)
    assert (first.bins, first.bin_counts) == ([bin_of(100), bin_of(300)], [1, 1])
    assert first.last_error_at == AT + timedelta(minutes=1)
    assert (second.waiting, second.timed) == (1, 1)
    day = EnvironmentDay.objects.get()
    assert (day.begins_at, day.success, day.error, day.waiting) == (DAY, 2, 1, 1)
    assert (day.timed, day.duration_sum) == (3, 407)


def test_every_table_says_the_same_as_the_rows(environment):
    rows = random_runs(environment, count=400, since=DAY, until=DAY + timedelta(days=3))

    refresh_all()

    for model, begin, key in (
        (EnvironmentHour, floor_hour, lambda row: ()),
        (EnvironmentDay, floor_day, lambda row: ()),
        (WorkflowHour, floor_hour, lambda row: (row.workflow_id, row.mode)),
        (WorkflowDay, floor_day, lambda row: (row.workflow_id, row.mode)),
    ):
        expected = Counter(
            (begin(row.occurred_at), *key(row), row.normalized_status) for row in rows
        )
        bins = Counter(
            (begin(row.occurred_at), *key(row), bin_of(row.execution_time))
            for row in rows
            if row.execution_time is not None
        )
        found, found_bins = Counter(), Counter()
        for row in model.objects.all():
            own = (row.begins_at, *key(row))
            found.update({(*own, s): getattr(row, s) for s in STATUSES if getattr(row, s)})
            found_bins.update({(*own, b): n for b, n in zip(row.bins, row.bin_counts, strict=True)})
        assert found == expected
        assert found_bins == bins


def test_twice_is_like_once(environment):
    random_runs(environment, count=60, since=DAY, until=DAY + timedelta(hours=30))
    refresh_all()
    before = [list(model.objects.order_by("pk").values("pk", "bins")) for model in TABLES[:4]]

    rollups.mark_everything(**ids(environment))
    refresh_all()

    after = [list(model.objects.order_by("pk").values("pk", "bins")) for model in TABLES[:4]]
    assert after == before
    assert DirtyHour.objects.count() == 0


def test_what_moves_to_another_hour_workflow_or_status_leaves_nothing_behind(environment):
    row = add_run(environment, AT, status="running", execution_time=None)
    refresh_all()

    later = AT + timedelta(days=1)
    Execution.objects.filter(pk=row.pk).update(
        occurred_at=later, workflow_id="other", normalized_status="error"
    )
    mark_hours(environment, {floor_hour(AT), floor_hour(later)})
    refresh_all()

    assert [hour.begins_at for hour in EnvironmentHour.objects.all()] == [floor_hour(later)]
    assert [day.workflow_id for day in WorkflowDay.objects.all()] == ["other"]
    assert [row.workflow_id for row in ExecutionAnalytics.objects.all()] == ["other"]


def test_newest_hours_come_first_and_a_batch_is_bounded(environment):
    random_runs(environment, count=50, since=DAY, until=DAY + timedelta(days=2), seed=3)

    assert rollups.refresh_environment(**ids(environment), limit=2) >= 2

    hours = list(EnvironmentHour.objects.values_list("begins_at", flat=True))
    assert len(hours) == 2
    assert min(hours) > max(DirtyHour.objects.values_list("hour", flat=True))


def test_a_batch_reads_each_mark_a_few_times_however_many_wait(environment):
    # PostgreSQL has never counted the marks here, as in the first minutes of a first load.
    mark_hours(environment, [DAY - timedelta(hours=number) for number in range(300)])
    before = marks_read()

    rollups.refresh_environment(**ids(environment), limit=100)

    assert marks_read() - before <= 3 * 300


def marks_read():
    """Rows of the table that this transaction has gone through."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables"
            " WHERE relname = 'executions_dirtyhour'"
        )
        return cursor.fetchone()[0]


def test_final_hours_are_never_added_up_again(environment):
    add_run(environment, AT, status="error")
    add_run(environment, AT + timedelta(hours=2), status="success")
    refresh_all()
    rollups.freeze(**ids(environment), since=AT, before=floor_hour(AT) + timedelta(hours=1))

    Execution.objects.all().delete()
    mark_hours(environment, {floor_hour(AT), floor_hour(AT) + timedelta(hours=2)})
    refresh_all()

    assert [(hour.error, hour.success) for hour in EnvironmentHour.objects.all()] == [(1, 0)]
    assert EnvironmentDay.objects.get().error == 1
    assert DirtyHour.objects.count() == 0


def test_rows_that_no_rollup_has_seen_are_not_given_to_retention(environment):
    add_run(environment, AT)

    until = rollups.freeze(**ids(environment), since=DAY, before=AT + timedelta(days=3))

    assert until == floor_hour(AT)
    assert rollups.purged(**ids(environment)) == rollups.Purged(DAY, floor_hour(AT))


def test_the_final_stretch_only_grows(environment):
    rollups.freeze(**ids(environment), since=DAY, before=AT)
    rollups.freeze(
        **ids(environment), since=AT - timedelta(hours=2), before=AT - timedelta(hours=1)
    )

    assert rollups.purged(**ids(environment)) == rollups.Purged(DAY, AT)


def test_a_past_that_was_never_stored_is_added_up_when_it_comes(environment):
    """A tenant keeps more than before, and the older past is fetched from n8n."""
    add_run(environment, AT)
    refresh_all()
    rollups.freeze(**ids(environment), since=AT, before=AT + timedelta(hours=1))
    Execution.objects.all().delete()

    add_run(environment, AT)
    add_run(environment, AT - timedelta(days=20))
    refresh_all()

    totals = [(hour.begins_at, hour.success) for hour in EnvironmentHour.objects.all()]
    assert sorted(totals) == [(floor_hour(AT) - timedelta(days=20), 1), (floor_hour(AT), 1)]


def test_marks_of_a_removed_environment_are_dropped(environment):
    add_run(environment, AT)
    refresh_all()
    mark_hours(environment, {AT})

    environment.delete()
    rollups.drop_orphaned_marks()

    assert [model.objects.count() for model in (*TABLES, DirtyHour)] == [0] * 6


def test_it_keeps_the_totals_of_each_workflow(environment):
    now = floor_hour(datetime.now(UTC)) - timedelta(hours=5)
    add_run(environment, now, status="success", execution_time=200)
    add_run(environment, now + timedelta(minutes=1), status="waiting", execution_time=None)
    add_run(environment, now + timedelta(minutes=2), status="error", execution_time=400)

    refresh_all()

    found = ExecutionAnalytics.objects.get()
    assert (found.total_count, found.success_count, found.failure_count) == (3, 1, 1)
    assert (found.avg_duration, found.last_execution_at) == (300, now + timedelta(minutes=2))
    assert abs(found.p50_duration - 300) < 4
    assert found.last_failure_at == now + timedelta(minutes=2)
    assert found.last_error_message == ""


def test_durations_are_those_of_the_thirty_days_up_to_the_last_run(environment):
    add_run(environment, AT - timedelta(days=40), execution_time=9000)
    add_run(environment, AT - timedelta(days=3), execution_time=100)
    add_run(environment, AT, execution_time=300)

    refresh_all()

    found = ExecutionAnalytics.objects.get()
    assert (found.total_count, found.avg_duration) == (3, 200)


def test_a_reason_that_is_fetched_later_is_filled_in(environment):
    row = add_run(environment, AT, status="error")
    refresh_all()

    Execution.objects.filter(pk=row.pk).update(error_message="connect ECONNREFUSED")
    add_run(environment, AT + timedelta(days=1), workflow_id="other")
    refresh_all()

    found = ExecutionAnalytics.objects.get(workflow_id=row.workflow_id)
    assert found.last_error_message == "connect ECONNREFUSED"


def test_a_recount_finds_nothing_where_all_is_right(environment):
    random_runs(environment, count=40, since=DAY, until=DAY + timedelta(days=1))
    refresh_all()

    result = check_environment(**ids(environment))

    assert result.hours > 5
    assert result.different == ()
    assert RollupState.objects.get().hours_checked == result.hours


def test_a_recount_tells_of_a_difference_and_has_it_mended(environment):
    add_run(environment, AT, status="success")
    refresh_all()
    EnvironmentHour.objects.update(success=5)

    result = check_environment(**ids(environment))

    assert result.different == (floor_hour(AT),)
    assert "has 1 executions, its rollup says 5" in RollupState.objects.get().difference
    refresh_all()
    assert EnvironmentHour.objects.get().success == 1


def test_a_recount_finds_rows_that_were_never_added_up(environment):
    add_run(environment, AT)
    DirtyHour.objects.all().delete()

    assert check_environment(**ids(environment)).different == (floor_hour(AT),)


def test_rebuilding_says_what_it_added_up(environment):
    random_runs(environment, count=30, since=DAY, until=DAY + timedelta(days=1))
    output = StringIO()

    call_command("rebuild_rollups", tenant=environment.tenant.slug, stdout=output)

    assert f"{environment.name}: {EnvironmentHour.objects.count()} hours" in output.getvalue()


def test_rebuilding_names_what_it_does_not_find(environment):
    with pytest.raises(CommandError, match="no environment “elsewhere”"):
        call_command("rebuild_rollups", tenant=environment.tenant.slug, environment="elsewhere")
