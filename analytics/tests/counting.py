"""Executions for tests of numbers, written as ingest writes them: with the marks of their hours."""

import random
from datetime import timedelta

from django.db import connection
from django.utils import timezone

from analytics.periods import floor_hour
from analytics.rollups import marked_environments, refresh_whole
from executions.models import DirtyHour, Execution
from executions.tests.factories import ExecutionFactory

STATUSES = ("success", "error", "running", "waiting", "canceled", "unknown")
MODES = ("webhook", "trigger", "retry")


def add_run(environment, at, **values):
    values.setdefault("finished_at", at + timedelta(seconds=1))
    row = ExecutionFactory.build(
        tenant_id=environment.tenant_id,
        environment_id=environment.pk,
        started_at=at,
        occurred_at=at,
        **values,
    )
    add_runs(environment, [row])
    return row


def add_runs(environment, rows):
    Execution.objects.bulk_create(rows)
    mark_hours(environment, {floor_hour(row.occurred_at) for row in rows})


def mark_hours(environment, hours):
    DirtyHour.objects.bulk_create(
        DirtyHour(tenant_id=environment.tenant_id, environment_id=environment.pk, hour=hour)
        for hour in sorted(hours)
    )


def random_runs(environment, *, count, since, until, seed=0, workflows=3):
    """Runs of any status, mode and duration, spread over a stretch of time."""
    chance, now = random.Random(seed), timezone.now()
    rows = []
    for number in range(count):
        started_at = since + chance.random() * (until - since)
        status = chance.choice(STATUSES)
        # The factory took as long as all else that is done with a row.
        rows.append(
            Execution(
                tenant_id=environment.tenant_id,
                environment_id=environment.pk,
                n8n_execution_id=f"{seed}-{number}",
                id_order=number,
                workflow_id=f"wf{chance.randrange(workflows)}",
                workflow_name="Order sync",
                status=status,
                normalized_status=status,
                mode=chance.choice(MODES),
                started_at=started_at,
                finished_at=started_at + timedelta(seconds=1),
                occurred_at=started_at,
                execution_time=chance.choice([None, chance.randrange(5), chance.randrange(90_000)]),
                created_at=now,
                updated_at=now,
            )
        )
    add_runs(environment, rows)
    return rows


def refresh_all():
    for tenant_id, environment_id in marked_environments():
        tuple(refresh_whole(tenant_id=tenant_id, environment_id=environment_id))


def rows_of(table, columns):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns} FROM {table} ORDER BY 1, 2, 3")
        return cursor.fetchall()
