"""Fixtures of the fault tests: a stand-in n8n over HTTP, turns in this process, real workers."""

import ipaddress
from contextlib import contextmanager

import pytest
from django.utils import timezone

from executions import sync
from executions.models import Environment, Execution, SyncState
from executions.n8n.client import Limits
from executions.n8n.fake import API_KEY, FakeN8n
from executions.n8n.fake_server import FakeServer
from executions.tests.factories import EnvironmentFactory
from executions.tests.faults.stage import open_stage
from tenants.scope import operator_scope, tenant_scope

# A busy machine must not look like a slow n8n; only what is slow on purpose meets impatience.
PATIENCE = Limits(connect_seconds=5, read_seconds=10, total_seconds=20, max_bytes=4 * 2**20)
IMPATIENCE = Limits(connect_seconds=1, read_seconds=0.3, total_seconds=0.6, max_bytes=4 * 2**20)


@pytest.fixture
def stage(transactional_db, tmp_path):
    with open_stage(tmp_path) as stage:
        yield stage


@pytest.fixture
def connect(stage):
    """Connect an environment to an n8n that is served under this address."""

    def connected(url, **values):
        with operator_scope():
            return EnvironmentFactory(base_url=url, api_key=API_KEY, **values)

    return connected


@pytest.fixture
def n8n():
    fake = FakeN8n(first_id=1000)
    fake.workflow_id = fake.add_workflow("Order sync")
    return fake


@pytest.fixture
def impatient(monkeypatch):
    """A stretch in which no answer is waited for for longer than a blink."""

    @contextmanager
    def stretch():
        with monkeypatch.context() as patch:
            patch.setattr(sync, "LIMITS", IMPATIENCE)
            yield

    return stretch


@pytest.fixture
def environment(n8n, db, settings, monkeypatch):
    """Connected to the stand-in over HTTP."""
    settings.ALLOWED_NETWORKS = (ipaddress.ip_network("127.0.0.0/8"),)
    monkeypatch.setattr(sync, "LIMITS", PATIENCE)
    with FakeServer(n8n) as server:
        with operator_scope():
            environment = EnvironmentFactory(base_url=server.url, api_key=API_KEY)
        with tenant_scope(environment.tenant_id):
            yield environment


@pytest.fixture
def rows(environment):
    def of(model=Execution):
        return model.objects.for_tenant(environment.tenant_id)

    return of


@pytest.fixture
def turn(environment):
    """Do a turn, and more while there is more to do at once."""

    def run():
        for _ in range(20):
            result = sync.run_turn(
                tenant_id=environment.tenant_id, environment_id=environment.pk, owner="test"
            )
            if not result.has_more:
                return result
        pytest.fail("The sync never came to an end.")

    return run


@pytest.fixture
def health(rows):
    def of():
        return str(rows(Environment).get().health)

    return of


@pytest.fixture
def wait(rows):
    """Seconds until the environment is due again, by the database's row."""

    def of():
        return (rows(SyncState).get().due_at - timezone.now()).total_seconds()

    return of


@pytest.fixture
def stored(rows):
    def of():
        return {row.n8n_execution_id: row.status for row in rows()}

    return of


@pytest.fixture
def truth(n8n):
    def of():
        return {row.id: row.status for row in n8n.rows()}

    return of
