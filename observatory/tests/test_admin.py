"""The admin: every list is served in constant queries, actions act and are on record."""

from datetime import timedelta

import pytest
from django.contrib import admin
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from analytics import tasks
from executions.admin import UncountedPaginator
from executions.models import Environment, Execution, RetentionRule, SyncRun, Workflow
from executions.tests.factories import EnvironmentFactory, ExecutionFactory, WorkflowFactory
from tenants.models import AuditEntry, Tenant, User
from tenants.scope import operator_scope
from tenants.tests.factories import MembershipFactory, TenantFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(client):
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    return client


def fill(tenants):
    with operator_scope():
        for _ in range(tenants):
            environment = EnvironmentFactory(tenant=MembershipFactory().tenant)
            WorkflowFactory(environment=environment)
            ids = {"tenant": environment.tenant, "environment": environment}
            SyncRun.objects.create(**ids, kind=SyncRun.Kind.CYCLE)
            ExecutionFactory(tenant=environment.tenant, environment_id=environment.pk)


def address(model, page="changelist", *args):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def act(client, model, action, rows):
    return client.post(
        address(model),
        {"action": action, "_selected_action": [str(row.pk) for row in rows]},
        follow=True,
    )


@pytest.mark.parametrize("model", admin.site._registry, ids=lambda model: model._meta.label)
def test_every_list_is_served_and_its_queries_do_not_grow(operator, model):
    fill(1)
    operator.get(address(model))
    with CaptureQueriesContext(
        connection,
    ) as few:
        assert operator.get(address(model)).status_code == 200
    fill(4)

    with CaptureQueriesContext(connection) as many:
        page = operator.get(address(model))

    assert page.status_code == 200
    assert len(many) <= len(few)


@pytest.mark.parametrize("model", [Environment, Execution, Workflow])
def test_a_row_is_looked_at_and_not_typed(operator, model):
    fill(1)
    with operator_scope():
        row = model.objects.get()

    page = operator.get(address(model, "change", row.pk)).content.decode()

    assert 'name="_save"' not in page
    assert "key-of-a-test" not in page


def test_an_execution_is_found_by_either_id(operator):
    fill(3)
    with operator_scope():
        row = Execution.objects.first()

    for term in (str(row.pk), row.n8n_execution_id):
        page = operator.get(address(Execution), {"q": term}).content.decode()
        assert str(row.pk) in page
    assert "0 executions" in operator.get(address(Execution), {"q": "nothing"}).content.decode()


def test_pages_end_before_rows_would_be_passed_over_in_millions(monkeypatch):
    fill(4)
    monkeypatch.setattr("executions.admin.DEEPEST_ROW", 3)

    with operator_scope():
        assert UncountedPaginator(Execution.objects.order_by("-id"), 2).count == 3


def test_a_sync_is_asked_for_and_on_record(operator):
    fill(1)
    with operator_scope():
        environment = Environment.objects.get()

    act(operator, Environment, "sync_now", [environment])
    act(operator, Environment, "pause", [environment])

    with operator_scope():
        actions = set(AuditEntry.objects.values_list("action", flat=True))
        environment.refresh_from_db()
    assert actions == {"asked for a sync", "changed environment"}
    assert environment.is_paused


def test_a_connection_is_tested_and_the_fault_named(operator, settings):
    settings.ALLOWED_NETWORKS = ()
    with operator_scope():
        environment = EnvironmentFactory(name="Prod", base_url="http://127.0.0.1:5678")

    page = act(operator, Environment, "test", [environment])

    (message,) = page.context["messages"]
    assert message.level_tag == "error"
    assert str(message).startswith("Prod: ")


def test_retention_is_previewed_and_started(
    operator, monkeypatch, django_capture_on_commit_callbacks
):
    asked = []
    monkeypatch.setattr(tasks, "enqueue_pruning", lambda *ids: asked.append(ids))
    with operator_scope():
        environment = EnvironmentFactory(tenant__retention_min_kept=0)
        ExecutionFactory(
            tenant=environment.tenant,
            environment_id=environment.pk,
            started_at=timezone.now() - timedelta(days=30),
        )

    told = act(operator, Tenant, "preview_retention", [environment.tenant]).content.decode()
    with django_capture_on_commit_callbacks(execute=True):
        act(operator, Tenant, "prune_now", [environment.tenant])

    assert "Deletes 1 execution older than" in told
    assert [pk for pk, _ in asked] == [environment.tenant_id]


def test_a_rule_of_retention_typed_in_the_admin_is_on_record(operator):
    with operator_scope():
        tenant = TenantFactory()
    form = {
        "slug": tenant.slug,
        "name": tenant.name,
        "time_zone": "UTC",
        "retention_days": 9,
        "retention_min_kept": 100,
    }
    for prefix in operator.get(address(Tenant, "change", tenant.pk)).context[
        "inline_admin_formsets"
    ]:
        name = prefix.formset.prefix
        form |= {f"{name}-TOTAL_FORMS": 0, f"{name}-INITIAL_FORMS": 0}
        if prefix.formset.model is RetentionRule:
            form |= {f"{name}-TOTAL_FORMS": 1, f"{name}-0-days": 30, f"{name}-0-status": "error"}

    answer = operator.post(address(Tenant, "change", tenant.pk), form)

    assert answer.status_code == 302, answer.context["errors"]
    with operator_scope():
        assert RetentionRule.objects.get().days == 30
        actions = set(AuditEntry.objects.values_list("action", flat=True))
    assert {"changed tenant", "added retention rule"} <= actions
    assert User.objects.filter(is_superuser=True).exists()
