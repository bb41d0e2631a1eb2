"""Base of the REST views: everything they touch belongs to the tenant of the request."""

from typing import Any, Generic, TypeVar

from django.db.models import Model
from django.http.response import HttpResponseBase
from rest_framework import exceptions, serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from tenants import schema
from tenants.audit import Actor
from tenants.models import Tenant

__all__ = ["TenantViewSet", "Unprocessable", "refuse_unknown", "schema", "unprocessable"]

Row = TypeVar("Row", bound=Model)


class Unprocessable(exceptions.APIException):
    """The values are well formed, but what they name does not work."""

    status_code = 422
    default_code = "unprocessable"


def unprocessable(sentence: str, *, code: str) -> Unprocessable:
    return Unprocessable(sentence, code)


class TenantViewSet(viewsets.GenericViewSet, Generic[Row]):  # type: ignore[type-arg]
    """Lists by keyset, single rows by id; another tenant's row is not found."""

    lookup_value_converter = "uuid"

    @property
    def tenant(self) -> Tenant:
        return self.request.tenant  # type: ignore[attr-defined,no-any-return]

    @property
    def actor(self) -> Actor:
        return self.request.actor  # type: ignore[attr-defined,no-any-return]

    def list(self, request: Request) -> HttpResponseBase:
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    def retrieve(self, request: Request, pk: str) -> HttpResponseBase:
        return Response(self.get_serializer(self.get_object()).data)

    def validated(self, form: type[serializers.Serializer[Any]]) -> dict[str, Any]:
        """The body by a serializer. Raises ValidationError, also for names it does not know."""
        body = form(data=self.request.data)
        body.is_valid(raise_exception=True)
        refuse_unknown(self.request.data, body.fields)
        return dict(body.validated_data)


def refuse_unknown(data: Any, known: Any) -> None:
    """Raises ValidationError that names the first field that nobody knows."""
    for name in data:
        if name not in known:
            raise exceptions.ValidationError(
                {str(name)[:40]: f"There is no such field; there are: {', '.join(known)}."}
            )
