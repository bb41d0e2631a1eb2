from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from executions import sync
from executions.management.commands import verify_executions
from executions.models import Execution
from executions.n8n.fake import FakeN8n
from executions.n8n.fake_server import client_of
from executions.tests.factories import EnvironmentFactory
from tenants.scope import operator_scope, tenant_scope

pytestmark = pytest.mark.django_db


@pytest.fixture
def n8n(monkeypatch):
    fake = FakeN8n(first_id=1000)
    fake.add_workflow("Order sync")
    for module in (sync, verify_executions):
        monkeypatch.setattr(module, "open_client", lambda environment: client_of(fake))
    return fake


@pytest.fixture
def environment(n8n):
    with operator_scope():
        environment = EnvironmentFactory()
    n8n.add_many(20, every_ms=60_000)
    sync.run_turn(tenant_id=environment.tenant_id, environment_id=environment.pk, owner="test")
    return environment


def said(environment):
    out = StringIO()
    call_command(
        "verify_executions",
        tenant=environment.tenant.slug,
        environment=environment.name,
        stdout=out,
    )
    return out.getvalue()


def test_it_finds_what_was_copied_equal(environment):
    assert "20 executions compared" in said(environment)


def test_a_run_that_began_since_the_last_copying_is_no_difference(n8n, environment):
    n8n.run(n8n.workflows[0].id)

    told = said(environment)

    assert "20 executions compared" in told
    assert "1 younger than the last copying" in told


@pytest.mark.parametrize("change", [{"mode": "manual"}, {"status": "error"}], ids=str)
def test_a_row_that_says_something_else_is_a_difference(environment, change):
    with tenant_scope(environment.tenant_id):
        Execution.objects.filter(n8n_execution_id="1005").update(**change)

    with pytest.raises(CommandError, match="differ"):
        said(environment)


def test_a_row_that_is_not_there_is_a_difference(environment):
    with tenant_scope(environment.tenant_id):
        Execution.objects.filter(n8n_execution_id="1005").delete()

    with pytest.raises(CommandError, match="differ"):
        said(environment)
