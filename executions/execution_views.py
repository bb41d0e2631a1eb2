"""Pages of executions: the list with its search, one run, its data, and the file of a list."""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db import transaction
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from executions import environments, listing
from executions.exporting import MOST_ROWS, Format, export_response
from executions.filters import ExecutionFilter, PageFilter
from executions.grouping.classes import CLASSES
from executions.models import Environment, Execution
from executions.payload import Payload, PayloadUnavailable, fetch_payload
from executions.push.nodes import nodes_of
from executions.relatives import retry_chain, runs_named
from executions.saved.keeping import views_of
from executions.saved.models import SavedView
from executions.saved.pages import member_of
from executions.search import WORDS, Term
from executions.suggestions import suggestions
from executions.timeline import NodeTiming, Timeline, timeline_of
from executions.usual import usual_duration
from tenants.access import TenantRequest, for_members
from tenants.keyset import InvalidCursor, keyset_page
from tenants.models import Role

UNREADABLE, TOO_EXPENSIVE = 400, 422
# More of an error's message does not fit into a row, however wide.
LONGEST_LINE = 300


# --- The list ----------------------------------------------------------------------------------


@require_safe
@for_members(Role.VIEWER)
def execution_list(request: TenantRequest) -> HttpResponse:
    """What the address says; an address without anything opens with the person's own view."""
    views = list(views_of(member_of(request)))
    if not request.GET and (first := next((one for one in views if one.is_default), None)):
        return redirect(f"{request.path}?{first.address or 'view=all'}")
    chosen = PageFilter(request.GET, tenant=request.tenant)
    status = 200 if chosen.is_valid() else UNREADABLE
    context: dict[str, Any] = {}
    if status == 200:
        try:
            with listing.within_time_limit():
                context = _page_of_executions(request, chosen)
        except InvalidCursor as error:
            chosen.add_error(None, str(error))
            status = UNREADABLE
        except listing.TooExpensive as error:
            transaction.set_rollback(True)
            chosen.add_error(None, str(error))
            status = TOO_EXPENSIVE
    context |= _around_the_list(request, chosen, views)
    return render(request, "executions/list.html", context, status=status)


def _page_of_executions(request: TenantRequest, chosen: ExecutionFilter) -> dict[str, Any]:
    page = keyset_page(
        chosen.executions(),
        moment="occurred_at",
        cursor=request.GET.get("cursor"),
        limit=listing.size_of(request.GET),
    )
    names = {environment.pk: environment.name for environment in chosen.environments}
    for row in page.rows:
        # A thousand rows are on one page: what is the same for all is not looked up for each.
        row.environment_name = names.get(row.environment_id, "")
        row.address = f"{request.path}/{row.pk}"
        row.error_line = row.error_message[:LONGEST_LINE]
    return {
        "page": page,
        "chips": listing.chips(chosen),
        "workflows_meant": listing.workflows_meant(chosen),
    }


def _around_the_list(
    request: TenantRequest, chosen: ExecutionFilter, views: list[SavedView]
) -> dict[str, Any]:
    """The search, the columns and the views; asks the database nothing."""
    columns = listing.columns_of(request.GET)
    asked = request.GET.copy()
    for name in ("cursor", "view"):
        asked.pop(name, None)
    address = asked.urlencode()
    return {
        "filter": chosen,
        "asked": address,
        "typed": listing.typed(chosen),
        "words": WORDS.items(),
        "columns": columns,
        "shows": dict.fromkeys(columns, True),
        "all_columns": [(name, head) for name, (head, _) in listing.COLUMNS.items()],
        "sizes": listing.SIZES,
        "size": listing.size_of(request.GET),
        "most_rows": MOST_ROWS,
        "tags": [(tag, tag) for tag in dict.fromkeys(request.GET.getlist("tag"))],
        "choices": [(str(one.pk), one.name) for one in chosen.environments],
        "views": [(view, view.address == address) for view in views],
        "is_a_view": not address or any(view.address == address for view in views),
        "may_share": request.role.includes(Role.OPERATOR),
        "others_than_search": listing.others(chosen, "query", "limit", "column", "view")
        + [("column", name) for name in request.GET.getlist("column")],
    }


