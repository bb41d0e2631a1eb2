"""Pages of errors: the list, one error, the credentials that are refused, and what people do."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from analytics import group_actions
from analytics.asking import Asked, page_of_numbers, pager_of
from analytics.credential_board import credential_board
from analytics.error_forms import (
    BULK_ACTS,
    TABS,
    ErrorTabsForm,
    OneErrorForm,
    act_in,
    carry_out_on,
)
from analytics.error_groups import error_groups, groups_by_state
from analytics.error_page import error_page
from analytics.group_actions import ActionNotAllowed, standing_groups
from analytics.models import ErrorGroup
from executions.grouping.classes import CLASSES
from tenants.access import TenantRequest, for_members
from tenants.keyset import MAXIMUM_LIMIT
from tenants.models import Role


@page_of_numbers(ErrorTabsForm)
def errors(request: TenantRequest, asked: Asked) -> HttpResponse:
    """What fails, one line for one cause."""
    order = asked.form.order
    page = error_groups(asked.question, order)
    by_state = groups_by_state(asked.question, order)
    context = {
        "asked": asked,
        "page": page,
        "tab": asked.form.cleaned_data["tab"],
        "tabs": _tabs(request, asked.form.cleaned_data["tab"], by_state),
        "pager": pager_of(request, asked.form, page.total, len(page.rows)),
        "sort": asked.form.cleaned_data["sort"],
        "classes": [(key, about.title) for key, about in CLASSES.items()],
        "completeness": asked.question.ledger.of(asked.question.span),
        "is_narrowed": bool(order.search or order.classes or order.assignee or order.groups),
    }
    return render(request, _part_or_page(request, "errors"), context)


@page_of_numbers(OneErrorForm)
def error(request: TenantRequest, asked: Asked, pk: UUID) -> HttpResponse:
    """One error; one that was merged is shown as the error that it is part of."""
    group = _group(request, pk)
    if group.pk != pk:
        return redirect(_address(request, "error", request.GET.urlencode(), pk=group.pk))
    other = asked.form.cleaned_data["into"].strip()
    context = {
        "asked": asked,
        "page": error_page(request.tenant, asked.question, group, other),
        "other": other,
        "completeness": asked.question.ledger.of(asked.question.span),
    }
    return render(request, _part_or_page(request, "error"), context)


@page_of_numbers()
def credentials(request: TenantRequest, asked: Asked) -> HttpResponse:
    """Credentials that services refuse, and the workflows that will fail next."""
    context = {
        "asked": asked,
        "rows": credential_board(asked.question),
        "completeness": asked.question.ledger.of(asked.question.span),
    }
    return render(request, _part_or_page(request, "credentials"), context)


@require_POST
@for_members(Role.OPERATOR)
def act_on_error(request: TenantRequest, pk: UUID) -> HttpResponse:
    """Do with one error what the form says, and show it again."""
    group = _group(request, pk)
    try:
        act = act_in(request.POST, tenant=request.tenant)
        group = act.carry_out(group, request.actor)
    except ActionNotAllowed as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"It is {act.done}.")
    return redirect(_address(request, "error", request.POST.get("back", ""), pk=group.pk))


@require_POST
@for_members(Role.OPERATOR)
def act_on_errors(request: TenantRequest) -> HttpResponse:
    """Do the same with all errors that are ticked, and show the list again."""
    try:
        act = act_in(request.POST, tenant=request.tenant, acts=BULK_ACTS)
        done, refusals = carry_out_on(act, _ticked(request), request.actor)
    except ActionNotAllowed as refusal:
        messages.error(request, str(refusal))
    else:
        if done:
            messages.success(request, f"{_errors(done)} {act.done}.")
        for sentence, count in refusals.items():
            messages.warning(request, f"{_errors(count)} not {act.done}: {sentence}")
    return redirect(_address(request, "errors", request.POST.get("back", "")))


def _ticked(request: TenantRequest) -> list[ErrorGroup]:
    ids = request.POST.getlist("group")[:MAXIMUM_LIMIT]
    try:
        groups = list(standing_groups(request.tenant).filter(pk__in=ids))
    except ValidationError as fault:
        raise ActionNotAllowed(" ".join(fault.messages)) from fault
    if not groups:
        raise ActionNotAllowed("No error is ticked; tick those that are meant.")
    return groups


def _errors(count: int) -> str:
    return "1 error is" if count == 1 else f"{count} errors are"


def _group(request: TenantRequest, pk: UUID) -> ErrorGroup:
    group = group_actions.group_of(request.tenant, pk)
    if group is None:
        raise Http404
    return group


def _tabs(request: TenantRequest, current: str, by_state: dict[str, int]) -> list[dict[str, Any]]:
    tabs = []
    for name, tab in TABS.items():
        query = request.GET.copy()
        query.pop("cursor", None)
        query["tab"] = name
        tabs.append(
            {
                "label": tab.label,
                "address": f"?{query.urlencode()}",
                "is_current": name == current,
                "count": sum(by_state.get(state, 0) for state in tab.states),
            }
        )
    return tabs


def _part_or_page(request: TenantRequest, name: str) -> str:
    return f"analytics/{'_' if request.htmx else ''}{name}.html"


def _address(request: TenantRequest, page: str, query: str, **arguments: Any) -> str:
    """A page of errors with what its address said; nothing of it can lead elsewhere."""
    kwargs = {"tenant_slug": request.tenant.slug, **arguments}
    said = QueryDict(query[:4000]).urlencode()
    address = reverse(f"analytics:{page}", kwargs=kwargs)
    return f"{address}?{said}" if said else address
