"""The processes of Observatory as data: `up` and docker-compose.yml run the same commands.

Where the web server listens comes from UVICORN_HOST and UVICORN_PORT.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Service:
    """A process that runs as long as Observatory does; its command is a Python module's."""

    name: str
    command: tuple[str, ...]


WEB = Service(
    "web",
    # An open event stream would otherwise hold up the stop for ever.
    ("uvicorn", "observatory.asgi:application", "--timeout-graceful-shutdown", "3"),
)
WORKER = Service(
    "worker",
    (
        *("celery", "-A", "observatory.celery", "worker"),
        *("--queues", "sync,analytics,maintenance", "--loglevel", "info"),
    ),
)
BEAT = Service(
    "beat",
    (
        *("celery", "-A", "observatory.celery", "beat"),
        *("--scheduler", "django_celery_beat.schedulers:DatabaseScheduler", "--loglevel", "info"),
    ),
)
SERVICES = (WEB, WORKER, BEAT)
