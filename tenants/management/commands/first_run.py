import secrets
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from tenants.audit import SYSTEM
from tenants.models import Role, Tenant, User
from tenants.scope import operator_scope
from tenants.tenancy import put_membership, put_tenant

FIRST_TENANT = "default"
FIRST_ADMIN = "admin"


class Command(BaseCommand):
    help = (
        "Makes the first tenant and the first administrator where there are none, and prints"
        " the administrator's name and password once. OBSERVATORY_ADMIN_PASSWORD sets it."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        with operator_scope():
            tenant = Tenant.objects.order_by("created_at").first()
        if tenant is None:
            tenant, _ = put_tenant(FIRST_TENANT, name="Default", retention_days=None, actor=SYSTEM)
        if User.objects.filter(is_superuser=True).exists():
            return
        password = settings.ADMIN_PASSWORD or secrets.token_urlsafe(12)
        admin = User.objects.create_superuser(FIRST_ADMIN, password=password)
        put_membership(tenant, admin, Role.OWNER, SYSTEM)
        self.stdout.write(f"name: {FIRST_ADMIN}\npassword: {password}")