@require_safe
@for_members(Role.VIEWER)
def suggest(request: TenantRequest) -> HttpResponse:
    """What may follow in the search box, as a fragment for its script."""
    text = request.GET.get("query", "")[:1000]
    place = request.GET.get("place", "")
    caret = int(place) if place.isascii() and place.isdigit() and len(place) < 5 else len(text)
    found = suggestions(request.tenant, text, caret)
    return render(request, "executions/_suggestions.html", {"suggestions": found})


@require_safe
@for_members(Role.VIEWER)
def export(request: TenantRequest) -> HttpResponseBase:
    """The file of exactly the list that the same address shows."""
    chosen = PageFilter(request.GET, tenant=request.tenant)
    kind = request.GET.get("format", Format.CSV)
    if kind not in list(Format):
        chosen.add_error(None, f"“{kind[:40]}” is not one of: {', '.join(Format)}.")
    if chosen.is_valid():
        return export_response(request, chosen, Format(kind))
    context = _around_the_list(request, chosen, [])
    return render(request, "executions/list.html", context, status=UNREADABLE)


# --- One execution -----------------------------------------------------------------------------


@require_safe
@for_members(Role.VIEWER)
def execution_detail(request: TenantRequest, pk: UUID) -> HttpResponse:
    execution = _execution(request, pk)
    environment = environments.environment_of(request.tenant, execution.environment_id)
    context = _about(request, execution, environment)
    return render(request, "executions/detail.html", context)


@require_safe
@never_cache
@for_members(Role.VIEWER)
def execution_data(request: TenantRequest, pk: UUID) -> HttpResponse:
    """The same page with what n8n tells of the run's nodes and items now."""
    execution = _execution(request, pk)
    environment = environments.environment_of(request.tenant, execution.environment_id)
    try:
        found = _related(execution, fetch_payload(execution, environment))
    except PayloadUnavailable as error:
        found = {"unavailable": error}
    if request.htmx:
        context = {"execution": execution, "timeline": _timeline_of_traces(execution)} | found
        return render(request, "executions/_data.html", context)
    context = _about(request, execution, environment) | found
    return render(request, "executions/detail.html", context)


def _related(execution: Execution, payload: Payload) -> dict[str, Any]:
    """The data with the runs that they name."""
    ids = [one for one in (payload.parent_id, *payload.child_ids) if one]
    known = {row.n8n_execution_id: row for row in runs_named(execution, ids)} if ids else {}
    return {
        "payload": payload,
        "timeline": timeline_of(payload.timings),
        "parent": known.get(payload.parent_id),
        "children": [(one, known.get(one)) for one in payload.child_ids],
    }


def _timeline_of_traces(execution: Execution) -> Timeline | None:
    """What n8n told of the nodes by itself, if it sends traces."""
    return timeline_of(
        NodeTiming(
            node=span.node,
            node_type=span.node_type,
            started_at=span.started_at,
            milliseconds=span.duration_ms,
            failed=span.failed,
            items=span.items_out,
        )
        for span in nodes_of(execution.tenant_id, execution.pk)
    )


def _execution(request: TenantRequest, pk: UUID) -> Execution:
    execution: Execution | None = Execution.objects.for_tenant(request.tenant).filter(pk=pk).first()
    if execution is None:
        raise Http404
    return execution


def _about(
    request: TenantRequest, execution: Execution, environment: Environment | None
) -> dict[str, Any]:
    list_address = reverse("executions:list", kwargs={"tenant_slug": request.tenant.slug})
    return {
        "execution": execution,
        "environment": environment,
        "usual": usual_duration(execution),
        "chain": retry_chain(execution),
        "timeline": _timeline_of_traces(execution),
        "error_class": CLASSES.get(execution.error_class),
        "list_address": list_address,
        "same_node": urlencode({"query": str(Term("node", execution.error_node))}),
    }
