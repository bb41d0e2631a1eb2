from django.urls import path

from analytics import retention_page, views

app_name = "analytics"
urlpatterns = [
    path("", views.overview, name="overview"),
    path("workflows", views.workflows, name="workflows"),
    path("workflows/<uuid:environment_id>/<path:workflow_id>", views.workflow, name="workflow"),
    path("executions/over-time", views.executions_over_time_page, name="executions-over-time"),
    path("environments", views.environments, name="environments"),
    path("settings/retention", retention_page.retention, name="retention"),
    path("settings/retention/prune", retention_page.prune_now, name="prune-now"),
    path("find", views.find_place, name="find"),
    path("design", views.design, name="design"),
]
