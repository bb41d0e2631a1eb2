from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from analytics.models import Regrouping
from analytics.regrouping import regroup_some, request_regrouping
from tenants.models import Tenant
from tenants.scope import operator_scope, tenant_scope


class Command(BaseCommand):
    help = (
        "Groups all stored failures anew, by the newest rules and the tenants' own. States, merges"
        " and links of error groups stay. Safe at any time, and safe to stop: the worker goes on."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", help="Slug of a tenant; all of them if left out.")

    def handle(self, *args: Any, **options: Any) -> None:
        slug = options["tenant"]
        with operator_scope():
            tenants = Tenant.objects.order_by("slug")
            found = list(tenants.filter(slug=slug) if slug else tenants)
        if slug and not found:
            raise CommandError(f"There is no tenant “{slug}”.")
        for tenant in found:
            self._regroup(tenant.pk, tenant.slug)

    def _regroup(self, tenant_id: UUID, label: str) -> None:
        with tenant_scope(tenant_id):
            request_regrouping(tenant_id, "Command")
        while regroup_some(tenant_id):
            pass
        with tenant_scope(tenant_id):
            state = Regrouping.objects.for_tenant(tenant_id).get()
        self.stdout.write(f"{label}: {state.rows_changed} of {state.rows_seen} failures changed")
        if state.finished_at is None:
            self.stdout.write(f"{label}: a worker holds some of them and goes on")
