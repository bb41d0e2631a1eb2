"""A past to ask about: thirty days of executions, made by SQL alone, with rollups of our own code.

Twenty tenants of different size, the largest with 28 % of the rows, written in the order of time
as they would have come. Indexes are built after the rows, which is many times faster.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any
from uuid import UUID

import psycopg
from django.conf import settings
from django.utils import timezone

from analytics.rollups import mark_everything, refresh_environment
from executions.models import Coverage, Environment, SyncState
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tenants.tenancy import put_tenant

Owner = psycopg.Connection[Any]

SPREAD = timedelta(days=30)
# A worker takes fewer in one turn.
HOURS_AT_ONCE = 240
TENANTS = 20
LARGEST_SHARE = 0.28
LARGEST_ENVIRONMENTS, LARGEST_WORKFLOWS = 4, 150
OTHER_ENVIRONMENTS, OTHER_WORKFLOWS = 2, 40
ERROR_SHARE = 0.05
# Of a workflow; a few workflows share theirs.
CAUSES = 5

# Squares of chance: few workflows and few causes have most of the runs, as everywhere.
EXECUTIONS = """
INSERT INTO executions (
    id, tenant_id, environment_id, epoch, provider, n8n_execution_id, id_order, workflow_id,
    workflow_name, status, normalized_status, mode, started_at, finished_at, occurred_at,
    execution_time, created_at, updated_at, error_message, error_description, error_node,
    error_node_type, error_name, error_code, error_class, error_template, fingerprint,
    grouping_version, detail_state, detail_attempts, retry_of, retry_success_id,
    workflow_version_id, flags
)
SELECT uuidv7(at - now()), tenant_id, environment_id, 1, 'n8n', n::text, n,
    'Workflow' || lpad(workflow::text, 8, '0'), '', status, status, mode, at,
    at + duration * interval '1 millisecond', at, duration, at, at,
    CASE WHEN failed THEN 'Request ' || n || ' failed: ' || md5('message' || cause) ELSE '' END,
    '', CASE WHEN failed THEN 'HTTP Request' ELSE '' END, '', '', '',
    CASE WHEN failed THEN (ARRAY['connection', 'timeout', 'auth', 'rate_limit'])[cause %% 4 + 1]
        ELSE '' END, '',
    CASE WHEN failed THEN md5('cause' || cause) ELSE '' END,
    0, CASE WHEN failed THEN 2 ELSE 0 END, 0, '', '', '', 0
FROM (
    SELECT n, tenant_id, environment_id, failed, workflow, at,
        workflow %% 80 * %(causes)s + nth AS cause,
        CASE WHEN failed THEN 'error' WHEN other < 0.01 THEN 'canceled' ELSE 'success' END
            AS status,
        (ARRAY['webhook', 'trigger', 'webhook', 'integrated'])[workflow %% 4 + 1] AS mode,
        greatest(1, exp(5 + workflow %% 7 * 0.5 + spread))::bigint AS duration
    FROM (
        SELECT n, %(begin)s::timestamptz + (n - random()) * %(step)s::interval AS at,
            width_bucket(random(), %(bounds)s::float8[]) + 1 AS place,
            random() < %(errors)s AS failed,
            floor(%(causes)s * random() * random())::integer AS nth,
            random() AS other, random() * random() AS of_workflow, random_normal() AS spread
        FROM generate_series(1, %(rows)s) AS n
    ) AS drawn
    JOIN unnest(%(tenants)s::uuid[], %(environments)s::uuid[], %(workflows)s::integer[])
        WITH ORDINALITY AS places (tenant_id, environment_id, workflows, number)
        ON number = place
    CROSS JOIN LATERAL (SELECT (workflows * of_workflow)::integer) AS chosen (workflow)
) AS made
"""
WORKFLOWS = """
INSERT INTO executions_workflow (
    id, tenant_id, environment_id, workflow_id, name, is_active, is_archived, tags, project,
    settings, nodes, version_id, seen_at
)
SELECT uuidv7(), tenant_id, environment_id, 'Workflow' || lpad(n::text, 8, '0'),
    'Workflow ' || n, true, false, '{}', '', '{}', '[]', '', %(end)s
FROM unnest(%(tenants)s::uuid[], %(environments)s::uuid[], %(workflows)s::integer[])
    AS places (tenant_id, environment_id, workflows)
CROSS JOIN LATERAL generate_series(0, workflows) AS n
"""
# How each index of the table goes, and how it comes back; one that a foreign key needs stays.
INDEXES = """
SELECT CASE WHEN c.oid IS NULL THEN format('DROP INDEX %s', indexrelid::regclass)
        ELSE format('ALTER TABLE executions DROP CONSTRAINT %I', conname) END,
    CASE WHEN c.oid IS NULL THEN pg_get_indexdef(indexrelid)
        ELSE format('ALTER TABLE executions ADD CONSTRAINT %I %s', conname,
            pg_get_constraintdef(c.oid)) END
