from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from executions.models import Environment, SyncState
from executions.n8n.errors import N8nError
from executions.sync import open_client
from executions.verification import Comparison, compare
from tenants.scope import tenant_scope
from tenants.tenancy import tenant_named

SHOWN = 20


class Command(BaseCommand):
    help = (
        "Compares every execution that n8n shows with what is stored, row by row; exits 1 where"
        " they differ. Reads only. Runs that began or ended since the last copying are left out;"
        " others that change meanwhile, as by a retry, can differ for a moment."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", required=True, help="Slug of the tenant.")
        parser.add_argument("--environment", required=True, help="Name of the environment.")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = tenant_named(options["tenant"])
        with tenant_scope(tenant.pk):
            environment = (
                Environment.objects.for_tenant(tenant).filter(name=options["environment"]).first()
            )
            state = SyncState.objects.for_tenant(tenant).filter(environment=environment).first()
        if environment is None:
            raise CommandError(f"There is no environment “{options['environment']}” in {tenant}.")
        since = timezone.now() - timedelta(days=tenant.retention_days) + timedelta(minutes=5)
        try:
            with open_client(environment) as client:
                result = compare(environment, client, since=since, until=state and state.synced_at)
        except N8nError as error:
            raise CommandError(error.sentence) from error
        self._report(result)

    def _report(self, result: Comparison) -> None:
        self.stdout.write(
            f"{result.compared} executions compared, {result.failures_compared} of them failed;"
            f" {len(result.missing)} missing, {len(result.different)} differences,"
            f" {len(result.unexplained)} failures without a reason;"
            f" {result.younger} younger than the last copying"
        )
        for row_id in result.missing[:SHOWN]:
            self.stdout.write(f"{row_id}: not stored")
        for sentence in result.different[:SHOWN]:
            self.stdout.write(sentence)
        for row_id in result.unexplained[:SHOWN]:
            self.stdout.write(f"{row_id}: failed, and no reason is stored")
        if not result.is_equal:
            raise CommandError("n8n and Observatory differ.")
