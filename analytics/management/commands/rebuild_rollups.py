import sys
from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from analytics.rollups import mark_everything, refresh_whole
from executions.models import Environment
from tenants.scope import operator_scope

WIDTH = 30


class Command(BaseCommand):
    help = (
        "Adds up all rollups again from the executions. Numbers of hours whose executions were"
        " deleted by retention stay as they are. Safe at any time, and safe to stop."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", help="Slug of a tenant; all of them if left out.")
        parser.add_argument("--environment", help="Name of an environment of the tenant.")

    def handle(self, *args: Any, **options: Any) -> None:
        found = self._environments(options["tenant"], options["environment"])
        for tenant_id, environment_id, label in found:
            self._rebuild(tenant_id, environment_id, label)

    def _environments(self, tenant: str | None, name: str | None) -> list[tuple[UUID, UUID, str]]:
        if name and not tenant:
            raise CommandError("Say of which tenant the environment is: --tenant SLUG.")
        with operator_scope():
            rows = Environment.objects.select_related("tenant").order_by("tenant__slug", "name")
            if tenant:
                rows = rows.filter(tenant__slug=tenant)
            if name:
                rows = rows.filter(name=name)
            found = [(row.tenant_id, row.pk, f"{row.tenant.slug} / {row.name}") for row in rows]
        if (tenant or name) and not found:
            raise CommandError(f"There is no environment “{name or '*'}” of a tenant “{tenant}”.")
        return found

    def _rebuild(self, tenant_id: UUID, environment_id: UUID, label: str) -> None:
        total = mark_everything(tenant_id=tenant_id, environment_id=environment_id)
        done = 0
        for batch in refresh_whole(tenant_id=tenant_id, environment_id=environment_id):
            done += batch
            self._show(label, done, max(total, done))
        self.stdout.write(f"{label}: {done} hours added up")

    def _show(self, label: str, done: int, total: int) -> None:
        """A bar for people; a file or a pipe gets the line at the end only."""
        if not sys.stderr.isatty():
            return
        filled = WIDTH * done // total
        bar = "█" * filled + "░" * (WIDTH - filled)
        ending = "\n" if done >= total else ""
        self.stderr.write(f"\r{label} {bar} {done}/{total}", ending=ending)
