"""What was copied, for operators: looked at, never typed. A key is never shown."""

from functools import cached_property
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db import connection
from django.db.models import QuerySet
from django.http import HttpRequest

from executions.environments import change_environment, request_sync, test_connection
from executions.models import (
    Environment,
    Execution,
    RetentionRun,
    SyncRun,
    SyncState,
    Workflow,
)
from executions.n8n.errors import InvalidBaseUrl
from tenants.access import actor_of
from tenants.admin import ReadOnlyAdmin
from tenants.audit import record
from tenants.encryption import SecretUnreadable

DEEPEST_ROW = 10_000
MOST_FOUND = 200
# n8n's id is looked up once for each environment and life of it, by the unique index: the id
# alone would have to be looked for in all rows.
BY_N8N_ID = """
SELECT e.id FROM executions_syncstate s
CROSS JOIN LATERAL generate_series(1, s.epoch) AS life (epoch)
JOIN executions e ON e.tenant_id = s.tenant_id AND e.environment_id = s.environment_id
  AND e.epoch = life.epoch AND e.n8n_execution_id = %s
LIMIT %s
"""


class UncountedPaginator(Paginator):  # type: ignore[type-arg]
    """Pages of the newest rows only, so that nothing is ever counted or passed over in millions."""

    @cached_property
    def count(self) -> int:
        rows: QuerySet[Any] = self.object_list  # type: ignore[assignment]
        return len(rows.order_by().values_list("pk")[:DEEPEST_ROW])


@admin.register(Environment)
class EnvironmentAdmin(ReadOnlyAdmin):
    list_display = ("name", "tenant", "base_url", "health", "contacted_at", "is_paused")
    list_filter = ("health", "is_paused")
    list_select_related = ("tenant",)
    search_fields = ("name", "base_url")
    exclude = ("api_key",)
    actions = ("sync_now", "test", "pause", "resume")

    @admin.action(description="Sync now", permissions=["view"])
    def sync_now(self, request: HttpRequest, rows: QuerySet[Environment]) -> None:
        for environment in rows.select_related("tenant"):
            request_sync(environment, actor=actor_of(request))
            self._note(request, environment, "asked for a sync")
        self.message_user(request, f"{len(rows)} environments are due now.")

    @admin.action(description="Test the connection", permissions=["view"])
    def test(self, request: HttpRequest, rows: QuerySet[Environment]) -> None:
        for environment in rows.select_related("tenant"):
            try:
                report = test_connection(base_url=environment.base_url, api_key=environment.api_key)
            except (SecretUnreadable, InvalidBaseUrl) as error:
                self.message_user(request, f"{environment.name}: {error}", messages.ERROR)
                continue
            level = messages.SUCCESS if report.ok else messages.ERROR
            self.message_user(request, f"{environment.name}: {report.sentence}", level)
            self._note(request, environment, "tested connection")

    @admin.action(description="Pause", permissions=["view"])
    def pause(self, request: HttpRequest, rows: QuerySet[Environment]) -> None:
        self._set_paused(request, rows, True)

    @admin.action(description="Resume", permissions=["view"])
    def resume(self, request: HttpRequest, rows: QuerySet[Environment]) -> None:
        self._set_paused(request, rows, False)

    def _set_paused(self, request: HttpRequest, rows: Any, is_paused: bool) -> None:
        for environment in rows.select_related("tenant"):
            change_environment(environment, actor=actor_of(request), is_paused=is_paused)

    def _note(self, request: HttpRequest, environment: Environment, action: str) -> None:
        record(
            tenant=environment.tenant, actor=actor_of(request), action=action, subject=environment
        )


@admin.register(Execution)
class ExecutionAdmin(ReadOnlyAdmin):
    list_display = ("n8n_execution_id", "workflow_name", "normalized_status", "occurred_at")
    # Ids grow with time and have an index; any other order would sort every tenant's rows.
    ordering = ("-id",)
    sortable_by = ()
    paginator = UncountedPaginator
    search_fields = ("id",)
    search_help_text = "Observatory's or n8n's id of an execution; all of it."

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Execution], search_term: str
    ) -> tuple[QuerySet[Execution], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        try:
            found = [UUID(term)]
        except ValueError:
            with connection.cursor() as cursor:
                cursor.execute(BY_N8N_ID, [term, MOST_FOUND])
                found = [pk for (pk,) in cursor.fetchall()]
        return queryset.filter(pk__in=found), False


@admin.register(SyncRun)
class SyncRunAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "environment", "kind", "state", "pages", "rows_seen", "rows_new")
    list_filter = ("kind", "state")
    list_select_related = ("environment",)


@admin.register(SyncState)
class SyncStateAdmin(ReadOnlyAdmin):
    list_display = ("environment", "epoch", "synced_at", "due_at", "lease_owner", "failures")
    list_select_related = ("environment",)


@admin.register(RetentionRun)
class RetentionRunAdmin(ReadOnlyAdmin):
    list_display = ("started_at", "tenant", "requested_by", "state", "deleted", "seconds", "until")
    list_filter = ("state",)
    list_select_related = ("tenant",)


@admin.register(Workflow)
class WorkflowAdmin(ReadOnlyAdmin):
    list_display = ("name", "environment", "is_active", "seen_at", "gone_at")
    list_select_related = ("environment",)
    search_fields = ("name", "=workflow_id")
