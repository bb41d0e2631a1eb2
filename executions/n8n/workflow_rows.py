"""Workflows of n8n to payloads: names, settings, and of the nodes what says when they start.

Parameters of nodes can hold anything, secrets too. Only those are kept that name a schedule, a
webhook's path or another workflow.
"""

from collections.abc import Iterable, Mapping

import orjson

from executions.n8n.fields import (
    Notes,
    UnusableRow,
    count,
    flag,
    id_text,
    mapping,
    moment,
    optional_id,
    sequence,
    text,
)
from executions.n8n.payloads import (
    BadRow,
    CredentialPayload,
    NodePayload,
    Scalar,
    WorkflowPayload,
)

MAX_NAME = 500
MAX_TYPE = 200
MAX_TAG = 100
MAX_TAGS = 100
MAX_PROJECT = 200
MAX_NODES = 2_000
MAX_CREDENTIALS = 10
MAX_PARAMETERS = 8_192
MAX_SETTING = 200

SETTINGS = (
    "errorWorkflow",
    "executionTimeout",
    "timezone",
    "executionOrder",
    "callerPolicy",
    "saveDataSuccessExecution",
    "saveDataErrorExecution",
    "saveManualExecutions",
    "saveExecutionProgress",
    "timeSavedPerExecution",
)
PARAMETERS = (
    "rule",
    "triggerTimes",
    "pollTimes",
    "interval",
    "unit",
    "cronExpression",
    "timezone",
    "path",
    "httpMethod",
    "event",
    "events",
    "workflowId",
    "source",
)
STARTERS = frozenset({"webhook", "cron", "interval", "start"})
CALLERS = frozenset({"executeWorkflow", "toolWorkflow"})


def read_workflows(
    rows: Iterable[object],
) -> tuple[tuple[WorkflowPayload, ...], tuple[BadRow, ...]]:
    """The usable workflows in their order, and what was wrong with the others."""
    items: list[WorkflowPayload] = []
    refused: list[BadRow] = []
    for index, row in enumerate(rows):
        try:
            items.append(read_workflow(row))
        except UnusableRow as error:
            refused.append(BadRow(index, str(error)))
    return tuple(items), tuple(refused)


def read_workflow(row: object) -> WorkflowPayload:
    """One workflow. Raises UnusableRow where it has no id."""
    if not isinstance(row, dict):
        raise UnusableRow("a workflow is not an object")
    notes = Notes()
    active = flag(row.get("active"), notes)
    published = mapping(row.get("activeVersion")) if active else {}
    nodes = published.get("nodes") or row.get("nodes")
    version = (row.get("activeVersionId") if active else None) or row.get("versionId")
    return WorkflowPayload(
        id=id_text(row.get("id"), notes),
        name=text(row.get("name"), notes, MAX_NAME),
        is_active=active,
        is_archived=flag(row.get("isArchived"), notes),
        tags=_tags(row.get("tags"), notes),
        settings=_settings(mapping(row.get("settings")), notes),
        trigger_count=count(row.get("triggerCount"), notes),
        nodes=tuple(
            _node(raw, notes) for raw in sequence(nodes)[:MAX_NODES] if isinstance(raw, dict)
        ),
        version_id=optional_id(version, notes),
        created_at=moment(row.get("createdAt"), notes),
        updated_at=moment(row.get("updatedAt"), notes),
        project=_project(row.get("shared"), notes),
        flags=notes.flags,
    )


def _tags(value: object, notes: Notes) -> tuple[str, ...]:
    """The names of the tags; old versions give plain texts."""
    names = (
        text(tag.get("name") if isinstance(tag, dict) else tag, notes, MAX_TAG)
        for tag in sequence(value)[:MAX_TAGS]
    )
    return tuple(dict.fromkeys(name for name in names if name))


def _settings(raw: Mapping[str, object], notes: Notes) -> tuple[tuple[str, Scalar], ...]:
    found: list[tuple[str, Scalar]] = []
    for name in SETTINGS:
        value = raw.get(name)
        if isinstance(value, str):
            found.append((name, text(value, notes, MAX_SETTING)))
        elif isinstance(value, (bool, int, float)):
            found.append((name, value))
    return tuple(found)


def _project(value: object, notes: Notes) -> str:
    """The name of the project that owns the workflow; a list leaves it out in some versions."""
    for raw in sequence(value):
        share = mapping(raw)
        name = mapping(share.get("project")).get("name")
        if name is not None and share.get("role") in ("workflow:owner", None):
            return text(name, notes, MAX_PROJECT)
    return ""


def _node(raw: Mapping[str, object], notes: Notes) -> NodePayload:
    kind = text(raw.get("type"), notes, MAX_TYPE)
    return NodePayload(
        name=text(raw.get("name"), notes, MAX_NAME),
        type=kind,
        is_disabled=flag(raw.get("disabled"), notes),
        credentials=_credentials(mapping(raw.get("credentials")), notes),
        parameters=_parameters(mapping(raw.get("parameters"))) if _tells_more(kind) else None,
    )


def _tells_more(kind: str) -> bool:
    """Whether a node of this type starts the workflow or calls another one."""
    short = kind.rpartition(".")[2]
    return short.lower().endswith("trigger") or short in STARTERS or short in CALLERS


def _credentials(raw: Mapping[str, object], notes: Notes) -> tuple[CredentialPayload, ...]:
    return tuple(
        CredentialPayload(
            type=text(kind, notes, MAX_TYPE),
            id=optional_id(mapping(value).get("id"), notes),
            name=text(mapping(value).get("name") if mapping(value) else value, notes, MAX_NAME),
        )
        for kind, value in list(raw.items())[:MAX_CREDENTIALS]
    )


def _parameters(raw: Mapping[str, object]) -> Mapping[str, object] | None:
    """The parameters that name a schedule, a path or a workflow; none where they are huge."""
    kept = {name: raw[name] for name in PARAMETERS if name in raw}
    try:
        size = len(orjson.dumps(kept))
    except (orjson.JSONEncodeError, RecursionError):
        return None
    return kept if kept and size <= MAX_PARAMETERS else None
