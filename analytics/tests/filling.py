"""Environments with workflows, runs and failures, as the pages of numbers show them."""

from datetime import timedelta

from django.utils import timezone

from analytics.tests.counting import random_runs, refresh_all
from analytics.tests.failing import fail
from executions.models import Coverage, Health, SyncState
from executions.tests.factories import EnvironmentFactory, WorkflowFactory
from tenants.scope import operator_scope

REFUSED = "Request failed with status code 401"
KEYED = {
    "name": 'HTTP "1": call',
    "credentials": [{"type": "httpAuth", "id": "1", "name": "Shop key"}],
}


def make_environment(member, name):
    with operator_scope():
        environment = EnvironmentFactory(
            tenant=member.tenant, name=name, health=Health.REACHABLE, base_url="http://n8n.example"
        )
    see_all(environment, days=40)
    return environment


def see_all(environment, days=80):
    """Copied a moment ago, and without a gap for so many days."""
    now = timezone.now()
    with operator_scope():
        Coverage.objects.create(
            tenant_id=environment.tenant_id,
            environment=environment,
            from_at=now - timedelta(days=days),
            to_at=now,
        )
        SyncState.objects.filter(environment=environment).update(synced_at=now)


def run_workflows(environment, *, count, workflows, seed, days, **of_each):
    """Workflows, the first of them switched off, and runs of them all in the last days."""
    now = timezone.now()
    for number in range(workflows):
        WorkflowFactory(
            environment=environment,
            workflow_id=f"wf{number}",
            name=f"Flow {number}",
            is_active=number > 0,
            tags=["billing"] if number % 2 else ["ops"],
            **of_each,
        )
    since = now - timedelta(days=days)
    random_runs(environment, count=count, since=since, until=now, seed=seed, workflows=workflows)


def fill(environment, *, count=300, workflows=4, seed=1, days=3):
    now = timezone.now()
    with operator_scope():
        run_workflows(
            environment, count=count, workflows=workflows, seed=seed, days=days, nodes=[KEYED]
        )
        for number in range(6):
            fail(
                environment,
                now - timedelta(minutes=7 * number + 1),
                ("timeout of 100 ms exceeded", REFUSED)[number % 2],
                workflow_id="wf1",
                error_node=("Wait", 'HTTP "1": call')[number % 2],
                workflow_version_id=f"v{number % 2}",
                n8n_execution_id=f"{seed}-e{number}",
                id_order=900 + number,
            )
        fail(
            environment,
            now - timedelta(hours=30),
            REFUSED,
            workflow_id="wf2",
            error_node="Other",
            n8n_execution_id=f"{seed}-before",
            id_order=890,
        )
        refresh_all()
