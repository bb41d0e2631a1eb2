"""The workflows of a stand-in n8n and the JSON that describes them."""

import base64
import functools
import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

WEBHOOK = "n8n-nodes-base.webhook"
SCHEDULE = "n8n-nodes-base.scheduleTrigger"
CALL = "n8n-nodes-base.executeWorkflow"
CALLED = "n8n-nodes-base.executeWorkflowTrigger"
ON_ERROR = "n8n-nodes-base.errorTrigger"
HTTP = "n8n-nodes-base.httpRequest"
CODE = "n8n-nodes-base.code"
SET = "n8n-nodes-base.set"
WAIT = "n8n-nodes-base.wait"


def iso(milliseconds: int) -> str:
    """A time as n8n writes it."""
    seconds, rest = divmod(milliseconds, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC).isoformat()[:19]}.{rest:03d}Z"


@functools.cache
def stable_id(text: str) -> str:
    """An id as n8n's, sixteen letters and digits, always the same for a text."""
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return "".join(char for char in digest if char.isalnum())[:16]


def stable_uuid(text: str) -> str:
    found = hashlib.sha256(text.encode()).hexdigest()
    return f"{found[:8]}-{found[8:12]}-4{found[13:16]}-a{found[17:20]}-{found[20:32]}"


@dataclass(frozen=True, slots=True)
class FakeNode:
    """A node: its name, its type and what it is told."""

    name: str
    type: str = CODE
    parameters: dict[str, Any] = field(default_factory=dict)
    credentials: dict[str, Any] = field(default_factory=dict)

    def as_json(self, index: int) -> dict[str, Any]:
        found: dict[str, Any] = {
            "id": self.name.lower().replace(" ", "-"),
            "name": self.name,
            "type": self.type,
            "typeVersion": 2,
            "position": [220 * index, 0],
            "parameters": self.parameters,
        }
        if self.type in (WEBHOOK, WAIT):
            found["webhookId"] = stable_uuid(self.name)
        if self.credentials:
            found["credentials"] = self.credentials
        return found


DEFAULT_NODES = (
    FakeNode("Webhook", WEBHOOK, {"httpMethod": "POST", "path": "in"}),
    FakeNode("Work"),
)


@dataclass(slots=True)
class FakeWorkflow:
    """A workflow: a chain of nodes, the first of which starts it."""

    id: str
    name: str
    nodes: tuple[FakeNode, ...] = DEFAULT_NODES
    is_active: bool = True
    is_archived: bool = False
    tags: tuple[str, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    created_at: int = 0
    updated_at: int = 0
    project: str = "Operations"
    version: int = 1

    @property
    def version_id(self) -> str:
        return stable_uuid(f"{self.id} {self.version}")

    @property
    def trigger_count(self) -> int:
        return 0 if self.nodes[0].type in (CALLED, ON_ERROR) else 1

    def snapshot(self) -> dict[str, Any]:
        """What an execution keeps of it."""
        return {
            "id": self.id,
            "name": self.name,
            "nodes": [node.as_json(index) for index, node in enumerate(self.nodes)],
            "connections": self._connections(),
            "settings": {"executionOrder": "v1", **self.settings},
            "nodeGroups": [],
        }

    def as_json(self, *, is_single: bool) -> dict[str, Any]:
        """A row of the list, or the workflow by itself, which tells a little more."""
        snapshot = self.snapshot()
        times = {"createdAt": iso(self.created_at), "updatedAt": iso(self.updated_at)}
        found: dict[str, Any] = {
            "id": self.id,
            "name": self.name,
            "active": self.is_active,
            "activeVersionId": self.version_id if self.is_active else None,
            **times,
            "isArchived": self.is_archived,
            "versionId": self.version_id,
            "triggerCount": self.trigger_count,
            **{key: snapshot[key] for key in ("nodes", "connections", "nodeGroups", "settings")},
            "staticData": None,
            "pinData": None,
            "meta": None,
            "tags": [{"id": stable_id(tag), "name": tag, **times} for tag in self.tags],
            "shared": [self._share(times, is_single)],
            "activeVersion": self._published(snapshot, times) if self.is_active else None,
        }
        if is_single:
            found |= {"description": None, "versionCounter": self.version, "sourceWorkflowId": None}
        return found

    def _connections(self) -> dict[str, Any]:
        pairs = zip(self.nodes, self.nodes[1:], strict=False)
        return {
            left.name: {"main": [[{"node": right.name, "type": "main", "index": 0}]]}
            for left, right in pairs
        }

    def _share(self, times: dict[str, str], is_single: bool) -> dict[str, Any]:
        project_id = stable_id(self.project)
        share: dict[str, Any] = {
            "role": "workflow:owner",
            "workflowId": self.id,
            "projectId": project_id,
            **times,
        }
        if is_single:
            share["project"] = {
                "id": project_id,
                "name": self.project,
                "type": "team",
                "icon": None,
                "description": None,
                "customTelemetryTags": [],
                "creatorId": stable_uuid("owner"),
                **times,
            }
        return share

    def _published(self, snapshot: dict[str, Any], times: dict[str, str]) -> dict[str, Any]:
        return {
            "versionId": self.version_id,
            "workflowId": self.id,
            "nodes": snapshot["nodes"],
            "connections": snapshot["connections"],
            "nodeGroups": [],
            "authors": "Ada Lovelace",
            "name": None,
            "description": None,
            "autosaved": False,
            **times,
        }
