"""What was copied, for operators: looked at, never typed. A key is never shown."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from executions.environments import change_environment, make_due
from executions.models import Environment, Execution, SyncRun, SyncState, Workflow
from tenants.access import actor_of
from tenants.admin import ReadOnlyAdmin


@admin.register(Environment)
class EnvironmentAdmin(ReadOnlyAdmin):
    list_display = ("name", "tenant", "base_url", "health", "contacted_at", "is_paused")
    list_filter = ("health", "is_paused")
    list_select_related = ("tenant",)
    search_fields = ("name", "base_url")
    exclude = ("api_key",)
    actions = ("sync_now", "pause", "resume")

    @admin.action(description="Sync now", permissions=["view"])
    def sync_now(self, request: HttpRequest, rows: QuerySet[Environment]) -> None:
        for environment in rows:
            make_due(environment)
        self.message_user(request, f"{len(rows)} environments are due now.")

    @admin.action(description="Pause", permissions=["view"])
    def pause(self, request: HttpRequest, rows: QuerySet[Environment]) -> None:
        self._set_paused(request, rows, True)

    @admin.action(description="Resume", permissions=["view"])
    def resume(self, request: HttpRequest, rows: QuerySet[Environment]) -> None:
        self._set_paused(request, rows, False)

    def _set_paused(self, request: HttpRequest, rows: Any, is_paused: bool) -> None:
        for environment in rows.select_related("tenant"):
            change_environment(environment, actor=actor_of(request), is_paused=is_paused)


@admin.register(Execution)
class ExecutionAdmin(ReadOnlyAdmin):
    list_display = ("n8n_execution_id", "workflow_name", "normalized_status", "occurred_at")
    list_filter = ("normalized_status",)
    search_fields = ("=n8n_execution_id",)
    show_full_result_count = False


@admin.register(SyncRun)
class SyncRunAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "environment", "kind", "state", "pages", "rows_seen", "rows_new")
    list_filter = ("kind", "state")
    list_select_related = ("environment",)


@admin.register(SyncState)
class SyncStateAdmin(ReadOnlyAdmin):
    list_display = ("environment", "epoch", "synced_at", "due_at", "lease_owner", "failures")
    list_select_related = ("environment",)


@admin.register(Workflow)
class WorkflowAdmin(ReadOnlyAdmin):
    list_display = ("name", "environment", "is_active", "seen_at", "gone_at")
    list_select_related = ("environment",)
    search_fields = ("name", "=workflow_id")
