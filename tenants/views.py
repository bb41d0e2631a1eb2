"""Signing in, and the way from the bare address to a tenant."""

from django.contrib.auth import views as auth
from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from tenants.access import memberships_of
from tenants.appearance import THEMES, keep_theme


class SignIn(auth.LoginView):
    template_name = "registration/sign_in.html"
    redirect_authenticated_user = True


@login_required
def home(request: HttpRequest) -> HttpResponse:
    """The first tenant of the person, or a word about having none."""
    memberships = memberships_of(request.user)  # type: ignore[arg-type]
    if not memberships:
        return render(request, "tenants/no_membership.html")
    return redirect("analytics:overview", tenant_slug=memberships[0].tenant.slug)


@require_POST
def set_theme(request: HttpRequest) -> HttpResponse:
    """Back to where the person was, in other colours; for everybody, signed in or not."""
    theme, back = request.POST.get("theme", ""), request.POST.get("next", "")
    if theme not in THEMES:
        raise BadRequest(f"“{theme[:40]}” is no theme; there are: {', '.join(THEMES)}.")
    is_ours = url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()})
    response = redirect(back if is_ours else "home")
    keep_theme(response, theme, is_secure=request.is_secure())
    return response
