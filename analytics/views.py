"""Pages of what the executions mean."""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from analytics import design_samples
from analytics.asking import Asked, page_of_numbers, pager_of
from analytics.environment_health import environment_rows
from analytics.executions_over_time import executions_over_time
from analytics.finding import find
from analytics.forms import OneWorkflowForm, TableForm
from analytics.overview_page import INSIGHTS_SHOWN, overview_page
from analytics.workflow_page import workflow_page
from analytics.workflow_ranking import SHOWN
from analytics.workflow_table import workflow_table
from executions.filters import PageFilter
from executions.listing import TooExpensive, address_with, typed, within_time_limit
from executions.states import states_of
from tenants.access import TenantRequest, for_members
from tenants.models import Role
from tenants.scope import set_statement_timeout

# A chart beside a list is worth a shorter wait than the list.
CHART_TIMEOUT_MS = 3000

LONGEST_SEARCH = 100


@page_of_numbers()
def overview(request: TenantRequest, asked: Asked) -> HttpResponse:
    """The tenant's home; before the first n8n is connected, the way to it."""
    if not asked.has_environments and request.role.includes(Role.ADMIN):
        return redirect("executions:connect", tenant_slug=request.tenant.slug)
    context = {
        "asked": asked,
        "page": overview_page(request.tenant, asked.question, request.role),
        "insights_shown": INSIGHTS_SHOWN,
    }
    template = "analytics/_overview.html" if request.htmx else "analytics/overview.html"
    return render(request, template, context)


@page_of_numbers(TableForm)
def workflows(request: TenantRequest, asked: Asked) -> HttpResponse:
    table = workflow_table(asked.question, asked.form.order)
    context = {
        "asked": asked,
        "table": table,
        "pager": pager_of(request, asked.form, table.total, len(table.rows)),
        "shown": [(name, asked.form.cleaned_data["show"] == name) for name in SHOWN],
        "sort": asked.form.cleaned_data["sort"],
        "completeness": asked.question.ledger.of(asked.question.span),
    }
    template = "analytics/_workflows.html" if request.htmx else "analytics/workflows.html"
    return render(request, template, context)


@page_of_numbers(OneWorkflowForm)
def workflow(
    request: TenantRequest, asked: Asked, environment_id: UUID, workflow_id: str
) -> HttpResponse:
    environment = next((one for one in asked.form.environments if one.pk == environment_id), None)
    if environment is None or "\0" in workflow_id:
        raise Http404
    narrowed = asked.of_workflow(environment, workflow_id)
    page = workflow_page(request.tenant, narrowed.question, environment, workflow_id)
    if page is None:
        raise Http404
    context = {"asked": narrowed, "page": page}
    template = "analytics/_workflow.html" if request.htmx else "analytics/workflow.html"
    return render(request, template, context)


@page_of_numbers()
def environments(request: TenantRequest, asked: Asked) -> HttpResponse:
    """How each n8n stands and did."""
    context = {
        "asked": asked,
        "rows_of": environment_rows(
            asked.question, states_of(request.tenant, asked.question.environments)
        ),
    }
    template = "analytics/_environments.html" if request.htmx else "analytics/environments.html"
    return render(request, template, context)


@require_safe
@for_members(Role.VIEWER)
def find_place(request: TenantRequest) -> HttpResponse:
    """What the palette finds; a page of its own where no script runs."""
    text = request.GET.get("q", "").replace("\0", "")[:LONGEST_SEARCH]
    context = {"text": text, "places": find(request.tenant, text) if text.strip() else []}
    template = "analytics/_places.html" if request.htmx else "analytics/find.html"
    return render(request, template, context)


@require_safe
@for_members(Role.VIEWER)
def executions_over_time_page(request: TenantRequest) -> HttpResponse:
    """The chart above the list of executions: a part of that page, or a page of its own."""
    set_statement_timeout(CHART_TIMEOUT_MS)
    chosen = PageFilter(request.GET, tenant=request.tenant)
    context: dict[str, Any] = {"fault": "What the list is narrowed to cannot be read."}
    if chosen.is_valid():
        try:
            with within_time_limit():
                context = {"over_time": executions_over_time(chosen)}
        except TooExpensive as error:
            transaction.set_rollback(True)
            context = {"fault": str(error)}
        except ValueError as error:
            context = {"fault": str(error)}
    list_page = reverse("executions:list", kwargs={"tenant_slug": request.tenant.slug})
    any_status = [one for one in chosen.terms if one.name != "status" or one.is_negated]
    context |= {
        "list_address": list_page + address_with(chosen, any_status),
        "back": f"{list_page}?{request.GET.urlencode() or 'view=all'}",
        "typed": typed(chosen),
    }
    template = "_executions_over_time" if request.htmx else "executions_over_time"
    return render(request, f"analytics/{template}.html", context)


@require_safe
@for_members(Role.VIEWER)
def design(request: TenantRequest) -> HttpResponse:
    """Every component in every state, with made-up numbers."""
    return render(request, "analytics/design.html", design_samples.samples())
