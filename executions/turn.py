"""What the parts of one turn of sync share: the environment, its client, its lease, its budget."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from executions import leases
from executions.ingest import IngestResult, write_records
from executions.models import Environment, SyncState
from executions.n8n.client import N8nClient
from executions.normalize import ExecutionRecord
from executions.retention_policy import RetentionPolicy
from executions.stopping import is_stopping
from tenants.models import Tenant


@dataclass(slots=True)
class Turn:
    """One worker's time with one environment, bounded so that no other waits for long."""

    tenant: Tenant
    environment: Environment
    state: SyncState
    client: N8nClient
    lease: leases.Lease
    ends_at: float
    retention: RetentionPolicy
    workflow_names: dict[str, str] = field(default_factory=dict)
    touched_ids: list[UUID] = field(default_factory=list)
    told_at: float = 0.0
    covered_at: float = 0.0

    def has_time(self) -> bool:
        return time.monotonic() < self.ends_at and not is_stopping()

    @property
    def now(self) -> datetime:
        return self.lease.now

    @property
    def cutoff(self) -> datetime:
        """Nothing that started before this is kept: no walk needs to go further back."""
        return self.retention.oldest_cutoff(self.environment.pk, self.now)

    @contextmanager
    def writing(self, place: str | None = None) -> Iterator[None]:
        """A transaction of this tenant that proves the lease first. Raises LeaseLost.

        ``place`` says what comes after it: where that kills the worker again and again, the
        environment is put in quarantine.
        """
        with leases.writing(self.lease, place):
            yield

    def enter(self, place: str) -> None:
        """Say what is done next, where no write is at hand to say it with."""
        with self.writing(place):
            pass

    def ingest(
        self,
        records: Sequence[ExecutionRecord],
        epochs: Mapping[str, int] | None = None,
        *,
        are_stored: bool = False,
    ) -> IngestResult:
        """Store records inside ``writing()``; what is older than the tenant keeps is left out.

        But for records whose rows are there (``are_stored``): what is kept is kept up to date.
        """
        kept = records if are_stored else self._young_enough(records)
        result = write_records(
            tenant_id=self.tenant.pk,
            environment_id=self.environment.pk,
            epoch=self.state.epoch,
            epochs=epochs or {},
            records=kept,
            workflow_names=self.workflow_names,
            now=self.now,
        )
        self.touched_ids += result.touched_ids
        return result

    def _young_enough(self, records: Sequence[ExecutionRecord]) -> list[ExecutionRecord]:
        now = self.now
        cutoffs = self.retention.cutoffs(self.environment.pk, now)
        return [
            record
            for record in records
            if (record.started_at or record.finished_at or now) >= cutoffs[record.normalized_status]
        ]
