"""Finding a page by a few letters: workflows and environments of a tenant by name."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Q
from django.urls import reverse

from executions.models import Environment, Workflow
from tenants.models import Tenant

FOUND_OF_A_KIND = 12


@dataclass(frozen=True, slots=True)
class Place:
    """A page that was found."""

    name: str
    kind: str
    address: str
    where: str = ""


def find(tenant: Tenant, text: str) -> list[Place]:
    """The workflows and environments whose name or id has the text, in two queries."""
    environments = list(Environment.objects.for_tenant(tenant).order_by("name"))
    wanted = text.strip().lower()
    found = [
        Place(
            one.name,
            "Environment",
            reverse("executions:environment", kwargs={"tenant_slug": tenant.slug, "pk": one.pk}),
        )
        for one in environments
        if wanted in one.name.lower()
    ]
    return [*_workflows(tenant, text.strip(), environments), *found[:FOUND_OF_A_KIND]]


def _workflows(tenant: Tenant, text: str, environments: Sequence[Environment]) -> list[Place]:
    names = {one.pk: one.name for one in environments}
    rows = Workflow.objects.for_tenant(tenant).filter(
        Q(name__icontains=text) | Q(workflow_id=text) | Q(tags__contains=[text])
    )
    columns = rows.order_by("name", "pk").values_list("name", "environment_id", "workflow_id")
    return [
        Place(
            name or workflow_id,
            "Workflow",
            reverse(
                "analytics:workflow",
                kwargs={
                    "tenant_slug": tenant.slug,
                    "environment_id": environment_id,
                    "workflow_id": workflow_id,
                },
            ),
            where=names.get(environment_id, ""),
        )
        for name, environment_id, workflow_id in columns[:FOUND_OF_A_KIND]
    ]
