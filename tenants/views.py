"""Signing in, and the way from the bare address to a tenant."""

from django.contrib.auth import views as auth
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from tenants.access import memberships_of


class SignIn(auth.LoginView):
    template_name = "registration/sign_in.html"
    redirect_authenticated_user = True


@login_required
def home(request: HttpRequest) -> HttpResponse:
    """The first tenant of the person, or a word about having none."""
    memberships = memberships_of(request.user)  # type: ignore[arg-type]
    if not memberships:
        return render(request, "tenants/no_membership.html")
    return redirect("executions:start", tenant_slug=memberships[0].tenant.slug)
