from argparse import ArgumentParser
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from analytics import recount_stored
from analytics.materialized import VIEWS, refresh_view
from analytics.models import RollupState
from analytics.recount import Compared, Recount, snapshot
from analytics.rollups import refresh_whole
from executions.models import Environment
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tenants.tenancy import tenant_named


class Command(BaseCommand):
    help = (
        "Holds every figure of the analytics API against plain SQL over the executions of a tenant"
        " and prints each; exits 1 where one differs. Before that it adds up what is waiting and"
        " refreshes the materialized views. --verbosity 0 prints differences only. Runs that are"
        " copied meanwhile can differ in the reports for a moment."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", required=True, help="Slug of the tenant.")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = tenant_named(options["tenant"])
        self._bring_up_to_date(tenant)
        count = different = 0
        with snapshot(tenant):
            for compared in _everything(tenant, _purged_before(tenant.pk)):
                count += 1
                different += not compared.is_same
                if options["verbosity"] > 0 or not compared.is_same:
                    self.stdout.write(str(compared))
        self.stdout.write(f"{count} figures compared, {different} differ")
        if different:
            raise CommandError("Answers and executions differ.")

    def _bring_up_to_date(self, tenant: Tenant) -> None:
        with tenant_scope(tenant.pk):
            environments = list(Environment.objects.for_tenant(tenant).values_list("pk", flat=True))
        for environment_id in environments:
            for _ in refresh_whole(tenant_id=tenant.pk, environment_id=environment_id):
                pass
        for name in VIEWS:
            result = refresh_view(name)
            if result.error:
                self.stdout.write(f"{name} was not refreshed: {result.error}")


def _purged_before(tenant_id: UUID) -> datetime | None:
    moments = RollupState.objects.for_tenant(tenant_id).exclude(purged_before=None)
    return max(moments.values_list("purged_before", flat=True), default=None)


def _everything(tenant: Tenant, purged_before: datetime | None) -> Iterator[Compared]:
    now = timezone.now()
    yield from Recount(tenant, purged_before).everything()
    if purged_before is None:
        yield from recount_stored.totals(tenant)
    yield from recount_stored.stuck(tenant, now)
    yield from recount_stored.reports(tenant, purged_before, now)
