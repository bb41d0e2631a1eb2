"""Syncs here and now, without a worker: turn after turn until nothing is left."""

import os
import socket
import sys
import time
from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Sum

from executions.environments import request_sync
from executions.models import Environment, SyncRun
from executions.progress import progress_of
from executions.sync import TurnResult, run_turn
from tenants.audit import COMMAND_LINE
from tenants.models import Tenant
from tenants.scope import operator_scope, tenant_scope
from tenants.tenancy import tenant_named

WAIT_FOR_OTHERS = 120


class Command(BaseCommand):
    help = (
        "Copies what is new from n8n; prints a line for each environment: its name, the"
        " executions seen, new and changed. Exits 1 where one failed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", help="Slug of a tenant; all tenants if left out.")
        parser.add_argument("--environment", help="Name or id; all environments if left out.")
        parser.add_argument(
            "--full", action="store_true", help="Read the whole past again, not only what is new."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        chosen = self._chosen(options["tenant"], options["environment"])
        failed = [e.name for e in chosen if not self._sync(e, options["full"])]
        if failed:
            raise CommandError(f"{len(failed)} of {len(chosen)} failed: {', '.join(failed)}.")

    def _chosen(self, slug: str | None, wanted: str | None) -> list[Environment]:
        tenant = tenant_named(slug) if slug else None
        with operator_scope():
            rows = Environment.objects.select_related("tenant").order_by("tenant__slug", "name")
            found = list(rows.filter(tenant=tenant) if tenant else rows)
        if wanted is None:
            return found
        matching = [e for e in found if wanted in (e.name, str(e.pk))]
        if not matching:
            known = ", ".join(e.name for e in found[:20]) or "none"
            raise CommandError(f"There is no environment “{wanted}”; there are: {known}.")
        return matching

    def _sync(self, environment: Environment, full: bool) -> bool:
        began = time.time()
        with tenant_scope(environment.tenant_id):
            run = request_sync(environment, actor=COMMAND_LINE, whole_past=full)
        result = self._turns(environment, run.pk)
        if result.failure:
            self.stderr.write(f"{environment.name}: {result.failure}")
            return False
        seen, new, changed = self._counts(environment.tenant, environment.pk, began)
        self.stdout.write(f"{environment.name}\t{seen} seen\t{new} new\t{changed} changed")
        return True

    def _turns(self, environment: Environment, run_id: UUID) -> TurnResult:
        """Until nothing is left; while a worker holds the environment, its turns count too."""
        owner = f"{socket.gethostname()}:{os.getpid()}:command"
        deadline = time.monotonic() + WAIT_FOR_OTHERS
        while True:
            result = run_turn(
                tenant_id=environment.tenant_id, environment_id=environment.pk, owner=owner
            )
            self._show(environment, run_id)
            if result.failure or (result.ran and not result.has_more):
                return result
            if result.ran:
                deadline = time.monotonic() + WAIT_FOR_OTHERS
            elif time.monotonic() > deadline:
                return TurnResult(ran=False, failure="A worker holds it, or it is paused.")
            else:
                time.sleep(0.5)

    def _show(self, environment: Environment, run_id: UUID) -> None:
        """A bar for a person at a terminal; a script's standard output stays clean."""
        if not sys.stderr.isatty():
            return
        with tenant_scope(environment.tenant_id):
            runs = SyncRun.objects.for_tenant(environment.tenant_id).filter(
                environment=environment, state__in=SyncRun.OPEN
            )
            run = runs.order_by("kind").last() or SyncRun.objects.get(pk=run_id)
        progress = progress_of(run)
        share = (progress.percentage or 0) / 100
        bar = "█" * round(share * 30)
        sys.stderr.write(f"\r{environment.name[:30]:30} {bar:30} {progress.current:,} executions ")
        if share == 1:
            sys.stderr.write("\n")

    def _counts(self, tenant: Tenant, environment_id: UUID, began: float) -> tuple[int, int, int]:
        with tenant_scope(tenant.pk):
            runs = SyncRun.objects.for_tenant(tenant).filter(
                environment_id=environment_id,
                finished_at__gte=datetime.fromtimestamp(began, UTC),
            )
            totals = runs.aggregate(
                seen=Sum("rows_seen"), new=Sum("rows_new"), changed=Sum("rows_changed")
            )
        return totals["seen"] or 0, totals["new"] or 0, totals["changed"] or 0
