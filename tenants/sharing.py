"""Answers of the API that are asked for by several at once, made once.

Ten open pages and a screen on the wall ask the same within a second, most of all after a change of
which all of them were told. The first request makes and compresses the answer; whoever comes
meanwhile waits for it, and whoever comes within a few seconds gets it as well, with its age in the
header ``Age``.
None is given that is older than the last change of which the tenant's members were told, or that
one of them made. ``Cache-Control: no-cache`` asks for a new one (RFC 9111, 5.2.1.4).
"""

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import wraps
from threading import Condition
from typing import Any, Concatenate, ParamSpec, TypeVar

from cachetools import TTLCache, cached
from django.conf import settings
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

# Of all tenants together, in each web process.
MOST_BYTES = 32 * 1024 * 1024
COMPRESSION = GZipMiddleware(lambda request: HttpResponse())

View = TypeVar("View")
Rest = ParamSpec("Rest")


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent, and the second of the monotonic clock before which nothing of it was read."""

    body: bytes
    headers: dict[str, str]
    begun_at: float


def shared_answer(
    read: Callable[Concatenate[View, Request, Rest], Response],
) -> Callable[Concatenate[View, Request, Rest], HttpResponseBase]:
    """Decorator of a view's method that reads what every member with the same role may see."""

    @wraps(read)
    def answered(
        view: View, request: Request, /, *args: Rest.args, **kwargs: Rest.kwargs
    ) -> HttpResponseBase:
        def make() -> Answer:
            begun_at = time.monotonic()
            body = JSONRenderer().render(read(view, request, *args, **kwargs).data)
            whole = HttpResponse(body, content_type=JSONRenderer.media_type)
            COMPRESSION.process_response(request, whole)
            return Answer(whole.content, dict(whole.items()), begun_at)

        if not settings.SHARED_ANSWER_SECONDS or wants_a_new_one(request):
            return read(view, request, *args, **kwargs)
        answer = _made_once(_what_is_asked(request), make)
        age = int(time.monotonic() - answer.begun_at)
        return HttpResponse(
            answer.body, headers=answer.headers | ({"Age": str(age)} if age else {})
        )

    return answered


def wants_a_new_one(request: Request) -> bool:
    return "no-cache" in request.headers.get("Cache-Control", "").lower()


def _what_is_asked(request: Any) -> Hashable:
    """All that an answer depends on, but the time."""
    return (
        request.tenant.pk,
        request.tenant.changed_at,
        request.role,
        getattr(request.user, "time_zone", ""),
        request.get_full_path(),
        "gzip" in request.headers.get("Accept-Encoding", ""),
    )


@cached(
    TTLCache(MOST_BYTES, settings.SHARED_ANSWER_SECONDS, getsizeof=lambda answer: len(answer.body)),
    key=lambda asked, make: asked,
    condition=Condition(),
)
def _made_once(asked: Hashable, make: Callable[[], Answer]) -> Answer:
    return make()
