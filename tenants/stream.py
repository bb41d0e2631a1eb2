"""The event stream of a tenant: ``GET /api/v1/sse/counts/{tenant_id}``."""

from uuid import UUID

from django.db import transaction
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.views.decorators.http import require_safe
from django_eventstream.utils import get_channelmanager
from django_eventstream.views import events

from tenants.realtime import Listener, channel_of, return_connection
from tenants.tokens import find_token


@require_safe
@transaction.non_atomic_requests
def counts(request: HttpRequest, tenant_id: UUID) -> HttpResponseBase:
    """Server-sent events; ``Last-Event-ID`` brings what was missed. Others' streams are 404."""
    _take_token(request)
    user = request.user if request.user.is_authenticated else None
    channel = channel_of(tenant_id)
    if user is None:
        return JsonResponse({"detail": "Sign in or send a token."}, status=401)
    if not get_channelmanager().can_read_channel(user, channel):
        return JsonResponse({"detail": "There is no such tenant for you."}, status=404)
    response: HttpResponseBase = events(request, channels=[channel])
    response["X-Accel-Buffering"] = "no"
    return response


def _take_token(request: HttpRequest) -> None:
    kind, _, secret = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer":
        return
    with transaction.atomic():
        token = find_token(secret.strip())
    return_connection()
    if token is not None:
        request.user = Listener(token)  # type: ignore[assignment]
