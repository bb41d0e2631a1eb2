from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig

from observatory import checks, reporting
from observatory.celery import app as celery_app
from observatory.metrics import task_counts

__all__ = ["ObservatoryConfig", "celery_app", "checks", "reporting", "task_counts"]


class ObservatoryConfig(AppConfig):
    """Importing the Celery application here lets web processes enqueue; importing the checks,
    the counting of tasks and the reporting registers them."""

    name = "observatory"


class ObservatoryAdminConfig(AdminConfig):
    """The admin with our site in place of Django's own."""

    default_site = "observatory.admin_site.ObservatoryAdminSite"
