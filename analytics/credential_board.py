"""Credentials that services refuse: where they failed, and which workflows will fail next.

A failure names its node; the copied workflow says which credentials that node uses. Nothing of a
credential is known but its type, id and name.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from analytics.models import ErrorGroup, ExecutionAnalytics
from analytics.questions import Question

CLASSES_OF_CREDENTIALS = ("auth", "credentials")

# By the groups of these classes, not by the class of each row: an index holds only the former.
FAILED = """
SELECT r.environment_id, r.workflow_id, max(r.workflow_name), r.error_node, count(*),
    max(r.occurred_at), array_agg(DISTINCT r.fingerprint)
FROM executions r
WHERE r.tenant_id = %(tenant)s AND r.fingerprint <> ''
  AND r.fingerprint = ANY (%(fingerprints)s::varchar[])
  AND r.occurred_at >= %(start)s AND r.occurred_at < %(end)s {conditions}
GROUP BY r.environment_id, r.workflow_id, r.error_node
"""
USES = """
SELECT w.environment_id, w.workflow_id, w.name, w.is_active AND NOT w.is_archived,
    node ->> 'name', credential ->> 'type', credential ->> 'id', credential ->> 'name'
FROM executions_workflow w
CROSS JOIN LATERAL jsonb_array_elements(w.nodes) AS node
CROSS JOIN LATERAL jsonb_array_elements(node -> 'credentials') AS credential
WHERE w.tenant_id = %(tenant)s AND w.environment_id = ANY (%(environments)s)
  AND w.gone_at IS NULL AND node -> 'disabled' IS DISTINCT FROM 'true'::jsonb
