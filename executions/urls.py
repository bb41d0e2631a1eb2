from django.urls import path

from executions import execution_views, views
from executions.saved import pages as saved

app_name = "executions"
urlpatterns = [
    path("executions", execution_views.execution_list, name="list"),
    path("executions/export", execution_views.export, name="export"),
    path("executions/suggestions", execution_views.suggest, name="suggestions"),
    path("settings/views", saved.saved_views, name="saved-views"),
    path("executions/views/save", saved.save_view, name="save-view"),
    path("executions/views/<uuid:pk>", saved.change_view, name="change-view"),
    path("executions/views/<uuid:pk>/default", saved.begin_with_view, name="default-view"),
    path("executions/views/<uuid:pk>/delete", saved.delete_view, name="delete-view"),
    path("executions/<uuid:pk>", execution_views.execution_detail, name="detail"),
    path("executions/<uuid:pk>/data", execution_views.execution_data, name="data"),
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
