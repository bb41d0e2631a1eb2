from importlib import import_module

from django.apps import AppConfig


class TenantsConfig(AppConfig):
    name = "tenants"

    def ready(self) -> None:
        import_module("tenants.receivers")
        import_module("tenants.timestamps")
