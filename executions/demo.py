"""What the demo needs in the database: its tenants, and environments that lead to the stand-ins.

Everything else of the demo comes in by the same sync as from a real n8n.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from executions.environments import change_environment, connect_environment
from executions.models import Environment
from tenants.audit import SYSTEM
from tenants.models import Membership, Role, Tenant, User
from tenants.scope import operator_scope, tenant_scope
from tenants.tenancy import put_membership, put_tenant

DEMO_RETENTION_DAYS = 30


@dataclass(frozen=True, slots=True)
class DemoEnvironment:
    """A stand-in n8n that listens now, and whose environment it is to be."""

    tenant_slug: str
    tenant_name: str
    name: str
    base_url: str
    api_key: str


def demo_began_at(slugs: Iterable[str]) -> datetime:
    """When the demo was first started here: its history hangs on that moment.

    A demo that is started again must show the runs of before, or it would look like an n8n whose
    database was wiped.
    """
    with operator_scope():
        tenants = Tenant.objects.filter(slug__in=list(slugs)).order_by("created_at")
        first = tenants.values_list("created_at", flat=True).first()
    return first or timezone.now()


def connect_demo(environments: Iterable[DemoEnvironment]) -> None:
    """Make what is missing, and lead known environments to where their stand-ins listen now."""
    for demo in environments:
        tenant, _ = put_tenant(
            demo.tenant_slug,
            name=demo.tenant_name,
            retention_days=DEMO_RETENTION_DAYS,
            actor=SYSTEM,
        )
        _let_admins_in(tenant)
        with tenant_scope(tenant.pk):
            _connect(tenant, demo)


def _let_admins_in(tenant: Tenant) -> None:
    for admin in User.objects.filter(is_superuser=True):
        with tenant_scope(tenant.pk):
            is_member = Membership.objects.for_tenant(tenant).filter(user=admin).exists()
        if not is_member:
            put_membership(tenant, admin, Role.OWNER, SYSTEM)


def _connect(tenant: Tenant, demo: DemoEnvironment) -> None:
    known = Environment.objects.for_tenant(tenant).filter(name=demo.name).first()
    if known is None:
        connect_environment(
            tenant=tenant,
            actor=SYSTEM,
            name=demo.name,
            base_url=demo.base_url,
            api_key=demo.api_key,
        )
    else:
        change_environment(known, actor=SYSTEM, base_url=demo.base_url, api_key=demo.api_key)
