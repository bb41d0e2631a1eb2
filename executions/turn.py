"""What the parts of one turn of sync share: the environment, its client, its lease, its budget."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.utils import timezone

from executions import leases
from executions.ingest import IngestResult, write_records
from executions.models import Environment, SyncState
from executions.n8n.client import N8nClient
from executions.normalize import ExecutionRecord
from tenants.models import Tenant
from tenants.scope import tenant_scope


@dataclass(slots=True)
class Turn:
    """One worker's time with one environment, bounded so that no other waits for long."""

    tenant: Tenant
    environment: Environment
    state: SyncState
    client: N8nClient
    lease: leases.Lease
    ends_at: float
    workflow_names: dict[str, str] = field(default_factory=dict)
    written: IngestResult = field(default_factory=IngestResult)
    told_at: float = 0.0

    def has_time(self) -> bool:
        return time.monotonic() < self.ends_at

    @property
    def now(self) -> datetime:
        return timezone.now()

    @property
    def cutoff(self) -> datetime:
        """What started before this is older than the tenant keeps and is not stored."""
        return self.now - timedelta(days=self.tenant.retention_days)

    @contextmanager
    def writing(self, place: str | None = None) -> Iterator[None]:
        """A transaction of this tenant that proves the lease first. Raises LeaseLost.

        ``place`` says what comes after it: where that kills the worker again and again, the
        environment is put in quarantine.
        """
        with tenant_scope(self.tenant.pk):
            leases.hold(self.lease, place)
            yield

    def enter(self, place: str) -> None:
        """Say what is done next, where no write is at hand to say it with."""
        with self.writing(place):
            pass

    def ingest(
        self, records: Sequence[ExecutionRecord], epochs: Mapping[str, int] | None = None
    ) -> IngestResult:
        """Store records inside ``writing()``; what is older than the cutoff is left out."""
        cutoff = self.cutoff
        kept = [r for r in records if (r.started_at or r.finished_at or self.now) >= cutoff]
        result = write_records(
            tenant_id=self.tenant.pk,
            environment_id=self.environment.pk,
            epoch=self.state.epoch,
            epochs=epochs or {},
            records=kept,
            workflow_names=self.workflow_names,
            now=self.now,
        )
        self.written += result
        return result
