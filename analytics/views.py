"""Pages of what the executions mean."""

from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from analytics import design_samples
from analytics.asking import Asked, page_of_numbers
from analytics.forms import OneWorkflowForm, TableForm
from analytics.overview_page import INSIGHTS_SHOWN, overview_page
from analytics.workflow_page import workflow_page
from analytics.workflow_table import SHOWN, workflow_table
from tenants.access import TenantRequest, for_members
from tenants.models import Role


@page_of_numbers()
def overview(request: TenantRequest, asked: Asked) -> HttpResponse:
    """The tenant's home; before the first n8n is connected, the way to it."""
    if not asked.has_environments and request.role.includes(Role.ADMIN):
        return redirect("executions:connect", tenant_slug=request.tenant.slug)
    context = {
        "asked": asked,
        "page": overview_page(request.tenant, asked.question),
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
        "pager": _pager(request, asked.form, table.total, len(table.rows)),
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


@require_safe
@for_members(Role.VIEWER)
def design(request: TenantRequest) -> HttpResponse:
    """Every component in every state, with made-up numbers."""
    return render(request, "analytics/design.html", design_samples.samples())


def _pager(request: TenantRequest, form: TableForm, total: int, shown: int) -> dict[str, Any]:
    """Where in the table this page is, and the addresses of its neighbours."""

    def at(cursor: str | None) -> str | None:
        if cursor is None:
            return None
        query = request.GET.copy()
        query.pop("cursor", None)
        if cursor:
            query["cursor"] = cursor
        return f"?{query.urlencode()}"

    return {
        "first": form.offset + 1 if shown else 0,
        "last": form.offset + shown,
        "total": total,
        "earlier": at(form.earlier_cursor()),
        "later": at(form.next_cursor(total)),
    }
