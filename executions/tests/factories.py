"""Rows of executions for tests; build them inside a tenant's scope or ``operator_scope()``."""

from datetime import timedelta

import factory
from django.utils import timezone

from executions.error_rules import ErrorRule
from executions.models import Environment, Execution, SyncState, Workflow
from tenants.tests.factories import TenantFactory


class EnvironmentFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Environment
        skip_postgeneration_save = True

    tenant = factory.SubFactory(TenantFactory)
    name = factory.Sequence(lambda n: f"n8n {n}")
    base_url = "http://127.0.0.1:9"
    api_key = "key-of-a-test"
    api_key_last_four = "test"
    api_key_set_at = factory.LazyFunction(timezone.now)
    sync = factory.RelatedFactory(
        "executions.tests.factories.SyncStateFactory", factory_related_name="environment"
    )


class SyncStateFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = SyncState

    tenant = factory.SelfAttribute("environment.tenant")


class WorkflowFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Workflow

    tenant = factory.SelfAttribute("environment.tenant")
    workflow_id = factory.Sequence(lambda n: f"wf{n:05d}")
    name = factory.Sequence(lambda n: f"Workflow {n}")
    seen_at = factory.LazyFunction(timezone.now)


class ExecutionFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Execution

    n8n_execution_id = factory.Sequence(lambda n: str(n + 1))
    id_order = factory.LazyAttribute(lambda row: int(row.n8n_execution_id))
    workflow_id = "wf00000"
    workflow_name = "Order sync"
    status = "success"
    normalized_status = factory.SelfAttribute("status")
    mode = "webhook"
    started_at = factory.LazyFunction(lambda: timezone.now() - timedelta(minutes=5))
    finished_at = factory.LazyAttribute(lambda row: row.started_at + timedelta(seconds=1))
    occurred_at = factory.SelfAttribute("started_at")
    execution_time = 1000
    created_at = factory.LazyFunction(timezone.now)
    updated_at = factory.LazyFunction(timezone.now)


class ErrorRuleFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = ErrorRule

    name = factory.Sequence(lambda n: f"Rule {n}")
    pattern = "warehouse"
    created_by = "ann"
