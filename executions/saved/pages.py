"""Saved views in the settings; the list of executions itself shows them as tabs."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from executions.saved import keeping
from executions.saved.keeping import Member
from executions.saved.models import SavedView
from tenants.access import TenantRequest, for_members
from tenants.models import Role
from tenants.settings_pages import tabs_of


def member_of(request: TenantRequest) -> Member:
    return Member(request.tenant, request.user, request.role, request.actor)


@require_safe
@for_members(Role.VIEWER)
def saved_views(request: TenantRequest) -> HttpResponse:
    member = member_of(request)
    views = list(keeping.views_of(member).select_related("owner"))
    context = {
        "rows": [(view, member.may_change(view)) for view in views],
        "tabs": tabs_of(request, "executions:saved-views"),
    }
    return render(request, "executions/settings_views.html", context)


@require_POST
@for_members(Role.VIEWER)
def save_view(request: TenantRequest) -> HttpResponse:
    """Back to the list, where the new view is a tab, or where the form says what is wrong."""
    address = request.POST.get("address", "")
    try:
        view = keeping.save_view(
            member_of(request),
            name=request.POST.get("name", ""),
            address=address,
            is_shared=request.POST.get("is_shared") == "1",
        )
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return _to_list(request, address[: keeping.LONGEST_ADDRESS])
    messages.success(request, f"The view {view.name} is saved.")
    return _to_list(request, view.address)


@require_POST
@for_members(Role.VIEWER)
def change_view(request: TenantRequest, pk: UUID) -> HttpResponse:
    view = _view(request, pk)
    try:
        keeping.change_view(
            member_of(request),
            view,
            name=request.POST.get("name", ""),
            is_shared=request.POST.get("is_shared") == "1",
        )
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        messages.success(request, f"The view {view.name} is changed.")
    return _to_views(request)


@require_POST
@for_members(Role.VIEWER)
def delete_view(request: TenantRequest, pk: UUID) -> HttpResponse:
    view = _view(request, pk)
    keeping.delete_view(member_of(request), view)
    messages.success(request, f"The view {view.name} is deleted.")
    return _to_views(request)


@require_POST
@for_members(Role.VIEWER)
def begin_with_view(request: TenantRequest, pk: UUID) -> HttpResponse:
    """The list opens with this view, or with everything again."""
    view = _view(request, pk)
    is_chosen = request.POST.get("is_default") == "1"
    keeping.begin_with(member_of(request), view if is_chosen else None)
    said = view.name if is_chosen else "all of them"
    messages.success(request, f"Executions now open with {said}.")
    return _to_views(request)


def _view(request: TenantRequest, pk: UUID) -> SavedView:
    view: SavedView | None = keeping.views_of(member_of(request)).filter(pk=pk).first()
    if view is None:
        raise Http404
    return view


def _to_list(request: TenantRequest, address: str) -> HttpResponse:
    path = reverse("executions:list", kwargs={"tenant_slug": request.tenant.slug})
    return redirect(f"{path}?{address or 'view=all'}")


def _to_views(request: TenantRequest) -> HttpResponse:
    return redirect("executions:saved-views", tenant_slug=request.tenant.slug)
