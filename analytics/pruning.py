"""Retention: what is too old goes, every night, and the numbers that it was counted in stay.

Before a row is deleted, the numbers of its hour are final in the rollups (``rollups.freeze``);
where an hour is still marked, nothing from it on is deleted yet. Batches are small and the pauses
between them follow how quickly others can read, so that nobody notices. A run that is cut off at
any instant has deleted whole batches and said so; the next one goes on.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import islice
from uuid import UUID

import structlog
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from analytics import retention_schedule, rollups
from executions import retention
from executions.models import Environment, RetentionRun
from executions.retention import Slice
from executions.retention_policy import RetentionPolicy, statuses_by_cutoff
from tenants.audit import Actor
from tenants.models import Tenant
from tenants.scope import operator_scope, tenant_scope
from tenants.zones import zone

log = structlog.get_logger(__name__)

SCHEDULE = Actor("schedule")
BUDGET = timedelta(minutes=10)
# A run that deleted nothing for so long was cut off: its worker is dead or stands still.
CUT_OFF_AFTER = timedelta(minutes=5)
RUNS_KEPT = timedelta(days=365)
# Reading so many times as long as in quiet is waiting; a reader notices no less than this.
SLOWER, NOTICED_SECONDS = 1.3, 0.002
SHORTEST_SHARE, LONGEST_SHARE = 0.1, 16.0
READ = """
SELECT id FROM executions WHERE tenant_id = %s ORDER BY occurred_at DESC, id DESC LIMIT 50
"""


class AlreadyPruning(Exception):
    """Another run of this tenant is under way."""


class RunTakenOver(Exception):
    """This run stood still for so long that another one began."""


@dataclass(frozen=True, slots=True)
class Share:
    """What goes, or would go, from one environment."""

    environment_id: UUID
    environment: str
    rows: int
    before: datetime
    oldest_at: datetime | None


@dataclass(frozen=True, slots=True)
class Preview:
    """What a run would delete now. ``kept`` newest executions stay whatever their age."""

    rows: int
    bytes: int
    kept: int
    before: datetime | None
    shares: tuple[Share, ...] = ()

    @property
    def sentence(self) -> str:
        if not self.rows or self.before is None:
            return "Nothing is old enough to be deleted."
        one = "execution" if self.rows == 1 else "executions"
        return (
            f"Deletes {self.rows:,} {one} older than {self.before:%Y-%m-%d %H:%M} UTC; the newest"
            f" {self.kept:,} are kept; frees about {in_words(self.bytes)}. Numbers on charts stay."
        )


def in_words(size: int) -> str:
    """Bytes for people: 26 MB."""
    steps = ((10**9, "GB"), (10**6, "MB"), (10**3, "kB"))
    for step, unit in steps:
        if size >= step:
            return f"{size / step:,.0f} {unit}"
    return f"{size} bytes"


@dataclass(slots=True)
class Pace:
    """The pause after a batch, as a share of the time that the batch took.

    Short while others read as fast as before; doubled with each batch after which they wait.
    """

    read: Callable[[], float]
    quiet: float = field(init=False)
    share: float = field(default=SHORTEST_SHARE, init=False)

    def __post_init__(self) -> None:
        self.quiet = min(self.read() for _ in range(3))

    def pause_after(self, batch_seconds: float) -> float:
        """Seconds to wait."""
        if self.read() > max(self.quiet * SLOWER, NOTICED_SECONDS):
            self.share = min(self.share * 2, LONGEST_SHARE)
        else:
            self.share = max(self.share / 2, SHORTEST_SHARE)
        return batch_seconds * self.share


def preview(tenant: Tenant, policy: RetentionPolicy | None = None) -> Preview:
    """What would be deleted now; of another policy than the tenant's, where one is given."""
    with tenant_scope(tenant.pk):
        policy = policy or retention.policy_of(tenant)
        work = list(_slices(tenant, policy, timezone.now()))
        counts = iter(retention.counts(tenant.pk, [part for _, parts in work for part in parts]))
        shares = [
            _share(environment, parts, list(islice(counts, len(parts))))
            for environment, parts in work
        ]
        rows = sum(share.rows for share in shares)
        size = round(rows * retention.bytes_of_a_row()) if rows else 0
    before = max((share.before for share in shares if share.rows), default=None)
    return Preview(rows, size, policy.min_kept, before, tuple(shares))


