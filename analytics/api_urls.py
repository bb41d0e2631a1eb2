from django.urls import path

from analytics import api

urlpatterns = [
    path("observability/overview", api.OverviewView.as_view(), name="api-overview"),
    path("observability/kpis", api.KpisView.as_view(), name="api-kpis"),
    path("observability/workflows", api.WorkflowsView.as_view(), name="api-workflows"),
    path("observability/environments", api.EnvironmentsView.as_view(), name="api-health"),
    path("observability/status", api.StatusView.as_view(), name="api-status"),
    path("observability/timeseries", api.TimeSeriesView.as_view(), name="api-timeseries"),
    path("observability/stuck", api.StuckView.as_view(), name="api-stuck"),
    path(
        "analytics/executions", api.ExecutionAnalyticsView.as_view(), name="api-execution-analytics"
    ),
]
