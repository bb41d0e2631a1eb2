"""The tenant's page in the admin, with what only the whole assembly knows: its retention."""

from functools import partial

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from analytics import pruning, tasks
from executions.models import RetentionRule
from tenants.access import actor_of
from tenants.admin import TenantAdmin
from tenants.audit import record
from tenants.models import Tenant


class RetentionRuleInline(admin.TabularInline):  # type: ignore[type-arg]
    model = RetentionRule
    extra = 0


admin.site.unregister(Tenant)


@admin.register(Tenant)
class TenantWithRetentionAdmin(TenantAdmin):
    inlines = (*TenantAdmin.inlines, RetentionRuleInline)  # type: ignore[assignment]
    actions = ("preview_retention", "prune_now")

    @admin.action(description="Say what retention would delete now", permissions=["view"])
    def preview_retention(self, request: HttpRequest, rows: QuerySet[Tenant]) -> None:
        for tenant in rows:
            self.message_user(request, f"{tenant.slug}: {pruning.preview(tenant).sentence}")

    @admin.action(description="Delete now what retention no longer keeps")
    def prune_now(self, request: HttpRequest, rows: QuerySet[Tenant]) -> None:
        actor = actor_of(request)
        for tenant in rows:
            record(tenant=tenant, actor=actor, action="asked for pruning", subject=tenant)
            transaction.on_commit(partial(tasks.enqueue_pruning, tenant.pk, actor.label))
        text = f"{len(rows)} tenants are being pruned; see the retention runs."
        self.message_user(request, text, messages.SUCCESS)
