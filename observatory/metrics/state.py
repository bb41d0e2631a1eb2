"""The state of the installation at the moment of asking: one statement, no label per tenant.

Rates are Prometheus' to make: what only grows is a counter, all else a gauge.
"""

from collections.abc import Iterable, Iterator

import structlog
from django.conf import settings
from django.db import DatabaseError, connection
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from redis.exceptions import RedisError

from observatory import heartbeat
from observatory.celery import QUEUES, app
from observatory.metrics import task_counts
from tenants.scope import operator_scope, set_statement_timeout

log = structlog.get_logger(__name__)

ENVIRONMENTS = """
SELECT CASE WHEN s.quarantined_at IS NOT NULL THEN 'quarantined'
            WHEN e.is_paused THEN 'paused' ELSE e.health END,
    count(*),
    coalesce(max(extract(epoch FROM clock_timestamp() - s.synced_at))
        FILTER (WHERE NOT e.is_paused), 0)
FROM executions_environment e
JOIN executions_syncstate s ON s.environment_id = e.id AND s.tenant_id = e.tenant_id
GROUP BY 1
"""
# By the hours' sums: the rows themselves are too many to count for each asking.
LAST_DAY = """
SELECT coalesce(sum(success), 0), coalesce(sum(error), 0) FROM analytics_environmenthour
WHERE begins_at >= clock_timestamp() - interval '24 hours'
"""
ROWS = "SELECT greatest(reltuples, 0) FROM pg_class WHERE oid = 'executions'::regclass"
SIZE = "SELECT pg_database_size(current_database())"
MARKS = """
SELECT count(*), coalesce(extract(epoch FROM clock_timestamp() - min(refreshed_at)), 0)
FROM (SELECT DISTINCT tenant_id, environment_id FROM executions_dirtyhour) AS marked
LEFT JOIN analytics_rollupstate USING (tenant_id, environment_id)
"""
PENDING = "SELECT count(*) FROM executions WHERE detail_state = 1"
RETENTION = """
SELECT coalesce(extract(epoch FROM clock_timestamp() - max(finished_at)
        FILTER (WHERE state = 'done')), 'NaN'),
    count(*) FILTER (WHERE state = 'failed' AND started_at > clock_timestamp() - interval '1 day')
FROM executions_retentionrun
"""

VIEWS = """
SELECT name, coalesce(extract(epoch FROM clock_timestamp() - succeeded_at), 'NaN'), error <> ''
FROM analytics_viewstate
"""


class StateCollector(Collector):
    """Asked anew for each answer; a part that cannot be read is left out and logged."""

    def collect(self) -> Iterable[Metric]:
        for part in (self._database, self._broker, self._tasks, self._timetable):
            try:
                yield from part()
            except (DatabaseError, RedisError, OSError) as error:
                log.warning("metrics_incomplete", part=part.__name__, reason=str(error))

    def _database(self) -> Iterator[Metric]:
        with operator_scope(), connection.cursor() as cursor:
            set_statement_timeout(settings.WEB_STATEMENT_TIMEOUT_MS)
            cursor.execute(ENVIRONMENTS)
            yield from _environments(cursor.fetchall())
            cursor.execute(LAST_DAY)
            yield _executions(*cursor.fetchone())
            for name, text, statement in (
                ("observatory_executions_stored", "Stored executions, estimated.", ROWS),
                ("observatory_database_bytes", "Size of the database.", SIZE),
                ("observatory_details_pending", "Failures whose reason is to be fetched.", PENDING),
            ):
                cursor.execute(statement)
                yield GaugeMetricFamily(name, text, value=float(cursor.fetchone()[0]))
            cursor.execute(MARKS)
            marked, age = cursor.fetchone()
            yield GaugeMetricFamily(
                "observatory_rollups_waiting_environments",
                "Environments with hours to be added up again.",
                value=marked,
            )
            yield GaugeMetricFamily(
                "observatory_rollups_age_seconds",
                "Since the longest waiting one of them was last added up.",
                value=float(age),
            )
            cursor.execute(RETENTION)
            yield from _retention(*cursor.fetchone())
            cursor.execute(VIEWS)
            yield from _views(cursor.fetchall())

    def _broker(self) -> Iterator[Metric]:
        depth = GaugeMetricFamily(
            "observatory_queue_depth", "Tasks that wait for a worker.", labels=("queue",)
        )
        prefix = app.conf.broker_transport_options["global_keyprefix"]
        with task_counts.store() as redis:
            for queue in QUEUES:
                depth.add_metric((queue,), redis.llen(f"{prefix}{queue}"))
        yield depth

    def _tasks(self) -> Iterator[Metric]:
        counts, spent = task_counts.counted()
        ended = CounterMetricFamily(
            "observatory_tasks", "Tasks that ended.", labels=("task", "state")
        )
        for (name, state), number in counts.items():
            ended.add_metric((name, state), number)
        yield ended
        seconds = CounterMetricFamily(
            "observatory_task_seconds", "Time that tasks took.", labels=("task",)
        )
        for name, value in spent.items():
            seconds.add_metric((name,), value)
        yield seconds

    def _timetable(self) -> Iterator[Metric]:
        age = heartbeat.age_seconds()
        if age is not None:
            yield GaugeMetricFamily(
                "observatory_heartbeat_age_seconds",
                "Since beat asked for something and a worker did it.",
                value=age,
            )


def _environments(rows: Iterable[tuple[str, int, float]]) -> Iterator[Metric]:
    number = GaugeMetricFamily(
        "observatory_environments", "Environments by state.", labels=("state",)
    )
    lag = GaugeMetricFamily(
        "observatory_sync_lag_seconds",
        "Since the last complete sync of the environment that is furthest behind, by state.",
        labels=("state",),
    )
    for state, count, seconds in rows:
        number.add_metric((state,), count)
        lag.add_metric((state,), float(seconds))
    yield number
    yield lag


def _executions(success: int, error: int) -> Metric:
    found = GaugeMetricFamily(
        "observatory_executions_last_day",
        "Executions of the last 24 hours that came to an end.",
        labels=("status",),
    )
    found.add_metric(("success",), float(success))
    found.add_metric(("error",), float(error))
    return found


def _retention(age: float, failed: int) -> Iterator[Metric]:
    yield GaugeMetricFamily(
        "observatory_retention_age_seconds",
        "Since a tenant was last pruned to the end; NaN where none was.",
        value=float(age),
    )
    yield GaugeMetricFamily(
        "observatory_retention_failed_last_day", "Prunings that failed.", value=failed
    )


def _views(rows: Iterable[tuple[str, float, bool]]) -> Iterator[Metric]:
    age = GaugeMetricFamily(
        "observatory_view_age_seconds",
        "Since a materialized view was last refreshed; NaN where it never was.",
        labels=("view",),
    )
    failed = GaugeMetricFamily(
        "observatory_view_failed", "1 where the last refresh failed.", labels=("view",)
    )
    for name, seconds, has_failed in rows:
        age.add_metric((name,), float(seconds))
        failed.add_metric((name,), float(has_failed))
    yield age
    yield failed
