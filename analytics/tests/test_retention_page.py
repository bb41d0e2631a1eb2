"""Retention in the settings: tried out by a link, saved by those who may, and told afterwards."""

from datetime import timedelta

import pytest
from django.utils import timezone

from analytics import tasks
from analytics.tests.counting import add_run, refresh_all
from executions.models import RetentionRule, RetentionRun
from executions.retention import policy_of
from executions.retention_policy import Rule
from executions.tests.factories import EnvironmentFactory
from tenants.models import AuditEntry, Role, Tenant
from tenants.scope import operator_scope
from tenants.tests.factories import MembershipFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def member():
    with operator_scope():
        return MembershipFactory(role=Role.ADMIN, tenant__retention_min_kept=0)


@pytest.fixture
def environment(member):
    with operator_scope():
        environment = EnvironmentFactory(tenant=member.tenant, name="Prod <b>")
        add_run(environment, timezone.now() - timedelta(days=3))
        refresh_all()
    return environment


@pytest.fixture
def address(client, member):
    client.force_login(member.user)
    return f"/t/{member.tenant.slug}/settings/retention"


def stored(member):
    with operator_scope():
        return policy_of(Tenant.objects.get(pk=member.tenant_id))


def test_values_are_tried_out_by_a_link_and_change_nothing(client, member, environment, address):
    told = client.get(address, {"days": 2, "min_kept": 0}).content.decode()

    assert "With these values: Deletes 1 execution older than" in told
    assert "Prod &lt;b&gt;" in told
    assert stored(member).days == 7


def test_they_are_saved_with_what_differs(client, member, environment, address):
    with operator_scope():
        RetentionRule.objects.create(tenant=member.tenant, status="canceled", days=2)
    form = {"days": 14, "failure_days": 30, "min_kept": 5, f"days_{environment.pk}": 3}

    answer = client.post(address, form)

    assert answer.status_code == 302
    policy = stored(member)
    assert (policy.days, policy.min_kept) == (14, 5)
    assert set(policy.rules) == {
        Rule(30, None, "error"),
        Rule(3, environment.pk, ""),
        Rule(2, None, "canceled"),
    }
    assert 'value="14"' in client.get(address).content.decode()


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("days", "0", "greater than or equal to 1"),
        ("days", "soon", "whole number"),
        ("failure_days", "9999", "less than or equal to 3650"),
        ("min_kept", "-1", "greater than or equal to 0"),
    ],
)
def test_a_wrong_value_is_named_where_it_stands(client, member, address, name, value, words):
    form = {"days": 7, "min_kept": 0, name: value}

    for answer in (client.post(address, form), client.get(address, form)):
        assert answer.status_code == 400
        assert words in answer.content.decode()
    assert stored(member).days == 7


def test_a_viewer_looks_and_changes_nothing(client, member, address):
    with operator_scope():
        viewer = MembershipFactory(tenant=member.tenant, role=Role.VIEWER)
    client.force_login(viewer.user)

    assert "Only an admin changes these" in client.get(address).content.decode()
    assert client.post(address, {"days": 1, "min_kept": 0}).status_code == 403
    assert client.post(f"{address}/prune").status_code == 403


def test_deleting_now_is_on_record_and_listed(
    client, member, environment, address, monkeypatch, django_capture_on_commit_callbacks
):
    monkeypatch.setattr(tasks, "enqueue_pruning", lambda *ids: tasks.prune_tenant(*map(str, ids)))
    client.post(address, {"days": 2, "min_kept": 0})

    with django_capture_on_commit_callbacks(execute=True):
        client.post(f"{address}/prune")

    with operator_scope():
        assert RetentionRun.objects.get().deleted == 1
        assert AuditEntry.objects.filter(action="asked for pruning").exists()
    assert "Done" in client.get(address).content.decode()