"""


class CredentialKey(NamedTuple):
    """A credential of an environment; n8n names old ones without an id."""

    environment_id: UUID
    type: str
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class UsingWorkflow:
    """A workflow that uses a credential; without failures it has not failed with it yet."""

    workflow_id: str
    workflow_name: str
    is_active: bool
    nodes: tuple[str, ...]
    fingerprints: tuple[str, ...] = ()
    failures: int = 0
    last_failure_at: datetime | None = None
    has_run_since: bool = False


@dataclass(frozen=True, slots=True)
class CredentialRow:
    """A credential that was refused, with all workflows that it stops or will stop."""

    environment_id: UUID
    environment_name: str
    credential_type: str
    credential_id: str
    credential_name: str
    failures: int
    last_failure_at: datetime
    failing: tuple[UsingWorkflow, ...]
    next_to_fail: tuple[UsingWorkflow, ...]

    @property
    def is_known(self) -> bool:
        """Whether the failing node still names a credential."""
        return bool(self.credential_type)

    @property
    def seems_mended(self) -> bool:
        """Whether each failing workflow has run since without failing."""
        return all(one.has_run_since for one in self.failing)


class Failed(NamedTuple):
    environment_id: UUID
    workflow_id: str
    workflow_name: str
    node: str
    failures: int
    last_at: datetime
    fingerprints: list[str]


class Use(NamedTuple):
    environment_id: UUID
    workflow_id: str
    workflow_name: str
    is_active: bool
    node: str
    type: str
    id: str
    name: str

    @property
    def credential(self) -> CredentialKey:
        return CredentialKey(self.environment_id, self.type, self.id, "" if self.id else self.name)


@dataclass(slots=True)
class Tally:
    """What is added up of one credential."""

    name: str = ""
    failed: list[Failed] = field(default_factory=list)
    uses: list[Use] = field(default_factory=list)


def credential_board(question: Question) -> list[CredentialRow]:
    """The refused credentials of a period, the one that stops most first; in five queries."""
    failed = _failed(question)
    uses = _uses(question, {one.environment_id for one in failed})
    of_node: dict[tuple[UUID, str, str], list[Use]] = defaultdict(list)
    tallies: dict[CredentialKey, Tally] = defaultdict(Tally)
    for use in uses:
        of_node[use.environment_id, use.workflow_id, use.node].append(use)
    for one in failed:
        keys = {use.credential for use in of_node[one.environment_id, one.workflow_id, one.node]}
        for key in keys or {CredentialKey(one.environment_id, "", one.workflow_id, one.node)}:
            tallies[key].failed.append(one)
    for use in uses:
        if use.credential in tallies:
            tally = tallies[use.credential]
            tally.name = use.name
            tally.uses.append(use)
    later = _ran_later(question, failed)
    names = {one.pk: one.name for one in question.environments}
    rows = [_row(key, tally, later, names) for key, tally in tallies.items()]
    return sorted(rows, key=lambda row: (-len(row.failing) - len(row.next_to_fail), -row.failures))


def _row(
    key: CredentialKey,
    tally: Tally,
    later: dict[tuple[UUID, str], datetime],
    names: dict[UUID, str],
) -> CredentialRow:
    failing = _failing(tally, later)
    failed_ids = {one.workflow_id for one in failing}
    return CredentialRow(
        environment_id=key.environment_id,
        environment_name=names.get(key.environment_id, ""),
        credential_type=key.type,
        credential_id=key.id if key.type else "",
        credential_name=tally.name or key.name,
        failures=sum(one.failures for one in tally.failed),
        last_failure_at=max(one.last_at for one in tally.failed),
        failing=failing,
        next_to_fail=tuple(
            one for one in _using(tally.uses) if one.is_active and one.workflow_id not in failed_ids
        ),
    )


def _failing(tally: Tally, later: dict[tuple[UUID, str], datetime]) -> tuple[UsingWorkflow, ...]:
    active = {use.workflow_id: use.is_active for use in tally.uses}
    found: dict[str, list[Failed]] = defaultdict(list)
    for one in tally.failed:
        found[one.workflow_id].append(one)
    rows = []
    for workflow_id, failed in found.items():
        last_at = max(one.last_at for one in failed)
        ran_at = later.get((failed[0].environment_id, workflow_id))
        rows.append(
            UsingWorkflow(
                workflow_id=workflow_id,
                workflow_name=failed[0].workflow_name or workflow_id,
                is_active=active.get(workflow_id, False),
                nodes=tuple(sorted({one.node for one in failed})),
                fingerprints=tuple(sorted({key for one in failed for key in one.fingerprints})),
                failures=sum(one.failures for one in failed),
                last_failure_at=last_at,
                has_run_since=ran_at is not None and ran_at > last_at,
            )
        )
    return tuple(sorted(rows, key=lambda row: (-row.failures, row.workflow_name)))


def _using(uses: Iterable[Use]) -> list[UsingWorkflow]:
    nodes: dict[tuple[str, str, bool], set[str]] = defaultdict(set)
    for use in uses:
        nodes[use.workflow_name, use.workflow_id, use.is_active].add(use.node)
    return [
        UsingWorkflow(workflow_id, name, is_active, tuple(sorted(names)))
        for (name, workflow_id, is_active), names in sorted(nodes.items())
    ]


def _failed(question: Question) -> list[Failed]:
    groups = ErrorGroup.objects.for_tenant(question.selection.tenant_id).filter(
        error_class__in=CLASSES_OF_CREDENTIALS
    )
    parameters = {
        **question.selection.parameters(),
        "fingerprints": list(groups.values_list("fingerprint", flat=True)),
        "start": question.span.start,
        "end": question.span.end,
    }
    with connection.cursor() as cursor:
        cursor.execute(FAILED.format(conditions=question.selection.conditions()), parameters)
        return [Failed(*row) for row in cursor.fetchall()]


def _uses(question: Question, environments: set[UUID]) -> list[Use]:
    parameters: dict[str, Any] = {
        "tenant": question.selection.tenant_id,
        "environments": list(environments),
    }
    with connection.cursor() as cursor:
        cursor.execute(USES, parameters)
        return [Use(*row) for row in cursor.fetchall()]


def _ran_later(question: Question, failed: Iterable[Failed]) -> dict[tuple[UUID, str], datetime]:
    """When each of the workflows last ran without its failure being the last thing known."""
    rows = ExecutionAnalytics.objects.for_tenant(question.selection.tenant_id).filter(
        workflow_id__in={one.workflow_id for one in failed}
    )
    return {
        (row.environment_id, row.workflow_id): row.last_execution_at
        for row in rows.defer("last_error_message")
        if row.last_execution_at is not None
        and (row.last_failure_at is None or row.last_execution_at > row.last_failure_at)
    }
