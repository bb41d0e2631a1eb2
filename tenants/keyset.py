"""Pages of long lists by keyset: each page begins after the last row of the one before.

Its cost does not grow with the depth, and rows that arrive meanwhile shift nothing. The cursor
is signed, so a made-up one is refused and not tried.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core import signing
from django.db.models import Q, QuerySet
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
    """Rows of one page, with the cursors of its neighbours; None where there is none."""

    rows: list[Any]
    next_cursor: str | None
    previous_cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """The row that a page begins after, on the way down the list or back up."""

    at: datetime
    id: UUID
    is_back: bool


def keyset_page(
    rows: QuerySet[Any], *, moment: str, cursor: str | None, limit: int = DEFAULT_LIMIT
) -> Page:
    """The page of rows beyond the cursor, newest first by (moment, id).

    ``moment`` names a datetime field that is never null. On the way back a page that would not be
    full is the first one. Raises InvalidCursor.
    """
    place = _read_cursor(cursor, moment) if cursor else None
    is_back = place is not None and place.is_back
    beyond = _beyond(rows, moment, place) if place else rows
    order = (moment, "id") if is_back else (f"-{moment}", "-id")
    found = list(beyond.order_by(*order)[: limit + 1])
    goes_on, found = len(found) > limit, found[:limit]
    if is_back and not goes_on:
        return keyset_page(rows, moment=moment, cursor=None, limit=limit)
    if is_back:
        found.reverse()

    def cursor_at(row: Any, *, is_back: bool) -> str:
        return make_cursor(moment, getattr(row, moment), row.id, is_back=is_back)

    return Page(
        found,
        cursor_at(found[-1], is_back=False) if goes_on or is_back else None,
        cursor_at(found[0], is_back=True) if place and found else None,
    )


def _beyond(rows: QuerySet[Any], moment: str, place: Place) -> QuerySet[Any]:
    way = "gt" if place.is_back else "lt"
    # The first condition bounds the index, the second cuts within the same moment.
    return rows.filter(**{f"{moment}__{way}e": place.at}).filter(
        Q(**{f"{moment}__{way}": place.at}) | Q(**{f"id__{way}": place.id})
    )


def make_cursor(moment: str, at: datetime, last_id: UUID, *, is_back: bool = False) -> str:
    return signing.dumps(
        [at.isoformat(), last_id.hex, is_back], salt=f"keyset.{moment}", compress=False
    )


def _read_cursor(cursor: str, moment: str) -> Place:
    try:
        at, last_id, is_back = signing.loads(cursor, salt=f"keyset.{moment}")
        return Place(datetime.fromisoformat(at), UUID(last_id), is_back)
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
