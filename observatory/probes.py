"""Probes for supervisors and load balancers."""

from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from kombu.exceptions import OperationalError as BrokerError
from redis.exceptions import RedisError

from observatory.celery import app


@transaction.non_atomic_requests
def livez(request: HttpRequest) -> HttpResponse:
    """The process answers; nothing else is asked."""
    return HttpResponse("ok", content_type="text/plain")


@transaction.non_atomic_requests
def readyz(request: HttpRequest) -> JsonResponse:
    """Whether this process can serve: database, migrations and Redis."""
    faults = {"database": _database_fault(), "redis": _redis_fault()}
    ready = not any(faults.values())
    parts = {name: fault or "ok" for name, fault in faults.items()}
    return JsonResponse({"ready": ready, **parts}, status=200 if ready else 503)


def _database_fault() -> str | None:
    try:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            return "Migrations are missing: run manage.py migrate."
    except DatabaseError:
        return "The database does not answer."
    return None


def _redis_fault() -> str | None:
    try:
        with app.connection_for_read(connect_timeout=2) as broker:
            broker.ensure_connection(max_retries=1)
    except (BrokerError, RedisError, OSError):
        return "Redis does not answer."
    return None
