"""The settings of a tenant: everybody may look, who changes what is said by the role."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Q
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from tenants import members
from tenants.access import TenantRequest, for_members, require_role
from tenants.audit import record
from tenants.forms import MemberForm, RoleForm, TenantForm, TokenForm, ZoneForm, role_choices
from tenants.keyset import InvalidCursor, keyset_page
from tenants.models import ApiToken, AuditEntry, Membership, Role
from tenants.tenancy import change_tenant
from tenants.tokens import create_token, revoke_token
from tenants.zones import zone_names

# Page, label and the role that sees it; some are shown by the app that knows what they are about.
PARTS = (
    ("tenants:general", "General", Role.VIEWER),
    ("analytics:retention", "Retention", Role.VIEWER),
    ("executions:saved-views", "Saved views", Role.VIEWER),
    ("tenants:you", "You", Role.VIEWER),
    ("tenants:members", "Members", Role.VIEWER),
    ("tenants:tokens", "API tokens", Role.ADMIN),
    ("tenants:audit", "Audit", Role.ADMIN),
)
LONGEST_SEARCH = 100


@require_http_methods(["GET", "HEAD", "POST"])
@for_members(Role.VIEWER)
def general(request: TenantRequest) -> HttpResponse:
    """Name and zone of the tenant; for owners to change."""
    form = TenantForm(request.POST or None, initial=_values_of(request))
    if request.method == "POST":
        require_role(request.role, Role.OWNER)
        if form.is_valid():
            change_tenant(request.tenant, actor=request.actor, **form.cleaned_data)
            messages.success(request, "The settings are saved.")
            return _to(request, "general")
    context = {"form": form, "zones": zone_names()}
    return _show(request, "general", context, is_refused=bool(form.errors))


@require_http_methods(["GET", "HEAD", "POST"])
@for_members(Role.VIEWER)
def you(request: TenantRequest) -> HttpResponse:
    """What a person decides alone."""
    form = ZoneForm(request.POST or None, initial={"time_zone": request.user.time_zone})
    if request.method == "POST" and form.is_valid():
        request.user.time_zone = form.cleaned_data["time_zone"]
        request.user.save(update_fields=["time_zone"])
        messages.success(request, "Your time zone is saved.")
        return _to(request, "you")
    context = {"form": form, "zones": zone_names()}
    return _show(request, "you", context, is_refused=bool(form.errors))


@require_http_methods(["GET", "HEAD", "POST"])
@for_members(Role.VIEWER)
def member_list(request: TenantRequest) -> HttpResponse:
    form = MemberForm(request.POST or None)
    if request.method == "POST":
        require_role(request.role, Role.ADMIN)
        if form.is_valid() and _added(request, form):
            return _to(request, "members")
    context = {
        "form": form,
        "members": members.members_of(request.tenant),
        "roles": role_choices(request.role),
    }
    return _show(request, "members", context, is_refused=bool(form.errors))


def _added(request: TenantRequest, form: MemberForm) -> bool:
    username = form.cleaned_data["username"]
    try:
        members.add_member(
            tenant=request.tenant, by=request.role, actor=request.actor, **form.cleaned_data
        )
    except members.MembershipRefused as refusal:
        form.add_error("username", str(refusal))
        return False
    messages.success(request, f"{username} is a member now.")
    return True


@require_POST
@for_members(Role.ADMIN)
def change_member(request: TenantRequest, pk: UUID) -> HttpResponse:
    membership = _membership(request, pk)
    form = RoleForm(request.POST)
    if not form.is_valid():
        messages.error(request, " ".join(map(str, form.errors["role"])))
        return _to(request, "members")
    role = form.cleaned_data["role"]
    try:
        members.change_role(membership, role=role, by=request.role, actor=request.actor)
    except members.MembershipRefused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"{membership.user.username} is {role.value} now.")
    return _to(request, "members")


@require_POST
@for_members(Role.VIEWER)
def remove_member(request: TenantRequest, pk: UUID) -> HttpResponse:
    """Admins let others go; everybody may leave."""
    membership = _membership(request, pk)
    is_leaving = membership.user_id == request.user.pk
    if not is_leaving:
        require_role(request.role, Role.ADMIN)
    try:
        members.remove_member(membership, by=request.role, actor=request.actor)
    except members.MembershipRefused as refusal:
        messages.error(request, str(refusal))
        return _to(request, "members")
    if is_leaving:
        return redirect("home")
    messages.success(request, f"{membership.user.username} is no member any more.")
    return _to(request, "members")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@for_members(Role.ADMIN)
def tokens(request: TenantRequest) -> HttpResponse:
    """The tokens, and a new one whose secret this answer alone shows."""
    form, secret = TokenForm(request.POST or None, maker=request.role), ""
    if request.method == "POST" and form.is_valid():
        secret = _made(request, form)
        form = TokenForm(maker=request.role)
    context = {
        "form": form,
        "secret": secret,
        "tokens": ApiToken.objects.for_tenant(request.tenant).select_related("created_by"),
        "roles": role_choices(request.role),
    }
    return _show(request, "tokens", context, is_refused=bool(form.errors))


def _made(request: TenantRequest, form: TokenForm) -> str:
    token, secret = create_token(
        tenant=request.tenant,
        name=form.cleaned_data["name"],
        role=form.cleaned_data["role"],
        created_by=request.user,
        expires_at=form.expires_at,
    )
    record(
        tenant=request.tenant,
        actor=request.actor,
        action="made token",
        subject=token,
        changes={"role": token.role},
    )
    return secret


@require_POST
@for_members(Role.ADMIN)
def revoke(request: TenantRequest, pk: UUID) -> HttpResponse:
    token = ApiToken.objects.for_tenant(request.tenant).filter(pk=pk).first()
    if token is None:
        raise Http404
    if revoke_token(token, actor=request.actor):
        messages.success(request, f"{token.name} is revoked; nothing can use it any more.")
    return _to(request, "tokens")


@require_safe
@for_members(Role.ADMIN)
def audit(request: TenantRequest) -> HttpResponse:
    """Who changed what, the newest first, narrowed by a text in actor, action or subject."""
    text = request.GET.get("q", "").replace("\0", "")[:LONGEST_SEARCH].strip()
    entries = AuditEntry.objects.for_tenant(request.tenant)
    if text:
        entries = entries.filter(
            Q(actor__icontains=text) | Q(action__icontains=text) | Q(subject__icontains=text)
        )
    context: dict[str, Any] = {"text": text}
    try:
        page = keyset_page(entries, moment="at", cursor=request.GET.get("cursor"))
    except InvalidCursor as error:
        return _show(request, "audit", context | {"fault": str(error)}, is_refused=True)
    older = request.GET.copy()
    older["cursor"] = page.next_cursor or ""
    context |= {"page": page, "older": older.urlencode() if page.next_cursor else ""}
    return _show(request, "audit", context)


def _show(
    request: TenantRequest, part: str, context: dict[str, Any], *, is_refused: bool = False
) -> HttpResponse:
    context = {**context, "tabs": tabs_of(request, f"tenants:{part}")}
    template = f"tenants/settings_{part}.html"
    return render(request, template, context, status=400 if is_refused else 200)


def tabs_of(request: TenantRequest, current: str) -> list[dict[str, Any]]:
    """The parts of the settings that the role sees, for every page of them."""
    of_tenant = {"tenant_slug": request.tenant.slug}
    return [
        {"label": label, "address": reverse(name, kwargs=of_tenant), "is_current": name == current}
        for name, label, needed in PARTS
        if request.role.includes(needed)
    ]


def _values_of(request: TenantRequest) -> dict[str, Any]:
    return {name: getattr(request.tenant, name) for name in TenantForm.Meta.fields}


def _membership(request: TenantRequest, pk: UUID) -> Membership:
    found = Membership.objects.for_tenant(request.tenant).select_related("user", "tenant")
    membership: Membership | None = found.filter(pk=pk).first()
    if membership is None:
        raise Http404
    return membership


def _address(request: TenantRequest, part: str) -> str:
    return reverse(f"tenants:{part}", kwargs={"tenant_slug": request.tenant.slug})


def _to(request: TenantRequest, part: str) -> HttpResponse:
    return redirect(_address(request, part))
