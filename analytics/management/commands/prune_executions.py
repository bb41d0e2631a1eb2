"""Retention here and now, or what it would delete."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.core.serializers.json import DjangoJSONEncoder

from analytics.pruning import AlreadyPruning, Preview, preview, prune
from executions.models import RetentionRun
from tenants.audit import COMMAND_LINE
from tenants.models import Tenant
from tenants.scope import operator_scope
from tenants.tenancy import tenant_named


class Command(BaseCommand):
    help = (
        "Deletes executions that are older than their tenant keeps them; prints a line for each"
        " tenant. Numbers on charts stay. Exits 1 where a tenant could not be pruned to the end."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", help="Slug of a tenant; all of them if left out.")
        parser.add_argument("--dry-run", action="store_true", help="Only say what would go.")
        parser.add_argument("--json", action="store_true", help="A JSON object a line.")

    def handle(self, *args: Any, **options: Any) -> None:
        unfinished = []
        for tenant in self._tenants(options["tenant"]):
            if options["dry_run"]:
                self._show_preview(tenant, preview(tenant), options["json"])
            elif not self._prune(tenant, options["json"]):
                unfinished.append(tenant.slug)
        if unfinished:
            raise CommandError(f"Not pruned to the end: {', '.join(unfinished)}.")

    def _tenants(self, slug: str | None) -> list[Tenant]:
        if slug:
            return [tenant_named(slug)]
        with operator_scope():
            return list(Tenant.objects.order_by("slug"))

    def _prune(self, tenant: Tenant, as_json: bool) -> bool:
        try:
            run = prune(tenant, actor=COMMAND_LINE)
        except AlreadyPruning as error:
            self.stderr.write(str(error))
            return False
        self._show_run(tenant, run, as_json)
        return run.state == RetentionRun.State.DONE

    def _show_run(self, tenant: Tenant, run: RetentionRun, as_json: bool) -> None:
        seconds = run.seconds
        if as_json:
            self._write(
                tenant=tenant.slug,
                state=run.state,
                deleted=run.deleted,
                until=run.until,
                seconds=seconds,
                message=run.message,
            )
            return
        message = f"\t{run.message}" if run.message else ""
        self.stdout.write(
            f"{tenant.slug}\t{run.state}\t{run.deleted} deleted\t{seconds} s{message}"
        )

    def _show_preview(self, tenant: Tenant, found: Preview, as_json: bool) -> None:
        if as_json:
            self._write(tenant=tenant.slug, **asdict(found), sentence=found.sentence)
        else:
            self.stdout.write(f"{tenant.slug}\t{found.sentence}")

    def _write(self, **values: Any) -> None:
        self.stdout.write(json.dumps(values, cls=DjangoJSONEncoder))
