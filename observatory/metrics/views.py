"""``GET /metrics``: for Prometheus on this machine, or with the token that the settings name."""

import hmac
import ipaddress
import os

from django.conf import settings
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from observatory.metrics.state import StateCollector


@require_safe
@transaction.non_atomic_requests
def metrics(request: HttpRequest) -> HttpResponse:
    """Text exposition format. Whoever may not see it is told that there is no such page."""
    if not _may_see(request):
        raise Http404("There is no such page for you.")
    body = generate_latest(_of_requests()) + generate_latest(_of_state())
    return HttpResponse(body, content_type=CONTENT_TYPE_LATEST)


def _may_see(request: HttpRequest) -> bool:
    if settings.METRICS_TOKEN:
        kind, _, secret = request.headers.get("Authorization", "").partition(" ")
        return kind.lower() == "bearer" and hmac.compare_digest(
            secret.strip().encode(), settings.METRICS_TOKEN.encode()
        )
    # Behind a proxy everybody may seem to come from this machine.
    return not settings.BEHIND_PROXY and _is_loopback(request.META.get("REMOTE_ADDR", ""))


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _of_requests() -> CollectorRegistry:
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry


def _of_state() -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(StateCollector())
    return registry
