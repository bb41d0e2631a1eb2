"""Making and finding tenants; used by the commands and the first run."""

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

from tenants.audit import COMMAND_LINE, Actor, record
from tenants.models import Membership, Role, Tenant, User
from tenants.scope import operator_scope, tenant_scope


def tenant_named(slug: str) -> Tenant:
    """The tenant with this slug. Raises CommandError that lists the slugs there are."""
    with operator_scope():
        found = Tenant.objects.filter(slug=slug).first()
        if found is None:
            known = ", ".join(Tenant.objects.values_list("slug", flat=True)[:20]) or "none yet"
            raise CommandError(f"There is no tenant “{slug}”; there are: {known}.")
    return found


def put_tenant(
    slug: str, *, name: str | None, retention_days: int | None, actor: Actor = COMMAND_LINE
) -> tuple[Tenant, bool]:
    """Make the tenant, or change what is given of the one there is; True where it is new.

    Raises ValidationError with a sentence for each value that is not allowed.
    """
    with operator_scope():
        tenant = Tenant.objects.filter(slug=slug).first()
        is_new = tenant is None
        tenant = tenant or Tenant(slug=slug, name=slug)
        before = {"name": tenant.name, "retention_days": tenant.retention_days}
        tenant.name = name if name is not None else tenant.name
        if retention_days is not None:
            tenant.retention_days = retention_days
        tenant.full_clean(validate_unique=is_new)
        tenant.save()
        after = {"name": tenant.name, "retention_days": tenant.retention_days}
        changes = after if is_new else {k: v for k, v in after.items() if v != before[k]}
        if changes:
            action = "made tenant" if is_new else "changed tenant"
            record(tenant=tenant, actor=actor, action=action, subject=tenant, changes=changes)
    return tenant, is_new


def change_tenant(tenant: Tenant, *, actor: Actor, **values: Any) -> dict[str, Any]:
    """Change fields of the tenant; answers what really changed.

    Raises ValidationError with a sentence for each value that is not allowed.
    """
    changes = {name: value for name, value in values.items() if getattr(tenant, name) != value}
    for name, value in changes.items():
        setattr(tenant, name, value)
    if changes:
        tenant.full_clean(validate_unique=False)
        tenant.save(update_fields=list(changes))
        record(tenant=tenant, actor=actor, action="changed tenant", subject=tenant, changes=changes)
    return changes


def put_membership(tenant: Tenant, user: User, role: Role, actor: Actor) -> None:
    """Make the user a member with this role, or change the role."""
    with tenant_scope(tenant.pk):
        membership, is_new = Membership.objects.for_tenant(tenant).update_or_create(
            tenant=tenant, user=user, defaults={"role": role}
        )
        record(
            tenant=tenant,
            actor=actor,
            action="added member" if is_new else "changed member",
            subject=membership,
            changes={"user": user.username, "role": role.value},
        )


def sentences(error: ValidationError) -> str:
    """All sentences of a ValidationError, each after its field's name."""
    if not hasattr(error, "error_dict"):
        return " ".join(error.messages)
    return " ".join(
        f"{field}: {message}"
        for field, messages in error.message_dict.items()
        for message in messages
    )
