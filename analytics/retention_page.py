"""Retention in the settings: what is kept, tried out before it is saved, and what was deleted."""

from functools import partial
from typing import Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from analytics import pruning, tasks
from executions.models import Environment, RetentionRun
from executions.retention import change_policy, policy_of
from executions.retention_models import LONGEST_DAYS
from executions.retention_policy import RetentionPolicy, Rule
from executions.statuses import NormalizedStatus
from tenants.access import TenantRequest, for_members, require_role
from tenants.audit import record
from tenants.models import Role, Tenant
from tenants.settings_pages import tabs_of

FAILURES = NormalizedStatus.ERROR.value
RUNS_SHOWN = 20
MOST_KEPT = 1_000_000


class Days(forms.IntegerField):
    """A number of days; empty where nothing of its own is said."""

    def __init__(self, label: str, *, required: bool = False) -> None:
        super().__init__(label=label, required=required, min_value=1, max_value=LONGEST_DAYS)


class RetentionForm(forms.Form):
    """The tenant's days, those of failures, and both for each environment."""

    days = Days("Days to keep executions", required=True)
    failure_days = Days("Days to keep failures")
    min_kept = forms.IntegerField(
        label="Newest executions to keep in any case", min_value=0, max_value=MOST_KEPT
    )

    def __init__(self, data: Any, *, tenant: Tenant) -> None:
        self.before = policy_of(tenant)
        self.environments = list(Environment.objects.for_tenant(tenant).order_by("name"))
        super().__init__(data, initial=self._stored())
        for environment in self.environments:
            self.fields[f"days_{environment.pk}"] = Days(f"{environment.name}: days")
            self.fields[f"failure_days_{environment.pk}"] = Days(f"{environment.name}: failures")

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The fields of each environment."""
        return [
            {
                "environment": environment,
                "days": self[f"days_{environment.pk}"],
                "failure_days": self[f"failure_days_{environment.pk}"],
            }
            for environment in self.environments
        ]

    def policy(self) -> RetentionPolicy:
        """Call after ``is_valid()``. Rules of other statuses, made by the API, stay."""
        chosen = self.cleaned_data
        others = [rule for rule in self.before.rules if rule.status not in ("", FAILURES)]
        scopes = [(None, FAILURES, "failure_days")]
        for environment in self.environments:
            scopes.append((environment.pk, "", f"days_{environment.pk}"))
            scopes.append((environment.pk, FAILURES, f"failure_days_{environment.pk}"))
        rules = [
            Rule(chosen[name], environment_id, status)
            for environment_id, status, name in scopes
            if chosen[name] is not None
        ]
        return RetentionPolicy(chosen["days"], chosen["min_kept"], (*rules, *others))

    def _stored(self) -> dict[str, int]:
        found = {"days": self.before.days, "min_kept": self.before.min_kept}
        for rule in self.before.rules:
            if rule.status in ("", FAILURES):
                name = "failure_days" if rule.status else "days"
                found[f"{name}_{rule.environment_id}" if rule.environment_id else name] = rule.days
        return found


@require_http_methods(["GET", "HEAD", "POST"])
@for_members(Role.VIEWER)
def retention(request: TenantRequest) -> HttpResponse:
    """A GET with values says what they would delete; a POST saves them."""
    sent = request.POST if request.method == "POST" else request.GET
    form = RetentionForm(sent if "days" in sent else None, tenant=request.tenant)
    if request.method == "POST":
        require_role(request.role, Role.ADMIN)
        if form.is_valid():
            change_policy(request.tenant, form.policy(), actor=request.actor)
            messages.success(request, "The retention is saved; the next night deletes by it.")
            return _to(request)
    context = {
        "form": form,
        "preview": _preview(request, form),
        "runs": RetentionRun.objects.for_tenant(request.tenant)[:RUNS_SHOWN],
        "tabs": tabs_of(request, "analytics:retention"),
    }
    status = 400 if form.is_bound and form.errors else 200
    return render(request, "analytics/settings_retention.html", context, status=status)


def _preview(request: TenantRequest, form: RetentionForm) -> pruning.Preview | None:
    """What the values that were typed would delete; of those that are stored, without them."""
    if not form.is_bound:
        return pruning.preview(request.tenant, form.before)
    return pruning.preview(request.tenant, form.policy()) if form.is_valid() else None


@require_POST
@for_members(Role.ADMIN)
def prune_now(request: TenantRequest) -> HttpResponse:
    """Delete by what is stored, without waiting for the night."""
    record(
        tenant=request.tenant,
        actor=request.actor,
        action="asked for pruning",
        subject=request.tenant,
    )
    ask = partial(tasks.enqueue_pruning, request.tenant.pk, request.actor.label)
    transaction.on_commit(ask)
    messages.success(request, "Deleting has begun; what went is listed below when it is done.")
    return _to(request)


def _to(request: TenantRequest) -> HttpResponse:
    return redirect("analytics:retention", tenant_slug=request.tenant.slug)
