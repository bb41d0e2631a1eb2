from django.urls import path

from executions import views

app_name = "executions"
urlpatterns = [
    path("executions", views.execution_list, name="list"),
    path("executions/<uuid:pk>", views.execution_detail, name="detail"),
    path("environments", views.environment_list, name="environments"),
    path("environments/connect", views.connect, name="connect"),
    path("environments/test", views.test_connection, name="test-connection"),
    path("environments/<uuid:pk>", views.environment_detail, name="environment"),
    path("environments/<uuid:pk>/edit", views.edit_environment, name="edit-environment"),
    path("environments/<uuid:pk>/sync", views.sync_now, name="sync-now"),
    path("environments/<uuid:pk>/pause", views.pause, name="pause"),
    path("environments/<uuid:pk>/release", views.release, name="release"),
    path("environments/<uuid:pk>/remove", views.remove, name="remove"),
    path("environments/<uuid:pk>/push-token", views.issue_push_token, name="issue-push-token"),
    path(
        "environments/<uuid:pk>/push-token/revoke",
        views.revoke_push_token,
        name="revoke-push-token",
    ),
]
