from django.urls import path

from analytics import api

urlpatterns = [
    path("observability/kpis", api.KpisView.as_view(), name="api-kpis"),
]
