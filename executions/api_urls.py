from django.urls import path
from rest_framework.routers import SimpleRouter

from executions.api import EnvironmentViewSet, ExecutionViewSet
from executions.push import schema
from executions.push.api import ErrorsView, TracesView

__all__ = ["schema", "urlpatterns"]

router = SimpleRouter(trailing_slash=False)
router.register("environments", EnvironmentViewSet, basename="api-environment")
router.register("executions", ExecutionViewSet, basename="api-execution")
urlpatterns = [
    *router.urls,
    path("otlp/v1/traces", TracesView.as_view(), name="push-traces"),
    path("n8n/errors", ErrorsView.as_view(), name="push-errors"),
]