FROM pg_index LEFT JOIN pg_constraint c ON conindid = indexrelid AND c.contype <> 'f'
WHERE indrelid = 'executions'::regclass AND NOT EXISTS (
    SELECT FROM pg_constraint f WHERE f.contype = 'f' AND f.conindid = indexrelid
)
"""


@dataclass(frozen=True, slots=True)
class Shape:
    """How many rows, and how they lie."""

    rows: int
    tenants: int = TENANTS
    error_share: float = ERROR_SHARE


@dataclass(frozen=True, slots=True)
class Place:
    """An environment and its share of all rows."""

    tenant_id: UUID
    environment_id: UUID
    share: float
    workflows: int


@dataclass(frozen=True, slots=True)
class History:
    """What was made; the first tenant is the largest."""

    shape: Shape
    tenants: tuple[Tenant, ...]
    places: tuple[Place, ...]
    end: datetime

    @property
    def largest(self) -> Tenant:
        return self.tenants[0]


def make_histories(shapes: Sequence[Shape]) -> list[History]:
    """Rows up to now for each shape, side by side in one table; their rollups and statistics."""
    end = timezone.now()
    histories = [_history(shape, end) for shape in shapes]
    with psycopg.connect(settings.DATABASE_OWNER_URL, autocommit=True) as owner:
        with owner.transaction(), without_indexes(owner):
            for history in histories:
                fill_executions(owner, history.shape, history.places, end)
                owner.execute(WORKFLOWS, {"end": end, **_columns(history.places)})
        owner.execute("VACUUM (ANALYZE, FREEZE) executions")
        for history in histories:
            add_up(history)
        owner.execute("VACUUM ANALYZE")
    return histories


def _history(shape: Shape, end: datetime) -> History:
    tenants = tuple(
        put_tenant(f"{shape.rows}-{number}", name=f"Bench {number}", retention_days=None)[0]
        for number in range(shape.tenants)
    )
    places = tuple(
        place
        for tenant, share in zip(tenants, shares(shape.tenants), strict=True)
        for place in _places(tenant, share, end, is_largest=tenant is tenants[0])
    )
    return History(shape, tenants, places, end)


def shares(count: int) -> list[float]:
    """Of all rows: the largest tenant's, and those of the others, each smaller than the last."""
    if count == 1:
        return [1.0]
    weights = [1 / (number + 4) for number in range(1, count)]
    return [LARGEST_SHARE, *((1 - LARGEST_SHARE) * one / sum(weights) for one in weights)]


def _places(tenant: Tenant, share: float, end: datetime, *, is_largest: bool) -> list[Place]:
    environments = LARGEST_ENVIRONMENTS if is_largest else OTHER_ENVIRONMENTS
    workflows = LARGEST_WORKFLOWS if is_largest else OTHER_WORKFLOWS
    return [
        Place(tenant.pk, _environment(tenant, number, end).pk, share / environments, workflows)
        for number in range(environments)
    ]


def _environment(tenant: Tenant, number: int, end: datetime) -> Environment:
    """One that is copied and covered, without a server behind it."""
    with tenant_scope(tenant.pk):
        environment = Environment.objects.create(
            tenant=tenant,
            name=f"n8n {number}",
            base_url="http://127.0.0.1:9",
            api_key="key",
            api_key_last_four="-key",
            api_key_set_at=end,
            health="reachable",
            contacted_at=end,
        )
        of = {"tenant": tenant, "environment": environment}
        SyncState.objects.create(**of, synced_at=end)
        Coverage.objects.create(**of, from_at=end - 3 * SPREAD, to_at=end)
        return environment


def fill_executions(owner: Owner, shape: Shape, places: Sequence[Place], end: datetime) -> None:
    """The rows alone: it asks for no other table and for the columns of the first migrations."""
    parameters = {
        "rows": shape.rows,
        "begin": end - SPREAD,
        "step": SPREAD / shape.rows,
        "errors": shape.error_share,
        "causes": CAUSES,
        "bounds": list(accumulate(place.share for place in places))[:-1],
        **_columns(places),
    }
    owner.execute("SELECT setseed(0.5)")
    owner.execute(EXECUTIONS, parameters)


def _columns(places: Sequence[Place]) -> dict[str, Any]:
    return {
        "tenants": [place.tenant_id for place in places],
        "environments": [place.environment_id for place in places],
        "workflows": [place.workflows for place in places],
    }


@contextmanager
def without_indexes(owner: Owner) -> Iterator[None]:
    """The table without its indexes inside; they are built anew at the end."""
    indexes = owner.execute(INDEXES).fetchall()
    for drop, _ in indexes:
        owner.execute(drop)
    yield
    owner.execute("SET LOCAL maintenance_work_mem = '512MB'")
    for _, build in indexes:
        owner.execute(build)


def add_up(history: History) -> None:
    """The rollups, by the product's own code."""
    for place in history.places:
        of = {"tenant_id": place.tenant_id, "environment_id": place.environment_id}
        mark_everything(**of)
        while refresh_environment(**of, limit=HOURS_AT_ONCE, wait=True):
            pass
