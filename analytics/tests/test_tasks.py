from datetime import UTC, datetime

import pytest
from kombu.exceptions import OperationalError

from analytics import tasks
from analytics.models import EnvironmentHour
from analytics.tests.counting import add_run
from executions.signals import executions_ingested
from executions.tests.factories import EnvironmentFactory
from tenants.scope import operator_scope, tenant_scope

pytestmark = pytest.mark.django_db

AT = datetime(2026, 5, 4, 9, 20, tzinfo=UTC)


@pytest.fixture
def environment():
    with operator_scope():
        return EnvironmentFactory()


@pytest.fixture
def enqueued(monkeypatch):
    calls = []
    monkeypatch.setattr(
        tasks.refresh_rollups, "apply_async", lambda args, **_: calls.append(tuple(args))
    )
    return calls


def announce(environment):
    executions_ingested.send(
        sender=None,
        tenant_id=environment.tenant_id,
        environment_id=environment.pk,
        execution_ids=(),
    )


def test_it_enqueues_a_refresh_after_an_ingest(environment, enqueued):
    announce(environment)

    assert enqueued == [(str(environment.tenant_id), str(environment.pk))]


def test_a_broker_that_is_away_does_not_fail_the_sync(environment, monkeypatch):
    def refuse(**_):
        raise OperationalError("connection refused")

    monkeypatch.setattr(tasks.refresh_rollups, "apply_async", refuse)

    announce(environment)


def test_the_dispatcher_finds_marked_environments_only(environment, enqueued):
    with operator_scope():
        EnvironmentFactory()
        add_run(environment, AT)

    tasks.dispatch_refreshes()

    assert enqueued == [(str(environment.tenant_id), str(environment.pk))]


def test_a_refresh_adds_up_what_is_marked(environment):
    with operator_scope():
        add_run(environment, AT)

    tasks.refresh_rollups(str(environment.tenant_id), str(environment.pk))

    with tenant_scope(environment.tenant_id):
        assert EnvironmentHour.objects.get().success == 1


def test_the_nightly_check_visits_every_environment(environment):
    with operator_scope():
        add_run(environment, AT)

    tasks.check_rollups()
