"""The admin's site: superusers only, each page in the scope that sees all tenants."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponseBase
from django.template.response import TemplateResponse

from analytics.materialized import late_views
from tenants.scope import operator_scope


class ObservatoryAdminSite(admin.AdminSite):
    site_header = site_title = "Observatory"
    index_title = "All tenants"

    def has_permission(self, request: HttpRequest) -> bool:
        user = request.user
        return user.is_active and user.is_superuser

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        return super().index(request, {**(extra_context or {}), "late_views": late_views()})

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Any:
        @wraps(view)
        def scoped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            with operator_scope():
                response: HttpResponseBase = view(request, *args, **kwargs)
                # Lists are read while the page is rendered; that must happen in here.
                if isinstance(response, TemplateResponse):
                    response.render()
                return response

        return super().admin_view(scoped, cacheable)
