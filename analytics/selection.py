"""Whose executions a number is about, as conditions that every statement shares."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Exists, QuerySet

from analytics.periods import Bucket, floor_hour
from executions.conditions import tagged_workflows
from executions.models import Execution

# Tags are those that the workflow has now.
CONDITIONS = {
    "environments": "AND r.environment_id = ANY (%(environments)s)",
    "workflows": "AND r.workflow_id = ANY (%(workflows)s)",
    "modes": "AND r.mode = ANY (%(modes)s)",
    "tags": """AND (r.environment_id, r.workflow_id) IN (
        SELECT w.environment_id, w.workflow_id FROM executions_workflow w
        WHERE w.tenant_id = %(tenant)s AND w.tags && %(tags)s::varchar[]
    )""",
}


@dataclass(frozen=True, slots=True)
class Selection:
    """A tenant's executions, narrowed; an empty tuple narrows nothing."""

    tenant_id: UUID
    environments: tuple[UUID, ...] = ()
    workflows: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    modes: tuple[str, ...] = ()

    @property
    def is_by_environment(self) -> bool:
        """Whether numbers of whole environments answer it."""
        return not (self.workflows or self.tags or self.modes)

    def conditions(self, *names: str) -> str:
        """SQL for rows with the alias ``r``: of the named parts, or of all of them."""
        wanted = names or tuple(CONDITIONS)
        return "\n".join(CONDITIONS[name] for name in wanted if getattr(self, name))

    def narrow(self, rows: QuerySet[Execution]) -> QuerySet[Execution]:
        """The same conditions for a queryset."""
        for name, lookup in (
            ("environments", "environment_id__in"),
            ("workflows", "workflow_id__in"),
            ("modes", "mode__in"),
        ):
            if getattr(self, name):
                rows = rows.filter(**{lookup: getattr(self, name)})
        if self.tags:
            rows = rows.filter(Exists(tagged_workflows(self.tenant_id, self.tags)))
        return rows

    def parameters(self) -> dict[str, Any]:
        return {
            "tenant": self.tenant_id,
            **{name: list(getattr(self, name)) for name in CONDITIONS},
        }


@dataclass(frozen=True, slots=True)
class Horizon:
    """Before this moment only whole hours are known: retention took the executions."""

    moment: datetime | None = field(default=None)

    def cut(self, buckets: Iterable[Bucket]) -> list[Bucket]:
        """Buckets whose edges are whole hours where nothing finer is known."""
        return [Bucket(self.edge(bucket.start), self.edge(bucket.end)) for bucket in buckets]

    def edge(self, moment: datetime) -> datetime:
        return moment if self.has_rows_since(moment) else floor_hour(moment)

    def has_rows_since(self, moment: datetime) -> bool:
        if self.moment is None:
            return True
        # An hour that lost some of its rows is known as a whole only.
        return moment >= floor_hour(self.moment + timedelta(hours=1, microseconds=-1))
