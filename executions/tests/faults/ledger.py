"""What was copied held against what n8n has, and the numbers held against the rows."""

from collections import Counter
from dataclasses import dataclass, field

from django.db import connection

from executions.models import Execution
from executions.n8n.fake import FakeN8n
from executions.statuses import FINAL
from tenants.scope import tenant_scope

COUNT = """
SELECT date_trunc('hour', occurred_at, 'UTC'), normalized_status, count(*),
    coalesce(sum(execution_time), 0)
FROM executions WHERE environment_id = %s GROUP BY 1, 2
"""
TAKE_MARKS = "DELETE FROM executions_dirtyhour WHERE environment_id = %s RETURNING hour"


@dataclass
class HourlyNumbers:
    """Hours counted again only where a mark says that they changed, as rollups do it."""

    environment: object
    hours: dict = field(default_factory=dict)

    def take_marks(self) -> None:
        with tenant_scope(self.environment.tenant_id), connection.cursor() as cursor:
            cursor.execute(TAKE_MARKS, [self.environment.pk])
            marked = {hour for (hour,) in cursor.fetchall()}
            if not marked:
                return
            counted = _counted(cursor, self.environment)
        for hour in marked:
            self.hours[hour] = counted.get(hour, {})

    def unmarked(self) -> list:
        """The hours that changed without a mark."""
        self.take_marks()
        with tenant_scope(self.environment.tenant_id), connection.cursor() as cursor:
            counted = _counted(cursor, self.environment)
        return sorted(
            hour
            for hour in counted.keys() | self.hours.keys()
            if counted.get(hour, {}) != self.hours.get(hour, {})
        )


def _counted(cursor, environment) -> dict:
    cursor.execute(COUNT, [environment.pk])
    counted: dict = {}
    for hour, status, count, spent in cursor.fetchall():
        counted.setdefault(hour, {})[status] = (count, int(spent))
    return counted


def stored(environment) -> list[tuple]:
    """One line for each row, of every epoch."""
    with tenant_scope(environment.tenant_id):
        rows = Execution.objects.for_tenant(environment.tenant_id)
        return list(
            rows.filter(environment_id=environment.pk).values_list(
                *("n8n_execution_id", "status", "mode", "workflow_id", "started_at"),
                *("finished_at", "retry_of", "retry_success_id"),
            )
        )


def truth(fake: FakeN8n) -> dict[str, tuple]:
    """The same lines as n8n has them; what has not ended has no end."""
    with fake.lock:
        return {
            row.id: (
                *row[:5],
                row.stopped_at if row.status in FINAL else None,
                *row[6:],
            )
            for row in fake.rows()
        }


@dataclass(frozen=True)
class Difference:
    """Ids by what is wrong with them."""

    lost: list[str]
    doubled: list[str]
    other: list[str]

    def __bool__(self) -> bool:
        return bool(self.lost or self.doubled or self.other)


def compare(fake: FakeN8n, environment) -> Difference:
    wanted, lines = truth(fake), stored(environment)
    found = {line[0]: line for line in lines}
    times = Counter(line[0] for line in lines)
    return Difference(
        lost=sorted(wanted.keys() - found.keys()),
        doubled=sorted([row for row, n in times.items() if n > 1] + [*(found.keys() - wanted)]),
        other=sorted(row for row, line in wanted.items() if found.get(row, line) != line),
    )
