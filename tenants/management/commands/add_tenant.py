from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from tenants.tenancy import put_tenant, sentences


class Command(BaseCommand):
    help = "Makes a tenant, or changes the one with this slug; prints its id."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", help="Short name for addresses: letters, digits, - and _.")
        parser.add_argument("--name", help="Name that people see; the slug where it is left out.")
        parser.add_argument(
            "--retention-days", type=int, help="Days that executions are kept (1 to 3650)."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            tenant, _ = put_tenant(
                options["slug"], name=options["name"], retention_days=options["retention_days"]
            )
        except ValidationError as error:
            raise CommandError(sentences(error)) from error
        self.stdout.write(str(tenant.pk))
