"""The strip of numbers that stream events keep moving; asked for again where there is no stream."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from analytics.live_counts import live_counts
from tenants.access import TenantRequest, for_members
from tenants.models import Role


@require_safe
@for_members(Role.VIEWER)
def counts(request: TenantRequest) -> HttpResponse:
    return render(request, "analytics/_live_counts.html", {"live": live_counts(request.tenant)})
