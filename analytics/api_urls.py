from django.urls import path
from rest_framework.routers import SimpleRouter

from analytics import api, error_api
from analytics.retention_api import RetentionViewSet

router = SimpleRouter(trailing_slash=False)
router.register("observability/errors", error_api.ErrorViewSet, basename="api-error")
router.register("observability/error-rules", error_api.ErrorRuleViewSet, basename="api-error-rule")

urlpatterns = [
    path("observability/overview", api.OverviewView.as_view(), name="api-overview"),
    path("observability/kpis", api.KpisView.as_view(), name="api-kpis"),
    path("observability/workflows", api.WorkflowsView.as_view(), name="api-workflows"),
    path("observability/environments", api.EnvironmentsView.as_view(), name="api-health"),
    path("observability/status", api.StatusView.as_view(), name="api-status"),
    path("observability/timeseries", api.TimeSeriesView.as_view(), name="api-timeseries"),
    path("observability/stuck", api.StuckView.as_view(), name="api-stuck"),
    path("observability/credentials", error_api.CredentialsView.as_view(), name="api-credentials"),
    path(
        "analytics/executions", api.ExecutionAnalyticsView.as_view(), name="api-execution-analytics"
    ),
    path("metrics", api.MetricsView.as_view(), name="api-metrics"),
    path(
        "retention",
        RetentionViewSet.as_view({"get": "policy", "patch": "change"}),
        name="api-retention",
    ),
    path(
        "retention/dry-run",
        RetentionViewSet.as_view({"post": "dry_run"}),
        name="api-retention-dry-run",
    ),
    path(
        "retention/runs",
        RetentionViewSet.as_view({"get": "runs", "post": "runs"}),
        name="api-retention-runs",
    ),
    *router.urls,
]
