from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from tenants.audit import COMMAND_LINE, record
from tenants.models import Role
from tenants.scope import tenant_scope
from tenants.tenancy import tenant_named
from tenants.tokens import create_token


class Command(BaseCommand):
    help = "Makes an API token and prints it; it cannot be shown again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", required=True, help="Slug of the tenant.")
        parser.add_argument("--role", required=True, choices=Role.values)
        parser.add_argument("--name", default="made by command", help="What the token is for.")
        parser.add_argument("--days", type=int, help="Days until it expires; never if left out.")

    def handle(self, *args: Any, **options: Any) -> None:
        days: int | None = options["days"]
        if days is not None and not 1 <= days <= 3650:
            raise CommandError(f"--days is {days}; allowed are whole numbers from 1 to 3650.")
        tenant = tenant_named(options["tenant"])
        expires_at = None if days is None else timezone.now() + timedelta(days=days)
        with tenant_scope(tenant.pk):
            token, secret = create_token(
                tenant=tenant,
                name=options["name"][:100],
                role=Role(options["role"]),
                expires_at=expires_at,
            )
            record(
                tenant=tenant,
                actor=COMMAND_LINE,
                action="made token",
                subject=token,
                changes={"role": token.role},
            )
        self.stdout.write(secret)