def _share(
    environment: Environment, parts: Sequence[Slice], counts: list[tuple[int, datetime | None]]
) -> Share:
    return Share(
        environment_id=environment.pk,
        environment=environment.name,
        rows=sum(rows for rows, _ in counts),
        before=max(part.before for part in parts),
        oldest_at=min((at for _, at in counts if at), default=None),
    )


def prune(tenant: Tenant, *, actor: Actor = SCHEDULE, budget: timedelta = BUDGET) -> RetentionRun:
    """Delete what the tenant no longer keeps, until done or out of time; the run's record.

    Raises AlreadyPruning. A fault of the database ends the run, whose record says which.
    """
    run = _begin(tenant, actor)
    ends_at = time.monotonic() + budget.total_seconds()
    try:
        done = _delete_all(tenant, run, ends_at)
    except RunTakenOver as fault:
        log.warning("retention_run_taken_over", tenant=str(tenant.pk), run=str(run.pk))
        return _reread(run, str(fault))
    except DatabaseError as fault:
        # The batch is rolled back and the next night goes on; operators have to know why.
        log.error("retention_failed", tenant=str(tenant.pk), reason=str(fault))
        return _end(run, RetentionRun.State.FAILED, f"The database refused: {fault}"[:1000])
    return _end(run, RetentionRun.State.DONE if done else RetentionRun.State.OUT_OF_TIME)


def due_tenants(now: datetime | None = None) -> list[UUID]:
    """The tenants whose moment of the night has passed, or whose last run ran out of time."""
    now = now or timezone.now()
    with operator_scope():
        tenants = list(Tenant.objects.order_by("pk"))
        last = {run.tenant_id: run for run in _last_runs()}
    return [
        tenant.pk
        for position, tenant in enumerate(tenants)
        if _is_due(tenant, position, last.get(tenant.pk), now)
    ]


def _last_runs() -> QuerySet[RetentionRun]:
    """The newest run of each tenant that the schedule began."""
    runs = RetentionRun.objects.filter(requested_by=SCHEDULE.label)
    return runs.order_by("tenant_id", "-started_at").distinct("tenant_id")


def _is_due(tenant: Tenant, position: int, last: RetentionRun | None, now: datetime) -> bool:
    if last is not None and last.state == RetentionRun.State.OUT_OF_TIME:
        return True
    since = last.started_at if last else tenant.created_at
    return retention_schedule.is_due(now, zone(tenant.time_zone), position, since)


def tenant_of(tenant_id: UUID) -> Tenant:
    with operator_scope():
        found: Tenant = Tenant.objects.get(pk=tenant_id)
    return found


def _begin(tenant: Tenant, actor: Actor) -> RetentionRun:
    now = timezone.now()
    with tenant_scope(tenant.pk):
        runs = RetentionRun.objects.for_tenant(tenant)
        runs.filter(started_at__lt=now - RUNS_KEPT).delete()
        runs.filter(state=RetentionRun.State.RUNNING, touched_at__lt=now - CUT_OFF_AFTER).update(
            state=RetentionRun.State.FAILED, finished_at=now, message="It was cut off."
        )
        try:
            with transaction.atomic():
                return RetentionRun.objects.create(
                    tenant=tenant, requested_by=actor.label, started_at=now, touched_at=now
                )
        except IntegrityError as error:
            raise AlreadyPruning(f"Executions of {tenant} are being deleted already.") from error


