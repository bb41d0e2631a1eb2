"""Pages of what the executions mean."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from analytics import design_samples
from tenants.access import TenantRequest, for_members
from tenants.models import Role


@require_safe
@for_members(Role.VIEWER)
def design(request: TenantRequest) -> HttpResponse:
    """Every component in every state, with made-up numbers."""
    return render(request, "analytics/design.html", design_samples.samples())
