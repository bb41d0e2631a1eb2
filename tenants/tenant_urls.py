from django.urls import path

from tenants import settings_pages as pages

app_name = "tenants"
urlpatterns = [
    path("settings", pages.general, name="general"),
    path("settings/you", pages.you, name="you"),
    path("settings/members", pages.member_list, name="members"),
    path("settings/members/<uuid:pk>", pages.change_member, name="change-member"),
    path("settings/members/<uuid:pk>/remove", pages.remove_member, name="remove-member"),
    path("settings/tokens", pages.tokens, name="tokens"),
    path("settings/tokens/<uuid:pk>/revoke", pages.revoke, name="revoke-token"),
    path("settings/audit", pages.audit, name="audit"),
]
