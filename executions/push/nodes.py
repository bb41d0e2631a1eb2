"""Nodes' spans into their table, joined to the execution whose span they lie under.

The two come in any order and in different requests. Told twice, a span is stored once; of a run
that loops for hours only its first nodes are kept.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from django.db import connection

from executions.push.models import PushToken, RunSpan
from executions.push.told import Told, ToldNode
from tenants.ids import uuid7s

MOST_OF_A_RUN = 500
# Spans whose run never comes: n8n was killed, or the run is older than is kept.
WAIT_FOR_RUN = timedelta(days=1)
MILLISECOND = timedelta(milliseconds=1)

STORE = """
INSERT INTO executions_runspan (
    id, tenant_id, environment_id, run_key, span_id, execution_id, node, node_type,
    started_at, duration_ms, items_in, items_out, failed, place, created_at
)
SELECT id, %(tenant)s, %(environment)s, run_key, span_id, execution_id, node, node_type,
    started_at, duration_ms, items_in, items_out, failed, place, %(now)s
FROM (
    SELECT told.*, row_number() OVER (PARTITION BY run_key ORDER BY span_id <> '', place)
    FROM json_to_recordset(%(rows)s::json) AS told (
        id uuid, place integer, run_key text, span_id text, execution_id uuid, node text,
        node_type text, started_at timestamptz, duration_ms bigint, items_in bigint,
        items_out bigint, failed boolean
    )
) AS told
WHERE span_id = '' OR row_number + (
    SELECT count(*) FROM executions_runspan s
    WHERE s.tenant_id = %(tenant)s AND s.environment_id = %(environment)s
      AND s.run_key = told.run_key
) <= %(most)s
ON CONFLICT (tenant_id, environment_id, run_key, span_id) DO NOTHING
"""
JOIN = """
UPDATE executions_runspan s SET execution_id = run.execution_id
FROM executions_runspan run
WHERE run.tenant_id = %(tenant)s AND run.environment_id = %(environment)s
  AND run.run_key = ANY(%(keys)s) AND run.span_id = ''
  AND s.tenant_id = %(tenant)s AND s.environment_id = %(environment)s
  AND s.run_key = run.run_key AND s.execution_id IS NULL
"""


def store_spans(
    token: PushToken, told: Told, executions: Mapping[str, UUID | None], now: datetime
) -> None:
    """Store nodes and join them; ``executions`` says by run key which executions are stored."""
    runs = [(key, execution) for key, execution in executions.items() if key and execution]
    keys = sorted({node.run_key for node in told.nodes} | {key for key, _ in runs})
    if not keys:
        return
    rows: list[dict[str, object]] = [
        {"run_key": key, "span_id": "", "execution_id": execution, "node": "", "node_type": ""}
        | {"failed": False}
        for key, execution in runs
    ]
    rows += [_row(node) for node in told.nodes]
    for place, (row, new_id) in enumerate(zip(rows, uuid7s(len(rows)), strict=True)):
        row |= {"id": new_id, "place": place}
    parameters: dict[str, Any] = {
        "tenant": token.tenant_id,
        "environment": token.environment_id,
        "now": now,
        "rows": orjson.dumps(rows).decode(),
        "most": MOST_OF_A_RUN,
        "keys": keys,
    }
    with connection.cursor() as cursor:
        cursor.execute(STORE, parameters)
        cursor.execute(JOIN, parameters)


def _row(node: ToldNode) -> dict[str, object]:
    spent = None
    if node.started_at is not None and node.ended_at is not None:
        spent = max((node.ended_at - node.started_at) // MILLISECOND, 0)
    return {
        "run_key": node.run_key,
        "span_id": node.span_id,
        "node": node.node,
        "node_type": node.node_type,
        "started_at": node.started_at,
        "duration_ms": spent,
        "items_in": node.items_in,
        "items_out": node.items_out,
        "failed": node.failed,
    }


def nodes_of(tenant_id: UUID, execution_id: UUID) -> list[RunSpan]:
    """The nodes of an execution in the order in which they ran."""
    rows = RunSpan.objects.for_tenant(tenant_id).filter(execution_id=execution_id)
    return list(rows.exclude(span_id="").order_by("started_at", "place"))


def forget_spans_without_run(now: datetime) -> int:
    """Delete spans whose run did not come in time. Call in the operator's scope."""
    rows = RunSpan.objects.filter(execution_id=None, created_at__lt=now - WAIT_FOR_RUN)
    return rows.delete()[0]
