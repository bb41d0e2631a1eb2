"""Answers to requests that cannot be served: a page for people, a problem for the API."""

import sys

import structlog
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.loader import render_to_string

from observatory.api import is_api, json_problem
from tenants.appearance import theme_of

# PostgreSQL is back from a restart in about so many seconds.
SECONDS_UNTIL_BACK = "5"


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    return _refusal(request, 400, "Bad request", "This request cannot be read.")


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    sentence = str(exception) or "Your role does not allow this."
    return _refusal(request, 403, "Not allowed", sentence)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    return _refusal(request, 404, "Not found", "There is no such page for you.")


def server_error(request: HttpRequest) -> HttpResponseBase:
    """A fault of ours, or a database that is away or too busy, for which waiting helps."""
    if isinstance(sys.exc_info()[1], OperationalError | InterfaceError):
        sentence = "The database does not answer just now. Try again in a few seconds."
        answer = _refusal(request, 503, "Back in a moment", sentence)
        answer.headers["Retry-After"] = SECONDS_UNTIL_BACK
        return answer
    return _refusal(
        request, 500, "Something broke", "The fault is on our side and has been logged."
    )


def _refusal(request: HttpRequest, code: int, title: str, sentence: str) -> HttpResponseBase:
    if is_api(request):
        return json_problem(request, code, sentence)
    request_id = structlog.contextvars.get_contextvars().get("request_id", "")
    context = {
        "title": title,
        "sentence": sentence,
        "code": code,
        "request_id": request_id,
        "theme": theme_of(request),
    }
    # Rendered without a request: what broke may be the database behind request.user.
    return HttpResponse(render_to_string("refusal.html", context), status=code)
