from rest_framework.routers import SimpleRouter

from executions.api import EnvironmentViewSet, ExecutionViewSet

router = SimpleRouter(trailing_slash=False)
router.register("environments", EnvironmentViewSet, basename="api-environment")
router.register("executions", ExecutionViewSet, basename="api-execution")
urlpatterns = router.urls
