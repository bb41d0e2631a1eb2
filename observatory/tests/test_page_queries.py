"""How often pages ask the database: as often for much as for little, and at most ten times.

Not among the ten are the five statements with which every page finds out who asks (session, user,
memberships, and the two that bind the transaction to person and tenant), and the beginning and the
end of the transaction.
"""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from analytics.models import ErrorGroup
from analytics.tests.counting import random_runs, refresh_all
from analytics.tests.failing import fail
from analytics.tests.filling import see_all
from executions.models import Execution
from executions.tests.factories import EnvironmentFactory, WorkflowFactory
from tenants.models import Role
from tenants.scope import operator_scope, tenant_scope
from tenants.tests.factories import MembershipFactory

pytestmark = pytest.mark.django_db
WHO_ASKS, MOST = 5, 10
TRANSACTION = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE SAVEPOINT")
PAGES = {
    "overview": "/",
    "overview narrowed": "/?environment={environment}&tag=ops",
    "workflows": "/workflows",
    "workflows sorted": "/workflows?sort=-p95_duration_ms",
    "workflow": "/workflows/{environment}/wf1",
    "errors": "/errors",
    "all errors": "/errors?tab=all",
    "error": "/errors/{error}",
    "error to merge": "/errors/{error}?into=odd",
    "rules": "/errors/rules",
    "credentials": "/errors/credentials",
    "environments": "/environments",
    "environment": "/environments/{environment}",
    "edit environment": "/environments/{environment}/edit",
    "remove environment": "/environments/{environment}/remove",
    "connect": "/environments/connect",
    "executions": "/executions",
    "executions narrowed": "/executions?query=status:error+workflow:Flow*+tag:ops",
    "executions over time": "/executions/over-time?started_after=now-7d",
    "execution": "/executions/{execution}",
    "suggestions": "/executions/suggestions?query=workflow:F&place=10",
    "find": "/find?q=flow",
    "settings": "/settings",
    "retention": "/settings/retention",
    "saved views": "/settings/views",
    "you": "/settings/you",
    "members": "/settings/members",
    "tokens": "/settings/tokens",
    "audit": "/settings/audit",
    "design": "/design",
}


@pytest.fixture(scope="module")
def little(module_transaction):
    """A member of a tenant with one environment, and that environment."""
    return with_one_environment()


@pytest.fixture(scope="module")
def much(module_transaction):
    """The same of another tenant, which has a second environment with fifteen times as much."""
    member, environment = with_one_environment()
    messages = [f"{word} is odd" for word in ("apple", "pear", "plum", "fig")]
    fill(member, "Staging", workflows=30, count=400, messages=messages)
    return member, environment


def with_one_environment():
    with operator_scope():
        member = MembershipFactory(role=Role.OWNER)
    messages = ["Request failed with status code 401"]
    return member, fill(member, "Production", workflows=2, count=40, messages=messages)


def fill(member, name, *, workflows, count, messages):
    """An environment with its runs, failures and what was seen of it."""
    now = timezone.now()
    with operator_scope():
        environment = EnvironmentFactory(tenant=member.tenant, name=name, health="reachable")
        see_all(environment, days=40)
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


def questions(client, page, member, environment):
    """How often it asks the database for what it shows."""
    with tenant_scope(member.tenant_id):
        execution = Execution.objects.filter(environment_id=environment.pk, fingerprint__gt="")[0]
        path = page.format(
            environment=environment.pk,
            error=ErrorGroup.objects.get(error_class="auth").pk,
            execution=execution.pk,
        )
    client.force_login(member.user)
    with CaptureQueriesContext(connection) as captured:
        assert client.get(f"/t/{member.tenant.slug}{path}").status_code == 200
    asked = [one for one in captured if not one["sql"].startswith(TRANSACTION)]
    return len(asked) - WHO_ASKS


@pytest.mark.parametrize("page", PAGES)
def test_a_page_asks_as_often_for_much_as_for_little_and_at_most_ten_times(
    client, little, much, page
):
    few = questions(client, PAGES[page], *little)

    assert questions(client, PAGES[page], *much) == few
    assert few <= MOST
