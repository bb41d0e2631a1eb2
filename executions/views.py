"""Pages of environments."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from executions import environments
from executions.api import enqueue_after_commit
from executions.caveats import coverage_report
from executions.forms import ConnectForm, ConnectionForm, EnvironmentForm
from executions.models import Environment, SyncRun
from executions.push import tokens
from executions.push.setup import push_state
from executions.states import EnvironmentState, states_of
from tenants.access import TenantRequest, for_members
from tenants.models import Role
from tenants.tenancy import sentences

RUNS_SHOWN = 20


@for_members(Role.ADMIN)
def connect(request: TenantRequest) -> HttpResponse:
    form = ConnectForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            environment = environments.connect_environment(
                tenant=request.tenant, actor=request.actor, **form.cleaned_data
            )
        except ValidationError as error:
            form.add_error(None, sentences(error))
        else:
            enqueue_after_commit(environment)
            messages.success(request, f"{environment.name} is connected; the first load runs.")
            return _to_environment(request, environment)
    return render(request, "executions/connect.html", {"form": form})


@require_POST
@for_members(Role.ADMIN)
def test_connection(request: TenantRequest) -> HttpResponse:
    """The answer to “Test”, as a fragment; nothing is stored."""
    form = ConnectionForm(request.POST)
    if form.is_valid():
        form.try_connection()
    return render(request, "executions/_report.html", {"form": form, "report": form.report})


@require_safe
@for_members(Role.VIEWER)
def environment_detail(request: TenantRequest, pk: UUID) -> HttpResponse:
    return _environment_page(request, pk)


def _environment_page(request: TenantRequest, pk: UUID, *, secret: str = "") -> HttpResponse:
    """The page, or its live part; ``secret`` is a push token that was just made."""
    state = _state(request, pk)
    runs = SyncRun.objects.for_tenant(request.tenant).filter(environment=state.environment)
    since = timezone.now() - timedelta(days=request.tenant.retention_days)
    context: dict[str, Any] = {
        "state": state,
        "runs": runs[:RUNS_SHOWN],
        "coverage": coverage_report(state.environment, since=since),
        "kept_since": since,
    }
    if request.htmx:
        return render(request, "executions/_environment.html", context)
    context["push"] = push_state(request, state.environment, secret=secret)
    return render(request, "executions/environment.html", context)


@for_members(Role.ADMIN)
def edit_environment(request: TenantRequest, pk: UUID) -> HttpResponse:
    environment = _environment(request, pk)
    form = EnvironmentForm(request.POST or None, environment=environment)
    if request.method == "POST" and form.is_valid():
        try:
            environments.change_environment(environment, actor=request.actor, **form.changes())
        except ValidationError as error:
            form.add_error(None, sentences(error))
        else:
            messages.success(request, f"{environment.name} is changed.")
            return _to_environment(request, environment)
    context = {"form": form, "environment": environment}
    return render(request, "executions/edit_environment.html", context)


@require_POST
@for_members(Role.OPERATOR)
def sync_now(request: TenantRequest, pk: UUID) -> HttpResponse:
    environment = _environment(request, pk)
    environments.request_sync(environment, actor=request.actor)
    enqueue_after_commit(environment)
    messages.info(request, f"{environment.name} is being synced.")
    return _to_environment(request, environment)


@require_POST
@for_members(Role.ADMIN)
def pause(request: TenantRequest, pk: UUID) -> HttpResponse:
    environment = _environment(request, pk)
    is_paused = request.POST.get("is_paused") == "1"
    environments.change_environment(environment, actor=request.actor, is_paused=is_paused)
    return _to_environment(request, environment)


@require_POST
@for_members(Role.OPERATOR)
def release(request: TenantRequest, pk: UUID) -> HttpResponse:
    environment = _environment(request, pk)
    environments.release_from_quarantine(environment, actor=request.actor)
    messages.info(request, f"{environment.name} is released; its next sync is due now.")
    return _to_environment(request, environment)


@require_POST
@never_cache
@for_members(Role.ADMIN)
def issue_push_token(request: TenantRequest, pk: UUID) -> HttpResponse:
    """The page itself answers, because nothing else may ever hold the secret."""
    _, secret = tokens.issue_token(_environment(request, pk), actor=request.actor)
    return _environment_page(request, pk, secret=secret)


@require_POST
@for_members(Role.ADMIN)
def revoke_push_token(request: TenantRequest, pk: UUID) -> HttpResponse:
    environment = _environment(request, pk)
    tokens.revoke_token(environment, actor=request.actor)
    return _to_environment(request, environment)


@for_members(Role.ADMIN)
def remove(request: TenantRequest, pk: UUID) -> HttpResponse:
    """Removing wants the name typed: everything that was copied goes with it."""
    environment = _environment(request, pk)
    typed = request.POST.get("name", "").strip()
    if request.method == "POST" and typed == environment.name:
        environments.remove_environment(environment, actor=request.actor)
        messages.success(request, f"{environment.name} and its executions are removed.")
        return redirect("analytics:environments", tenant_slug=request.tenant.slug)
    context = {"environment": environment, "typed": typed}
    return render(request, "executions/remove_environment.html", context)


def _environment(request: TenantRequest, pk: UUID) -> Environment:
    environment = environments.environment_of(request.tenant, pk)
    if environment is None:
        raise Http404
    return environment


def _state(request: TenantRequest, pk: UUID) -> EnvironmentState:
    (state,) = states_of(request.tenant, [_environment(request, pk)])
    return state


def _to_environment(request: TenantRequest, environment: Environment) -> HttpResponse:
    address = reverse(
        "executions:environment",
        kwargs={"tenant_slug": request.tenant.slug, "pk": environment.pk},
    )
    return redirect(address)
