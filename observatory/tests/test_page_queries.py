"""How often pages ask the database: a constant number of statements, and at most ten.

Every statement of the request counts, those too that name the person, the tenant and the limits
of the transaction.
"""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from analytics.models import ErrorGroup
from analytics.tests.counting import random_runs, refresh_all
from analytics.tests.failing import fail
from executions.models import Coverage, Execution, SyncState
from executions.tests.factories import EnvironmentFactory, WorkflowFactory
from tenants.models import Role
from tenants.scope import operator_scope
from tenants.tests.factories import MembershipFactory

pytestmark = pytest.mark.django_db
MOST = 10
PAGES = {
    "overview": "/",
    "overview narrowed": "/?environment={environment}&tag=ops",
    "workflows": "/workflows",
    "workflows sorted": "/workflows?sort=-p95_duration_ms",
    "workflow": "/workflows/{environment}/wf1",
    "errors": "/errors",
    "all errors": "/errors?tab=all",
    "error": "/errors/{error}",
    "credentials": "/errors/credentials",
    "environments": "/environments",
    "environment": "/environments/{environment}",
    "edit environment": "/environments/{environment}/edit",
    "remove environment": "/environments/{environment}/remove",
    "connect": "/environments/connect",
    "executions": "/executions",
    "executions narrowed": "/executions?query=status:error+workflow:Flow*+tag:ops&started_after=now-7d",
    "executions over time": "/executions/over-time?started_after=now-7d",
    "execution": "/executions/{execution}",
    "suggestions": "/executions/suggestions?query=workflow:F&place=10",
    "find": "/find?q=flow",
    "settings": "/settings",
    "retention": "/settings/retention",
    "you": "/settings/you",
    "members": "/settings/members",
    "tokens": "/settings/tokens",
    "audit": "/settings/audit",
    "design": "/design",
}


@pytest.fixture
def member(client):
    with operator_scope():
        member = MembershipFactory(role=Role.OWNER)
    client.force_login(member.user)
    return member


def fill(member, name, *, workflows, count, messages):
    """An environment with its runs, failures and what was seen of it."""
    now = timezone.now()
    with operator_scope():
        environment = EnvironmentFactory(tenant=member.tenant, name=name, health="reachable")
        SyncState.objects.filter(environment=environment).update(synced_at=now)
        Coverage.objects.create(
            tenant=member.tenant,
            environment=environment,
            from_at=now - timedelta(days=40),
            to_at=now,
        )
        for number in range(workflows):
            WorkflowFactory(
                environment=environment,
                workflow_id=f"wf{number}",
                name=f"Flow {number}",
                is_active=True,
                tags=["ops"],
            )
        since = now - timedelta(days=3)
        random_runs(environment, count=count, since=since, until=now, workflows=workflows + 1)
        for number, message in enumerate(messages):
            at = now - timedelta(minutes=number + 1)
            fail(environment, at, message, workflow_id="wf1", n8n_execution_id=f"9{number}")
        refresh_all()
    return environment


@pytest.mark.parametrize("page", PAGES)
def test_a_page_asks_the_database_a_constant_number_of_times_and_at_most_ten(client, member, page):
    environment = fill(
        member, "Production", workflows=2, count=40, messages=["Request failed with status code 401"]
    )
    with operator_scope():
        path = f"/t/{member.tenant.slug}" + PAGES[page].format(
            environment=environment.pk,
            error=ErrorGroup.objects.first().pk,
            execution=Execution.objects.filter(fingerprint__gt="").first().pk,
        )

    def statements():
        with CaptureQueriesContext(connection) as captured:
            assert client.get(path).status_code == 200
        return [query["sql"] for query in captured]

    few = statements()
    messages = [f"{word} is odd" for word in ("apple", "pear", "plum", "fig")]
    fill(member, "Staging", workflows=30, count=400, messages=messages)
    many = statements()
    import pathlib  # noqa
    pathlib.Path(f"/tmp/w/pages/q").mkdir(exist_ok=True)
    pathlib.Path(f"/tmp/w/pages/q/{page}").write_text(f"{len(few)} {len(many)}\n" + "\n=====\n".join(few))

    assert len(many) == len(few)
    assert len(few) <= MOST