def _delete_all(tenant: Tenant, run: RetentionRun, ends_at: float) -> bool:
    """True where nothing is left to delete."""
    with tenant_scope(tenant.pk):
        work = list(_slices(tenant, retention.policy_of(tenant), run.started_at))
    pace = Pace(lambda: reading_seconds(tenant.pk))
    for environment, slices in work:
        since = _oldest_of(tenant, slices)
        if since is None:
            continue
        until = rollups.freeze(
            tenant_id=tenant.pk,
            environment_id=environment.pk,
            since=since,
            before=max(part.before for part in slices),
        )
        for part in slices:
            seen = replace(part, before=min(part.before, until))
            if not _delete(run, seen, pace, ends_at):
                return False
    return True


def _oldest_of(tenant: Tenant, slices: Sequence[Slice]) -> datetime | None:
    with tenant_scope(tenant.pk):
        found = [retention.oldest(part) for part in slices]
    return min(filter(None, found), default=None)


def _delete(run: RetentionRun, part: Slice, pace: Pace, ends_at: float) -> bool:
    """All of a slice, batch by batch; False where the time ran out."""
    after = retention.BEGINNING
    while True:
        began = time.monotonic()
        with tenant_scope(part.tenant_id):
            rows, newest = retention.delete_batch(
                part, after=after, limit=retention.ROWS_OF_A_BATCH
            )
            _note_batch(run, rows, newest)
        if newest is None or rows < retention.ROWS_OF_A_BATCH:
            return True
        after = newest
        pause = pace.pause_after(time.monotonic() - began)
        if time.monotonic() + pause > ends_at:
            return False
        time.sleep(pause)


def _note_batch(run: RetentionRun, rows: int, newest: datetime | None) -> None:
    """In the batch's own transaction, so that the record never says more or less than happened."""
    run.until = max(filter(None, (run.until, newest)), default=None)
    changed = (
        RetentionRun.objects.for_tenant(run.tenant_id)
        .filter(pk=run.pk, state=RetentionRun.State.RUNNING)
        .update(
            deleted=F("deleted") + rows,
            batches=F("batches") + (1 if rows else 0),
            until=run.until,
            touched_at=timezone.now(),
        )
    )
    if not changed:
        raise RunTakenOver("It stood still for too long, and another run took over.")


def _end(run: RetentionRun, state: RetentionRun.State, message: str = "") -> RetentionRun:
    with tenant_scope(run.tenant_id):
        RetentionRun.objects.for_tenant(run.tenant_id).filter(
            pk=run.pk, state=RetentionRun.State.RUNNING
        ).update(state=state, finished_at=timezone.now(), message=message)
    return _reread(run, message)


def _reread(run: RetentionRun, message: str) -> RetentionRun:
    with tenant_scope(run.tenant_id):
        found: RetentionRun = RetentionRun.objects.for_tenant(run.tenant_id).get(pk=run.pk)
    found.message = found.message or message
    return found


def _slices(
    tenant: Tenant, policy: RetentionPolicy, now: datetime
) -> Iterator[tuple[Environment, list[Slice]]]:
    """What is too old of each environment, none of it among the newest that always stay."""
    kept_from = retention.kept_from(tenant.pk, policy.min_kept)
    for environment in Environment.objects.for_tenant(tenant).order_by("pk"):
        cutoffs = policy.cutoffs(environment.pk, now)
        yield (
            environment,
            [
                Slice(tenant.pk, environment.pk, min(at, kept_from or at), statuses)
                for at, statuses in statuses_by_cutoff(cutoffs)
            ],
        )


def reading_seconds(tenant_id: UUID) -> float:
    """How long a page of the newest executions takes now."""
    began = time.perf_counter()
    with tenant_scope(tenant_id), connection.cursor() as cursor:
        cursor.execute(READ, [tenant_id])
        cursor.fetchall()
    return time.perf_counter() - began
