"""Pages of long lists by keyset: each page begins after the last row of the one before.

Its cost does not grow with the depth, and rows that arrive meanwhile shift nothing. The cursor
is signed, so a made-up one is refused and not tried.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core import signing
from django.db.models import Q, QuerySet
from django.utils.dateparse import parse_datetime
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response

MAXIMUM_LIMIT = 250
DEFAULT_LIMIT = 50


class InvalidCursor(ValueError):
    """The cursor was not made by us, or for another list."""


@dataclass(frozen=True, slots=True)
class Page:
    """Rows of one page and the cursor of the next, None on the last page."""

    rows: list[Any]
    next_cursor: str | None


def keyset_page(
    rows: QuerySet[Any], *, moment: str, cursor: str | None, limit: int = DEFAULT_LIMIT
) -> Page:
    """The page of rows after the cursor, newest first by (moment, id).

    ``moment`` names a datetime field that is never null. Raises InvalidCursor.
    """
    if cursor:
        at, last_id = _read_cursor(cursor, moment)
        # The first condition bounds the index, the second cuts within the same moment.
        rows = rows.filter(**{f"{moment}__lte": at}).filter(
            Q(**{f"{moment}__lt": at}) | Q(id__lt=last_id)
        )
    found = list(rows.order_by(f"-{moment}", "-id")[: limit + 1])
    if len(found) <= limit:
        return Page(found, None)
    last = found[limit - 1]
    return Page(found[:limit], make_cursor(moment, getattr(last, moment), last.id))


def make_cursor(moment: str, at: Any, last_id: UUID) -> str:
    return signing.dumps([at.isoformat(), last_id.hex], salt=f"keyset.{moment}", compress=False)


def _read_cursor(cursor: str, moment: str) -> tuple[Any, UUID]:
    try:
        at, last_id = signing.loads(cursor, salt=f"keyset.{moment}")
        return parse_datetime(at), UUID(last_id)
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise InvalidCursor(
            "The cursor is not one of this list; begin again without it."
        ) from error


def read_limit(text: str | None) -> int:
    """The number of rows that a request asks for. Raises ValidationError with the bounds."""
    if text is None or text == "":
        return DEFAULT_LIMIT
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text[:9]) <= MAXIMUM_LIMIT:
        raise ValidationError(
            {"limit": f"“{text[:20]}” is not allowed; take a number from 1 to {MAXIMUM_LIMIT}."}
        )
    return int(text)


class KeysetPagination(BasePagination):
    """``{"results": […], "next_cursor": …}``; a view names its moment in ``keyset_moment``."""

    next_cursor: str | None

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        try:
            page = keyset_page(
                queryset,
                moment=getattr(view, "keyset_moment", "created_at"),
                cursor=request.query_params.get("cursor"),
                limit=read_limit(request.query_params.get("limit")),
            )
        except InvalidCursor as error:
            raise ValidationError({"cursor": str(error)}) from error
        self.next_cursor = page.next_cursor
        return page.rows

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"results": data, "next_cursor": self.next_cursor})

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "object",
            "required": ["results", "next_cursor"],
            "properties": {
                "results": schema,
                "next_cursor": {"type": "string", "nullable": True},
            },
        }

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return [
            {
                "name": "cursor",
                "in": "query",
                "description": "The next_cursor of the page before.",
                "schema": {"type": "string"},
            },
            {
                "name": "limit",
                "in": "query",
                "description": "Rows a page.",
                "schema": {
                    "type": "integer",
                    "minimum": 1,
                    "maximum": MAXIMUM_LIMIT,
                    "default": DEFAULT_LIMIT,
                },
            },
        ]
