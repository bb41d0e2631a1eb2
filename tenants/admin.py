"""The admin sees all tenants: each of its pages runs in the operator's scope."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.http import HttpRequest

from tenants.access import actor_of
from tenants.audit import record
from tenants.models import ApiToken, AuditEntry, Membership, Tenant, User


class MembershipInline(admin.TabularInline):  # type: ignore[type-arg]
    model = Membership
    extra = 0
    autocomplete_fields = ("user",)


@admin.register(Tenant)
class TenantAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("slug", "name", "time_zone", "retention_days", "retention_min_kept")
    search_fields = ("slug", "name")
    inlines = (MembershipInline,)

    def save_model(self, request: HttpRequest, obj: Tenant, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        changes = {name: str(form.cleaned_data[name]) for name in form.changed_data}
        action = "changed tenant" if change else "made tenant"
        record(tenant=obj, actor=actor_of(request), action=action, subject=obj, changes=changes)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        super().save_formset(request, form, formset, change)
        kind = formset.model._meta.verbose_name
        for verb, rows in (
            ("added", formset.new_objects),
            ("changed", [row for row, _ in formset.changed_objects]),
            ("removed", formset.deleted_objects),
        ):
            for row in rows:
                record(
                    tenant=row.tenant,
                    actor=actor_of(request),
                    action=f"{verb} {kind}",
                    subject=row,
                    changes={"now": str(row)},
                )


@admin.register(User)
class PersonAdmin(UserAdmin):  # type: ignore[type-arg]
    fieldsets = (*(UserAdmin.fieldsets or ()), ("Observatory", {"fields": ("time_zone",)}))


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Rows that are looked at, never typed."""

    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    list_display = ("name", "tenant", "role", "last_four", "expires_at", "last_used_at")
    list_select_related = ("tenant",)
    exclude = ("digest",)


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ("at", "tenant", "actor", "action", "subject")
    list_select_related = ("tenant",)
    search_fields = ("actor", "action", "subject")
