from datetime import timedelta

import pytest
from django.utils import timezone

from executions.caveats import coverage_report, pruned_after, sentences
from executions.coverage import Stretch, extend, gaps, stretches
from executions.models import SyncState
from executions.tests.factories import EnvironmentFactory, ExecutionFactory
from tenants.scope import operator_scope

NOW = timezone.now()


def stretch(begin, end):
    return Stretch(NOW + timedelta(hours=begin), NOW + timedelta(hours=end))


@pytest.fixture
def environment(db):
    with operator_scope():
        yield EnvironmentFactory()


def executions(environment, count, status):
    for _ in range(count):
        ExecutionFactory(tenant=environment.tenant, environment_id=environment.pk, status=status)


@pytest.mark.parametrize(
    ("seen", "missing"),
    [
        ([], [(0, 10)]),
        ([(0, 10)], []),
        ([(-5, 20)], []),
        ([(2, 4), (6, 8)], [(0, 2), (4, 6), (8, 10)]),
        ([(-3, -1), (12, 14)], [(0, 10)]),
        ([(0, 5), (5, 10)], []),
    ],
)
def test_gaps_are_what_was_wanted_and_not_seen(seen, missing):
    found = gaps([stretch(*pair) for pair in seen], stretch(0, 10))

    assert found == [stretch(*pair) for pair in missing]


def test_stretches_that_touch_become_one(environment):
    for pair in ((0, 1), (3, 4), (1, 2), (10, 11), (2, 3)):
        extend(environment.tenant_id, environment.pk, stretch(*pair))

    assert stretches(environment.tenant_id, environment.pk) == [stretch(0, 4), stretch(10, 11)]


def test_an_empty_stretch_is_not_written(environment):
    extend(environment.tenant_id, environment.pk, stretch(1, 1))

    assert stretches(environment.tenant_id, environment.pk) == []


def test_failures_only_mean_that_successes_are_not_saved(environment):
    executions(environment, 20, "error")

    report = coverage_report(environment, since=NOW - timedelta(days=1))

    assert report.saves_successes is False
    assert "no success rate can be said" in report.sentences[0]


def test_few_failures_say_nothing_about_what_is_saved(environment):
    executions(environment, 19, "error")

    assert coverage_report(environment, since=NOW - timedelta(days=1)).saves_successes is None


def test_one_success_shows_that_they_are_saved(environment):
    executions(environment, 25, "error")
    executions(environment, 1, "success")

    report = coverage_report(environment, since=NOW - timedelta(days=1))

    assert (report.saves_successes, report.sentences) == (True, ())


def test_the_gap_before_the_first_load_is_told(environment):
    SyncState.objects.filter(environment=environment).update(synced_at=NOW)
    extend(environment.tenant_id, environment.pk, stretch(-2, 0))

    report = coverage_report(environment, since=NOW - timedelta(hours=5))

    assert report.gaps == [stretch(-5, -2)]


@pytest.mark.parametrize("hours", [2, -2])
def test_an_n8n_whose_clock_is_off_has_no_gap_by_that(environment, hours):
    now = timezone.now()
    SyncState.objects.filter(environment=environment).update(synced_at=now)
    its_now = now + timedelta(hours=hours)
    extend(environment.tenant_id, environment.pk, Stretch(its_now - timedelta(days=9), its_now))

    assert coverage_report(environment, since=now - timedelta(days=7)).gaps == []


@pytest.mark.parametrize(
    ("runs_a_day", "hours"), [(0, 336), (100, 336), (10_000, 24), (240_000, 1)]
)
def test_n8n_deletes_by_age_or_by_count_whatever_comes_first(runs_a_day, hours):
    assert pruned_after(runs_a_day) == timedelta(hours=hours)


def test_a_sync_that_is_older_than_what_n8n_keeps_loses_runs():
    told = sentences(saves=True, pruned=timedelta(hours=1), lag=timedelta(hours=2))

    assert "runs are being lost" in told[0]


def test_a_fast_n8n_is_warned_of_in_time():
    told = sentences(saves=True, pruned=timedelta(hours=4), lag=timedelta(minutes=1))

    assert "a longer pause of the sync loses some" in told[0]
