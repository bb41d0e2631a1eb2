from datetime import timedelta

import pytest
from django.utils import timezone

from analytics.histograms import NONE_TIMED, Histogram
from analytics.selection import Selection
from analytics.stuck import StuckKind, learnt_limit, stuck_runs
from analytics.tests.counting import add_run, refresh_all
from executions.tests.factories import EnvironmentFactory
from tenants.scope import operator_scope, tenant_scope

pytestmark = pytest.mark.django_db


@pytest.fixture
def environment():
    with operator_scope():
        environment = EnvironmentFactory()
    with tenant_scope(environment.tenant_id):
        yield environment


def unfinished(environment, age, **values):
    now = timezone.now()
    defaults = {
        "status": "running",
        "normalized_status": "running",
        "execution_time": None,
        "finished_at": None,
        "recheck_at": now,
    }
    return add_run(environment, now - age, **{**defaults, **values})


def found(environment, **chosen):
    return stuck_runs(Selection(tenant_id=environment.tenant_id, **chosen))


def test_without_experience_the_fixed_limit_holds(environment):
    unfinished(environment, timedelta(hours=5))
    late = unfinished(environment, timedelta(hours=7))

    (stuck,) = found(environment)

    assert (stuck.execution.pk, stuck.kind) == (late.pk, StuckKind.TOO_LONG)
    assert stuck.sentence == "It has run for 7 hours; the limit is 6 hours."


def test_a_workflow_is_held_to_its_own_pace(environment):
    for number in range(40):
        add_run(environment, timezone.now() - timedelta(hours=number + 1), execution_time=60_000)
    refresh_all()
    unfinished(environment, timedelta(minutes=2))
    late = unfinished(environment, timedelta(minutes=4))

    (stuck,) = found(environment)

    assert stuck.execution.pk == late.pk
    assert "usually needs at most 61 seconds" in stuck.sentence


def test_a_few_runs_teach_nothing():
    assert learnt_limit(Histogram.of([1000] * 29)) is None
    assert learnt_limit(Histogram.of([1000] * 30)) is not None
    assert learnt_limit(NONE_TIMED) is None


def test_a_run_that_was_queued_long_ago_is_named(environment):
    unfinished(environment, timedelta(minutes=1), status="new")
    unfinished(environment, timedelta(minutes=9), status="new")

    (stuck,) = found(environment)

    assert stuck.kind is StuckKind.NOT_STARTED
    assert stuck.sentence == "It was queued 9 minutes ago and has not started."


def test_a_run_that_should_have_woken_is_named(environment):
    now = timezone.now()
    waiting = {"status": "waiting", "normalized_status": "waiting"}
    unfinished(environment, timedelta(days=2), **waiting, wait_till=now + timedelta(days=1))
    unfinished(environment, timedelta(days=2), **waiting, wait_till=None)
    unfinished(environment, timedelta(days=2), **waiting, wait_till=now - timedelta(hours=3))

    (stuck,) = found(environment)

    assert stuck.kind is StuckKind.OVERDUE


def test_it_keeps_to_the_selection(environment):
    unfinished(environment, timedelta(hours=7), mode="webhook")

    assert found(environment, modes=("trigger",)) == []
    assert found(environment, tags=("none",)) == []
    assert len(found(environment, environments=(environment.pk,))) == 1
