"""Which tenant a request means, and whether the person or token may do this there.

Whoever is no member gets 404: another tenant's things do not exist. A member whose role is too
low gets 403 with the role that is needed.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase
from django.utils import timezone
from django_htmx.middleware import HtmxDetails

from tenants.audit import Actor
from tenants.models import Membership, Role, Tenant, User
from tenants.scope import enter_tenant, enter_user
from tenants.zones import zone


class TenantRequest(HttpRequest):
    """A request whose tenant, role and actor are known."""

    htmx: HtmxDetails

    user: User
    tenant: Tenant
    role: Role
    actor: Actor


Page = Callable[Concatenate[TenantRequest, ...], HttpResponseBase]


def memberships_of(user: User) -> list[Membership]:
    """The user's memberships with their tenants, by slug; bounds all that is asked after it."""
    enter_user(user.pk, statement_timeout_ms=settings.WEB_STATEMENT_TIMEOUT_MS)
    found = Membership.objects.filter(user=user).select_related("tenant")
    return list(found.order_by("tenant__slug"))


def actor_of(request: HttpRequest) -> Actor:
    return Actor(str(request.user), request.META.get("REMOTE_ADDR") or None)


def enter_membership(request: HttpRequest, membership: Membership) -> None:
    """Bind the request and its transaction to the membership's tenant."""
    enter_tenant(membership.tenant_id)
    request.tenant = membership.tenant  # type: ignore[attr-defined]
    request.role = Role(membership.role)  # type: ignore[attr-defined]
    request.actor = actor_of(request)  # type: ignore[attr-defined]


def require_role(role: Role, needed: Role) -> None:
    """Raises PermissionDenied with a sentence where the role is too low."""
    if not role.includes(needed):
        raise PermissionDenied(
            f"Your role here is {role.value}; this needs the role {needed.value}."
        )


def zone_of(request: TenantRequest) -> ZoneInfo:
    """The zone in which times are shown: the person's own, else the tenant's."""
    return zone(request.user.time_zone or request.tenant.time_zone)


def for_members(needed: Role) -> Callable[[Page], Callable[..., HttpResponseBase]]:
    """Decorator of a page below ``/t/<tenant>/``: takes the slug out of the arguments."""

    def decorate(page: Page) -> Callable[..., HttpResponseBase]:
        @wraps(page)
        def guarded(request: TenantRequest, tenant_slug: str, *args: Any, **kwargs: Any) -> Any:
            request.memberships = memberships_of(request.user)  # type: ignore[attr-defined]
            for membership in request.memberships:  # type: ignore[attr-defined]
                if membership.tenant.slug == tenant_slug:
                    enter_membership(request, membership)
                    require_role(request.role, needed)
                    with timezone.override(zone_of(request)):
                        return page(request, *args, **kwargs)
            raise Http404("There is no such page for you.")

        protected = login_required(guarded)
        protected.needed_role = needed  # type: ignore[attr-defined]
        return protected

    return decorate
