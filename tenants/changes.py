"""When a tenant's members were last told of a change or made one: shared answers are no older."""

from collections.abc import Callable
from uuid import UUID

import structlog
from django.db import DatabaseError
from django.db.models.functions import Now
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from tenants.models import Tenant
from tenants.scope import tenant_scope

log = structlog.get_logger(__name__)
SAFE_METHODS = ("GET", "HEAD", "OPTIONS", "TRACE")


def mark_changed(tenant_id: UUID) -> None:
    """Call after the change can be seen. Raises DatabaseError."""
    with tenant_scope(tenant_id):
        Tenant.objects.filter(pk=tenant_id).update(changed_at=Now())


class ChangesMiddleware:
    """What a member changed is in the next answer to anybody."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        tenant = getattr(request, "tenant", None)
        if tenant is not None and request.method not in SAFE_METHODS:
            try:
                mark_changed(tenant.pk)
            except DatabaseError as error:
                # The change itself is stored, and a shared answer lives for seconds only.
                log.warning("change_not_marked", tenant=str(tenant.pk), reason=str(error))
        return response
