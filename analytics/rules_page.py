"""A tenant's own rules of grouping: tried out before they are saved, put in order, removed."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from analytics import own_rules, tasks
from executions.error_rules import LONGEST_NAME, LONGEST_PATTERN, MOST_RULES, ErrorRule
from executions.grouping.classes import CLASSES
from tenants.access import TenantRequest, for_members, require_role
from tenants.audit import Actor
from tenants.models import Role, Tenant

CLASS_CHOICES = [("", "The class they have"), *((key, one.title) for key, one in CLASSES.items())]


class RuleForm(forms.Form):
    """One rule as it is typed."""

    name = forms.CharField(max_length=LONGEST_NAME, label="Name of the error")
    kind = forms.ChoiceField(choices=ErrorRule.Kind.choices, label="It is meant where")
    pattern = forms.CharField(max_length=LONGEST_PATTERN, label="Text")
    error_class = forms.ChoiceField(  # type: ignore[assignment]  # the form's own is never used
        choices=CLASS_CHOICES, required=False, label="Class"
    )

    def __init__(self, data: Any, *, tenant: Tenant, rule: ErrorRule | None = None) -> None:
        kept = ("name", "kind", "pattern", "error_class")
        super().__init__(data, initial={name: getattr(rule, name) for name in kept} if rule else {})
        self.tenant, self.rule = tenant, rule

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        others = own_rules.rules_of(self.tenant).filter(name=name)
        if any(other != self.rule for other in others):
            raise ValidationError(f"There is a rule “{name[:60]}” already; choose another name.")
        return name

    def save(self, actor: Actor) -> ErrorRule | None:
        """The rule that is stored now, or nothing and what is wrong beside the fields."""
        try:
            if self.rule:
                return own_rules.change_rule(self.rule, self.cleaned_data, actor=actor)
            return own_rules.add_rule(self.tenant, self.cleaned_data, actor=actor)
        except ValidationError as fault:
            self.add_error(None, fault)
            return None

    @property
    def preview(self) -> own_rules.Preview | None:
        """What the values that were typed would do; nothing while they are wrong."""
        if not self.is_bound or not self.is_valid():
            return None
        rule = ErrorRule(tenant=self.tenant, **self.cleaned_data)
        return own_rules.preview_rule(self.tenant.pk, rule)


@require_http_methods(["GET", "HEAD", "POST"])
@for_members(Role.VIEWER)
def rules(request: TenantRequest) -> HttpResponse:
    """All rules in their order; values in the address, or sent to be tried, change nothing."""
    form = RuleForm(_sent(request), tenant=request.tenant)
    if _is_to_save(request, form) and (added := form.save(request.actor)):
        return _followed(request, f"The rule “{added}” is added")
    found = own_rules.rules_of(request.tenant)
    context = {
        "form": form,
        "kinds": ErrorRule.Kind.choices,
        "classes": CLASS_CHOICES,
        "most": MOST_RULES,
        "rules": [(one, CLASSES.get(one.error_class)) for one in found],
    }
    return render(request, "analytics/error_rules.html", context, status=_status(form))


@require_http_methods(["GET", "HEAD", "POST"])
@for_members(Role.OPERATOR)
def rule(request: TenantRequest, pk: UUID) -> HttpResponse:
    """One rule, to be tried with other values and changed."""
    found = _rule(request, pk)
    form = RuleForm(_sent(request), tenant=request.tenant, rule=found)
    if _is_to_save(request, form) and form.save(request.actor):
        return _followed(request, f"The rule “{found}” is changed")
    context = {
        "form": form,
        "rule": found,
        "kinds": ErrorRule.Kind.choices,
        "classes": CLASS_CHOICES,
    }
    return render(request, "analytics/error_rule.html", context, status=_status(form))


@require_POST
@for_members(Role.OPERATOR)
def move(request: TenantRequest, pk: UUID) -> HttpResponse:
    """Put it at another place of the order."""
    found = _rule(request, pk)
    place = request.POST.get("place", "")[:20]
    if not (place.isascii() and place.isdigit() and 1 <= int(place) <= MOST_RULES):
        messages.error(request, f"“{place}” is no place; take one from 1 to {MOST_RULES}.")
        return _to_rules(request)
    own_rules.move_rule(found, int(place), actor=request.actor)
    return _followed(request, f"The rule “{found}” has place {place}")


@require_http_methods(["GET", "HEAD", "POST"])
@for_members(Role.OPERATOR)
def remove(request: TenantRequest, pk: UUID) -> HttpResponse:
    """Ask whether it is meant, then remove it."""
    found = _rule(request, pk)
    if request.method == "POST":
        own_rules.remove_rule(found, actor=request.actor)
        return _followed(request, f"The rule “{found}” is removed")
    return render(request, "analytics/remove_error_rule.html", {"rule": found})


def _sent(request: TenantRequest) -> Any:
    """What was typed, or nothing; only who may make rules can try them out."""
    if request.method != "POST" and "pattern" not in request.GET:
        return None
    require_role(request.role, Role.OPERATOR)
    return request.POST if request.method == "POST" else request.GET


def _is_to_save(request: TenantRequest, form: RuleForm) -> bool:
    return request.method == "POST" and "try" not in request.POST and form.is_valid()


def _status(form: RuleForm) -> int:
    return 400 if form.is_bound and form.errors else 200


def _rule(request: TenantRequest, pk: UUID) -> ErrorRule:
    found: ErrorRule | None = own_rules.rules_of(request.tenant).filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


def _followed(request: TenantRequest, said: str) -> HttpResponse:
    """Back to the list, while a worker begins with what is stored; a lost task is due again."""
    tenant_id = request.tenant.pk
    transaction.on_commit(lambda: tasks.enqueue_regrouping(tenant_id))
    messages.success(request, f"{said}; stored failures follow within minutes.")
    return _to_rules(request)


def _to_rules(request: TenantRequest) -> HttpResponse:
    return redirect("analytics:error-rules", tenant_slug=request.tenant.slug)
