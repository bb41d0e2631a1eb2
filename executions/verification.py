"""Row by row: what n8n shows against what is stored.

Reads n8n's whole list by itself, not through the code of sync, so that a mistake there cannot
hide itself here. Changes nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from executions.models import DetailState, Environment, Execution, SyncState, Workflow
from executions.n8n.client import N8nClient
from executions.n8n.payloads import ExecutionPayload
from executions.statuses import is_final
from tenants.scope import tenant_scope

BATCH = 1000


@dataclass(slots=True)
class Comparison:
    """What was compared and where the two sides differ."""

    compared: int = 0
    younger: int = 0
    failures_compared: int = 0
    missing: list[str] = field(default_factory=list)
    different: list[str] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)

    @property
    def is_equal(self) -> bool:
        return not (self.missing or self.different or self.unexplained)


def compare(
    environment: Environment,
    client: N8nClient,
    *,
    since: datetime,
    until: datetime | None = None,
) -> Comparison:
    """Compare every execution that n8n shows and that started since then.

    What began or ended from ``until`` on, when the last copying began, is counted and no more.
    """
    result = Comparison()
    with tenant_scope(environment.tenant_id):
        epoch = SyncState.objects.get(environment=environment).epoch
        names = dict(
            Workflow.objects.filter(environment=environment).values_list("workflow_id", "name")
        )
    batch: list[ExecutionPayload] = []
    for payload in _everything(client):
        moments = [moment for moment in (payload.started_at, payload.stopped_at) if moment]
        if until is not None and max(moments, default=since) >= until:
            result.younger += 1
        elif min(moments, default=since) >= since:
            batch.append(payload)
        if len(batch) == BATCH:
            _compare_batch(environment, epoch, batch, names, result)
            batch = []
    _compare_batch(environment, epoch, batch, names, result)
    return result


def _everything(client: N8nClient) -> Iterator[ExecutionPayload]:
    for status in ("running", None):
        cursor: str | None = None
        while True:
            page = client.list_executions(cursor=cursor, status=status)
            yield from page.items
            cursor = page.next_cursor
            if cursor is None:
                break


def _compare_batch(
    environment: Environment,
    epoch: int,
    batch: list[ExecutionPayload],
    names: dict[str, str],
    result: Comparison,
) -> None:
    with tenant_scope(environment.tenant_id):
        rows = Execution.objects.for_tenant(environment.tenant_id).filter(
            environment_id=environment.pk,
            n8n_execution_id__in=[payload.id for payload in batch],
            epoch__lte=epoch,
        )
        stored = {row.n8n_execution_id: row for row in rows.order_by("epoch")}
    for payload in batch:
        result.compared += 1
        row = stored.get(payload.id)
        if row is None:
            result.missing.append(payload.id)
            continue
        result.different.extend(differences(payload, row, names))
        if payload.status in ("error", "crashed"):
            result.failures_compared += 1
            is_pending = row.detail_state == DetailState.PENDING
            if is_pending or (payload.status == "error" and not row.error_message):
                result.unexplained.append(payload.id)


def differences(payload: ExecutionPayload, row: Execution, names: dict[str, str]) -> Iterator[str]:
    """A sentence for each field in which the two differ (pure)."""
    pairs = {
        "status": (payload.status, row.status),
        "mode": (payload.mode, row.mode),
        "start": (payload.started_at, row.started_at),
        "end": (payload.stopped_at if is_final(payload.status) else None, row.finished_at),
        "workflow": (payload.workflow_id, row.workflow_id),
        "retry of": (payload.retry_of, row.retry_of),
        "healed by": (payload.retry_success_id, row.retry_success_id),
        "name": (names.get(payload.workflow_id, row.workflow_name), row.workflow_name),
    }
    for name, (theirs, ours) in pairs.items():
        if theirs != ours:
            yield f"{payload.id}: {name} is {theirs!r} in n8n and {ours!r} here"
