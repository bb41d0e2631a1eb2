"""Probes for supervisors and load balancers.

Ready means that pages can be served: with the database, on the schema of this version. Without
Redis or the timetable they still can, but what they show grows old: that is degraded, which a
load balancer must not take for dead.
"""

from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from observatory import heartbeat

PATIENCE: dict[str, Any] = {
    "socket_connect_timeout": 2,
    "socket_timeout": 2,
    "retry": Retry(NoBackoff(), 0),
}


@transaction.non_atomic_requests
def livez(request: HttpRequest) -> HttpResponse:
    """The process answers; nothing else is asked."""
    return HttpResponse("ok", content_type="text/plain")


@transaction.non_atomic_requests
def readyz(request: HttpRequest) -> JsonResponse:
    """Whether this process can serve, and what it has to do without."""
    needed = {"database": database_fault(), "migrations": migrations_fault()}
    wanted = {"redis": redis_fault(), "beat": beat_fault()}
    ready = not any(needed.values())
    faults = needed | wanted
    body = {
        "ready": ready,
        "degraded": any(faults.values()),
        **{name: fault or "ok" for name, fault in faults.items()},
    }
    answer = JsonResponse(body, status=200 if ready else 503)
    if not ready:
        answer["Retry-After"] = "5"
    return answer


def database_fault() -> str | None:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return "The database does not answer."
    return None


def migrations_fault() -> str | None:
    try:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            return "Migrations are missing: run manage.py migrate."
    except DatabaseError:
        return "The database does not answer."
    return None


def redis_fault() -> str | None:
    try:
        with Redis.from_url(settings.REDIS_URL, **PATIENCE) as client:
            client.ping()
    except (RedisError, OSError):
        return "Redis does not answer."
    return None


def beat_fault() -> str | None:
    age = heartbeat.age_seconds()
    if age is None:
        return "The timetable has not run yet: is beat running, and a worker?"
    if age > heartbeat.LATE_AFTER_SECONDS:
        return f"The timetable last ran {age:.0f} s ago: is beat running, and a worker?"
    return None
