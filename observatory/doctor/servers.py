"""PostgreSQL, Redis, the disk and the clocks."""

import platform
import shutil
import time
from collections.abc import Iterator

import django
from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from observatory.celery import QUEUES, app
from observatory.database import MINIMUM_POSTGRESQL
from observatory.doctor.findings import Finding, fault, ok, warning
from observatory.heartbeat import LATE_AFTER_SECONDS, age_seconds
from observatory.metrics.task_counts import store

LARGEST_SKEW_SECONDS = 2.0
LEAST_FREE_BYTES, LEAST_FREE_SHARE = 2 * 10**9, 0.05
DEEP_QUEUE = 1000
# Tables that hold a tenant's rows without being bound to the tenant.
UNBOUND = """
SELECT c.relname FROM pg_class c
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
  AND NOT c.relrowsecurity ORDER BY 1
"""
STRONG = "SELECT rolname, rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"


def versions() -> Iterator[Finding]:
    yield ok("Python", f"{platform.python_version()}, Django {django.get_version()}")
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        (text,) = cursor.fetchone()
        cursor.execute("SHOW server_version_num")
        number = int(cursor.fetchone()[0])
    if number < MINIMUM_POSTGRESQL * 10_000:
        yield fault(
            "PostgreSQL", f"Version {text}.", f"Install version {MINIMUM_POSTGRESQL} or newer."
        )
    else:
        yield ok("PostgreSQL", f"version {text}")
    with store() as redis:
        about = redis.info("server")
    name, version = (
        ("Valkey", about["valkey_version"])
        if "valkey_version" in about
        else ("Redis", about["redis_version"])
    )
    yield ok(name, f"version {version}")


def migrations() -> Iterator[Finding]:
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        names = ", ".join(str(migration) for migration, _ in missing[:5])
        yield fault("Migrations", f"{len(missing)} are missing: {names}.", "Run manage.py migrate.")
    else:
        yield ok("Migrations", "all applied")


def isolation() -> Iterator[Finding]:
    """Whether PostgreSQL itself keeps tenants apart."""
    with connection.cursor() as cursor:
        cursor.execute(STRONG)
        role, is_strong = cursor.fetchone()
        cursor.execute(UNBOUND)
        unbound = [name for (name,) in cursor.fetchall()]
    if is_strong:
        yield fault(
            "Database role",
            f"{role} is a superuser or bypasses row-level security.",
            "Let DATABASE_URL name a role that is neither; migrate makes it.",
        )
    if unbound:
        yield fault(
            "Row-level security",
            f"Not bound to their tenant: {', '.join(unbound)}.",
            "Run manage.py migrate; tables of your own need policies too.",
        )
    if not is_strong and not unbound:
        yield ok("Row-level security", f"binds {role} on every table of tenants")


def clocks() -> Iterator[Finding]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())::float8")
        database = cursor.fetchone()[0] - time.time()
    with store() as redis:
        seconds, micros = redis.time()
    for name, skew in (
        ("Clock of PostgreSQL", database),
        ("Clock of Redis", seconds + micros / 1e6 - time.time()),
    ):
        if abs(skew) > LARGEST_SKEW_SECONDS:
            yield warning(
                name, f"{skew:+z.1f} s against this machine's.", "Keep both in time with NTP."
            )
        else:
            yield ok(name, f"{skew:+z.1f} s against this machine's")


def disk() -> Iterator[Finding]:
    place = settings.STATE_DIR if settings.STATE_DIR.exists() else settings.BASE_DIR
    space = shutil.disk_usage(place)
    seen = f"{space.free / 1e9:,.1f} GB of {space.total / 1e9:,.1f} GB are free"
    if space.free < LEAST_FREE_BYTES or space.free < space.total * LEAST_FREE_SHARE:
        yield warning("Disk", f"{seen}.", "Free some space, or keep executions for fewer days.")
    else:
        yield ok("Disk", seen)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_size_pretty(pg_database_size(current_database()))")
        yield ok("Database", f"takes {cursor.fetchone()[0]}")


def queues() -> Iterator[Finding]:
    prefix = app.conf.broker_transport_options["global_keyprefix"]
    with store() as redis:
        depths = {queue: redis.llen(f"{prefix}{queue}") for queue in QUEUES}
    for queue, depth in depths.items():
        if depth > DEEP_QUEUE:
            yield warning(
                f"Queue {queue}", f"{depth:,} tasks wait.", "Start more workers for this queue."
            )
    if max(depths.values()) <= DEEP_QUEUE:
        yield ok("Queues", ", ".join(f"{name} {depth}" for name, depth in depths.items()))


def timetable() -> Iterator[Finding]:
    age = age_seconds()
    cure = "See that beat and a worker of the queue maintenance run; up starts both."
    if age is None:
        yield fault("Timetable", "It has never run.", cure)
    elif age > LATE_AFTER_SECONDS:
        yield fault("Timetable", f"It last ran {age:,.0f} s ago.", cure)
    else:
        yield ok("Timetable", f"last ran {age:.0f} s ago")
