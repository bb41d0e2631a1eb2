from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from executions import environments
from executions.models import Environment
from tenants.audit import COMMAND_LINE
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tenants.tenancy import sentences, tenant_named


class Command(BaseCommand):
    help = (
        "Connects an n8n, or changes the environment of this name; it is tried first."
        " Prints the environment's id."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", required=True, help="Slug of the tenant.")
        parser.add_argument("--name", required=True, help="How the environment is called here.")
        parser.add_argument("--url", required=True, help="Address of n8n's start page.")
        parser.add_argument("--api-key-file", required=True, help="File that holds n8n's API key.")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = tenant_named(options["tenant"])
        try:
            base_url = environments.clean_base_url(options["url"])
            api_key = environments.clean_api_key(_read_key(options["api_key_file"]))
            self._require_connection(base_url, api_key)
            environment = self._put(tenant, options["name"], base_url, api_key)
        except ValidationError as error:
            raise CommandError(sentences(error)) from error
        self.stdout.write(str(environment.pk))

    def _require_connection(self, base_url: str, api_key: str) -> None:
        report = environments.test_connection(base_url=base_url, api_key=api_key)
        if not report.ok:
            raise CommandError(report.sentence)

    def _put(self, tenant: Tenant, name: str, base_url: str, api_key: str) -> Environment:
        with tenant_scope(tenant.pk):
            known: Environment | None = (
                Environment.objects.for_tenant(tenant).filter(name=name).first()
            )
            if known is None:
                return environments.connect_environment(
                    tenant=tenant,
                    actor=COMMAND_LINE,
                    name=name,
                    base_url=base_url,
                    api_key=api_key,
                )
            environments.change_environment(
                known, actor=COMMAND_LINE, base_url=base_url, api_key=api_key
            )
            return known


def _read_key(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"--api-key-file {path} cannot be read: {error}.") from error
