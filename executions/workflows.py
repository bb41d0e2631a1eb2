"""The workflows of an environment: names, tags, settings and nodes, as n8n last showed them."""

from datetime import timedelta

import structlog

from executions.models import Execution, Workflow
from executions.n8n.errors import BadResponse, ServerError, TooLarge
from executions.n8n.payloads import WorkflowPayload
from executions.turn import Turn

log = structlog.get_logger(__name__)

REFRESH_EVERY = timedelta(minutes=5)
MOST_LISTED = 100_000
PAGE_SIZES = (250, 50, 10, 1)


def load_names(turn: Turn) -> None:
    """Give the turn the names known so far."""
    with turn.writing():
        rows = Workflow.objects.for_tenant(turn.tenant.pk).filter(environment=turn.environment)
        turn.workflow_names = dict(rows.values_list("workflow_id", "name"))


def refresh_workflows(turn: Turn) -> None:
    """Copy n8n's workflows where the copy is older than five minutes.

    Names are worth less than runs: where n8n fails over its workflows only, the runs still come.
    """
    last = turn.state.workflows_synced_at
    if last is not None and turn.now - last < REFRESH_EVERY:
        return
    turn.enter("workflows")
    began, is_whole = turn.now, False
    try:
        is_whole = _list_all(turn)
    except (ServerError, BadResponse, TooLarge) as error:
        log.warning("workflows_failed", environment=str(turn.environment.pk), reason=error.sentence)
    with turn.writing():
        if is_whole:
            _mark_gone(turn, began)
        turn.state.workflows_synced_at = began
        turn.state.save(update_fields=["workflows_synced_at"])
        _name_the_unnamed(turn)


def _list_all(turn: Turn) -> bool:
    """Store page after page; True where all were listed. Large workflows come in small pages."""
    for size in PAGE_SIZES[:-1]:
        try:
            return _list_by(turn, size)
        except TooLarge:
            continue
    return _list_by(turn, PAGE_SIZES[-1])


def _list_by(turn: Turn, size: int) -> bool:
    cursor: str | None = None
    for _ in range(MOST_LISTED // size):
        page = turn.client.list_workflows(cursor=cursor, limit=size)
        with turn.writing():
            _store(turn, page.items)
        if page.next_cursor is None:
            return True
        if page.next_cursor == cursor:
            return False
        cursor = page.next_cursor
    return False


def _store(turn: Turn, items: tuple[WorkflowPayload, ...]) -> None:
    now = turn.now
    unique = {item.id: item for item in items}
    rows = [_row(turn, unique[key]) for key in sorted(unique)]
    for row in rows:
        row.seen_at = now
    Workflow.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["tenant", "environment", "workflow_id"],
        update_fields=[
            "name",
            "is_active",
            "is_archived",
            "tags",
            "project",
            "settings",
            "nodes",
            "version_id",
            "remote_created_at",
            "remote_updated_at",
            "seen_at",
            "gone_at",
        ],
    )
    turn.workflow_names |= {item.id: item.name for item in items}


def _row(turn: Turn, item: WorkflowPayload) -> Workflow:
    return Workflow(
        tenant=turn.tenant,
        environment=turn.environment,
        workflow_id=item.id,
        name=item.name,
        is_active=item.is_active,
        is_archived=item.is_archived,
        tags=list(item.tags),
        project=item.project,
        settings=dict(item.settings),
        nodes=item.nodes_as_json(),
        version_id=item.version_id,
        remote_created_at=item.created_at,
        remote_updated_at=item.updated_at,
    )


def _mark_gone(turn: Turn, began: object) -> None:
    """What a whole listing did not show is no longer in n8n; its runs stay."""
    rows = Workflow.objects.for_tenant(turn.tenant.pk).filter(
        environment=turn.environment, seen_at__lt=began, gone_at=None
    )
    rows.update(gone_at=turn.now)


def _name_the_unnamed(turn: Turn) -> None:
    """Runs that were copied before their workflow's name was known."""
    rows = Execution.objects.for_tenant(turn.tenant.pk).filter(
        environment_id=turn.environment.pk, workflow_name=""
    )
    unnamed = set(rows.values_list("workflow_id", flat=True).distinct()[:500])
    for workflow_id in sorted(unnamed & turn.workflow_names.keys()):
        rows.filter(workflow_id=workflow_id).update(
            workflow_name=turn.workflow_names[workflow_id], updated_at=turn.now
        )
