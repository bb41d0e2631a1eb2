"""Every address of Observatory: pages, /api/v1/, the admin and the probes."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from analytics import live_views
from observatory import probes
from observatory.metrics.views import metrics
from tenants import stream

api: list[URLPattern | URLResolver] = [
    path("", include("executions.api_urls")),
    path("", include("analytics.api_urls")),
    path("sse/counts/<uuid:tenant_id>", stream.counts, name="event-stream"),
    path("schema", SpectacularAPIView.as_view(), name="api-schema"),
    path("docs", SpectacularSwaggerSplitView.as_view(url_name="api-schema"), name="api-docs"),
]

urlpatterns = [
    path("livez", probes.livez, name="livez"),
    path("readyz", probes.readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
    path("admin/", admin.site.urls),
    path("api/v1/", include(api)),
    path("", include("tenants.urls")),
    path("t/<slug:tenant_slug>/live", live_views.counts, name="live-counts"),
    path("t/<slug:tenant_slug>/", include("tenants.tenant_urls")),
    path("t/<slug:tenant_slug>/", include("analytics.urls")),
    path("t/<slug:tenant_slug>/", include("executions.urls")),
]

handler400 = "observatory.refusals.bad_request"
handler403 = "observatory.refusals.permission_denied"
handler404 = "observatory.refusals.not_found"
handler500 = "observatory.refusals.server_error"
