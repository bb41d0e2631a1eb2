"""Every endpoint's figures against SQL written by hand, by the command that does so for people."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from analytics.models import EnvironmentDay, EnvironmentHour, ExecutionAnalytics
from analytics.tests.counting import add_run, random_runs, refresh_all
from executions.tests.factories import EnvironmentFactory, WorkflowFactory
from tenants.scope import operator_scope
from tenants.tests.factories import TenantFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def tenant():
    """Two environments with forty days of runs of all kinds, and a stranger's."""
    now = timezone.now()
    with operator_scope():
        first = EnvironmentFactory(name="Prod")
        second = EnvironmentFactory(tenant=first.tenant, name="Test")
        WorkflowFactory(environment=first, workflow_id="wf1", name="Orders", tags=["billing"])
        WorkflowFactory(environment=first, workflow_id="quiet", name="Quiet", is_active=True)
        since = now - timedelta(days=40)
        for seed, environment in enumerate((first, second, EnvironmentFactory())):
            random_runs(environment, count=250, since=since, until=now, seed=seed)
        random_runs(first, count=150, since=now - timedelta(days=1), until=now, seed=7)
        add_run(
            first,
            now - timedelta(hours=1),
            status="new",
            normalized_status="running",
            recheck_at=now,
        )
        add_run(
            first,
            now - timedelta(hours=2),
            status="waiting",
            recheck_at=now,
            wait_till=now - timedelta(hours=1),
        )
    return first.tenant


def verify(tenant, **options):
    output = StringIO()
    call_command("verify_analytics", tenant=tenant.slug, stdout=output, **options)
    return output.getvalue().splitlines()


def test_every_figure_is_what_plain_sql_says(tenant):
    lines = verify(tenant)

    assert lines[-1].endswith(" 0 differ")
    for part in (
        "kpis",
        "workflows",
        "environments",
        "overview",
        "status",
        "timeseries",
        "analytics",
        "stuck",
        "reports",
    ):
        assert any(line.startswith(part) for line in lines), part
    assert any("mode=webhook" in line for line in lines)
    assert any("tag=billing" in line for line in lines)


def test_a_wrong_figure_is_named(tenant):
    refresh_all()
    with operator_scope():
        for table in (EnvironmentHour, EnvironmentDay):
            table.objects.filter(tenant_id=tenant.pk).update(success=77)
        ExecutionAnalytics.objects.filter(tenant_id=tenant.pk).update(failure_count=9999)
    output = StringIO()

    with pytest.raises(CommandError, match="Answers and executions differ"):
        call_command("verify_analytics", tenant=tenant.slug, verbosity=0, stdout=output)

    told = output.getvalue()
    assert "kpis time_range=7d success_count:" in told
    assert "reports.execution_counts_by_environment equal rows:" in told
    assert "Orders failure_count: 9999 ≠" in told
    assert " = " not in told.rpartition("\n")[0]


@pytest.mark.parametrize("factory", [TenantFactory, lambda: EnvironmentFactory().tenant])
def test_a_tenant_without_runs_has_nothing_to_differ(factory):
    with operator_scope():
        tenant = factory()

    assert verify(tenant)[-1].endswith(" 0 differ")
