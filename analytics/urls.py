from django.urls import path

from analytics import error_views, retention_page, rules_page, views

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
    path("errors", error_views.errors, name="errors"),
    path("errors/act", error_views.act_on_errors, name="act-on-errors"),
    path("errors/credentials", error_views.credentials, name="credentials"),
    path("errors/rules", rules_page.rules, name="error-rules"),
    path("errors/rules/<uuid:pk>", rules_page.rule, name="error-rule"),
    path("errors/rules/<uuid:pk>/move", rules_page.move, name="move-error-rule"),
    path("errors/rules/<uuid:pk>/remove", rules_page.remove, name="remove-error-rule"),
    path("errors/<uuid:pk>", error_views.error, name="error"),
    path("errors/<uuid:pk>/act", error_views.act_on_error, name="act-on-error"),
    path("design", views.design, name="design"),
]
