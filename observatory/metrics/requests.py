"""How many requests were answered, how, and how long that took.

The addresses are the names of routes, so that their number is bounded whatever is asked for. With
PROMETHEUS_MULTIPROC_DIR set, the library keeps the figures of all web processes of a machine in
files there and adds them up (its multiprocess mode).
"""

import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from prometheus_client import Histogram

SECONDS = Histogram(
    "observatory_request_seconds",
    "Time until an answer begins, by route, method and status.",
    ("route", "method", "status"),
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class RequestMetrics:
    """Middleware; the first of all, so that the others' time counts too."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        began = time.perf_counter()
        response = self.get_response(request)
        match = request.resolver_match
        SECONDS.labels(
            route=match.view_name or "unnamed" if match else "none",
            method=request.method if request.method in METHODS else "other",
            status=str(response.status_code),
        ).observe(time.perf_counter() - began)
        return response
