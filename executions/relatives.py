"""Runs that belong to one story: what was retried, by what it was healed, who called whom."""

from collections.abc import Iterable

from django.db import connection
from django.db.models import QuerySet

from executions.models import Execution

MOST = 50
# From the run to what it retries and to what retries it, again and again.
CHAIN = """
WITH RECURSIVE chain AS (
    SELECT id, n8n_execution_id, retry_of, retry_success_id FROM executions
    WHERE tenant_id = %(tenant)s AND id = %(id)s
  UNION
    SELECT e.id, e.n8n_execution_id, e.retry_of, e.retry_success_id
    FROM chain c JOIN executions e
      ON e.tenant_id = %(tenant)s AND e.environment_id = %(environment)s AND e.epoch = %(epoch)s
     AND (
        (e.n8n_execution_id = c.retry_of AND c.retry_of <> '')
        OR (e.n8n_execution_id = c.retry_success_id AND c.retry_success_id <> '')
        OR (e.retry_of = c.n8n_execution_id AND e.retry_of <> '')
     )
)
SELECT id FROM chain LIMIT %(most)s
"""


def retry_chain(execution: Execution) -> list[Execution]:
    """The run with all that it retries or that retries it, oldest first; empty if it is alone."""
    with connection.cursor() as cursor:
        cursor.execute(
            CHAIN,
            {
                "tenant": execution.tenant_id,
                "id": execution.pk,
                "environment": execution.environment_id,
                "epoch": execution.epoch,
                "most": MOST,
            },
        )
        ids = [row[0] for row in cursor.fetchall()]
    if len(ids) < 2:
        return []
    rows = Execution.objects.for_tenant(execution.tenant_id).filter(pk__in=ids)
    return list(rows.order_by("occurred_at", "id"))


def runs_named(execution: Execution, ids: Iterable[str]) -> QuerySet[Execution]:
    """The stored runs of the same n8n, in the same life of it, that have these ids of n8n."""
    return Execution.objects.for_tenant(execution.tenant_id).filter(
        environment_id=execution.environment_id,
        epoch=execution.epoch,
        n8n_execution_id__in=list(ids)[:MOST],
    )
