from importlib import import_module
from typing import Any

from django.apps import AppConfig


class TenantsConfig(AppConfig):
    name = "tenants"

    def ready(self) -> None:
        import_module("tenants.receivers")
        # The library has no setting for it: its own manager stops hearing when Redis is away.
        views: Any = import_module("django_eventstream.views")
        views.listener_manager = import_module("tenants.listeners").Listeners()
