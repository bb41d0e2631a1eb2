from django.apps import AppConfig

from observatory import checks
from observatory.celery import app as celery_app

__all__ = ["ObservatoryConfig", "celery_app", "checks"]


class ObservatoryConfig(AppConfig):
    """Importing the Celery application here lets web processes enqueue; importing the checks
    registers them."""

    name = "observatory"
