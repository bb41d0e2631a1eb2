"""What all answers of the REST API have in common: one body for every error (RFC 9457)."""

from typing import Any

import structlog
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, JsonResponse
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

PROBLEM = "application/problem+json"
CODES = {
    400: ("bad_request", "The request has a mistake"),
    401: ("not_authenticated", "Sign in or send a token"),
    403: ("not_allowed", "Your role does not allow this"),
    404: ("not_found", "There is no such thing"),
    405: ("method_not_allowed", "This method is not offered here"),
    409: ("conflict", "It clashes with what is there"),
    413: ("too_large", "Send less at once"),
    415: ("unsupported_media_type", "Send JSON"),
    422: ("unprocessable", "It cannot be carried out"),
    429: ("too_many_requests", "Slow down"),
    500: ("internal_error", "Something broke on our side"),
    503: ("unavailable", "Try again shortly"),
}


def problem_response(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler: any refusal in the one body; None lets real faults be 500."""
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied(str(error) or None)
    if not isinstance(error, exceptions.APIException):
        return None
    set_rollback()
    headers = {}
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait))
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    body = problem(error.status_code, _fields(error), context["request"].path)
    return Response(body, status=error.status_code, headers=headers, content_type=PROBLEM)


def problem(code: int, fields: list[dict[str, str]], path: str) -> dict[str, Any]:
    """The body: a stable machine code, a title, and a sentence for each fault."""
    machine, title = CODES.get(code, (f"http_{code}", "The request was refused"))
    return {
        "type": f"urn:observatory:problem:{machine}",
        "code": machine,
        "title": title,
        "status": code,
        "detail": " ".join(field["detail"] for field in fields) or f"{title}.",
        "instance": path,
        "errors": fields,
        "request_id": structlog.contextvars.get_contextvars().get("request_id"),
    }


def _fields(error: exceptions.APIException) -> list[dict[str, str]]:
    """One entry a sentence: the field's name ('' for the request as a whole) and the text."""
    return list(_walk("", error.detail))


def _walk(name: str, detail: Any) -> Any:
    if isinstance(detail, dict):
        for key, value in detail.items():
            yield from _walk("" if key == "non_field_errors" else str(key), value)
    elif isinstance(detail, list):
        for value in detail:
            yield from _walk(name, value)
    else:
        yield {"field": name, "detail": str(detail)}


def is_api(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")


def json_problem(request: HttpRequest, code: int, detail: str) -> JsonResponse:
    """The same body for refusals that happen outside DRF, such as an unknown path."""
    fields = [{"field": "", "detail": detail}]
    return JsonResponse(problem(code, fields, request.path), status=code, content_type=PROBLEM)
