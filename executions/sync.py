"""One environment, one turn: new runs, running ones, unfinished ones, reasons, then the past.

A turn is bounded in time, safe to repeat and safe to kill: all that it knows is in the database,
page by page. What it does not finish the next turn goes on with, on whatever worker.
"""

import time
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection
from django.db.models import F

from executions import confirm, details, leases, recheck, walks, workflows
from executions.health import health_of, note_failure, note_success
from executions.missing import probe_missing_ids
from executions.models import Environment, Execution, Health, SyncRun, SyncState
from executions.n8n.addresses import AddressPolicy
from executions.n8n.client import Limits, N8nClient, execution_cursor
from executions.n8n.errors import N8nError
from executions.retention import policy_of
from executions.signals import executions_ingested
from executions.turn import Turn
from tenants.encryption import SecretUnreadable
from tenants.scope import tenant_scope

log = structlog.get_logger(__name__)

TURN = timedelta(seconds=20)
# Shorter than a lease, so that waiting for one answer never loses it. Two answers at once, the page
# that is written and the one that is fetched, leave a worker below 400 MB.
LIMITS = Limits(connect_seconds=10, read_seconds=30, total_seconds=45, max_bytes=16 * 2**20)
# The past and the reasons share what a turn has left, so that neither waits for the other's end.
SHARE_OF_DETAILS = 0.5
RECONCILE_EVERY = timedelta(days=1)
RECONCILED_WINDOW = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class TurnResult:
    """How a turn ended: whether it ran at all, and whether there is more to do at once."""

    ran: bool
    has_more: bool = False
    failure: str = ""


def open_client(environment: Environment) -> N8nClient:
    """The client of an environment. Raises SecretUnreadable where its key cannot be decrypted."""
    policy = AddressPolicy(allowed_networks=settings.ALLOWED_NETWORKS)
    return N8nClient(environment.base_url, environment.api_key, policy, limits=LIMITS)


def run_turn(*, tenant_id: UUID, environment_id: UUID, owner: str) -> TurnResult:
    """Do one turn of an environment, unless another worker does or it is in quarantine."""
    lease = leases.acquire(tenant_id=tenant_id, environment_id=environment_id, owner=owner)
    if lease is None:
        return TurnResult(ran=False)
    try:
        result = _turn_under(lease)
    except leases.LeaseLost as error:
        log.warning("lease_lost", environment=str(environment_id), reason=str(error))
        return TurnResult(ran=False)
    except Exception as error:
        # Nobody foresaw it: counted like the death of a worker, so that it cannot go on for ever.
        if not connection.in_atomic_block:
            connection.close_if_unusable_or_obsolete()
        leases.abandon(lease, reason=type(error).__name__)
        raise
    leases.release(lease)
    return result


def _turn_under(lease: leases.Lease) -> TurnResult:
    with tenant_scope(lease.tenant_id):
        environment = Environment.objects.select_related("tenant").get(pk=lease.environment_id)
        state = SyncState.objects.get(environment=environment)
        retention = policy_of(environment.tenant)
    if environment.is_paused:
        return TurnResult(ran=False)
    try:
        client = open_client(environment)
    except SecretUnreadable as error:
        return _failed(lease, environment, state, Health.KEY_UNREADABLE, str(error))
    with client:
        turn = Turn(
            tenant=environment.tenant,
            environment=environment,
            state=state,
            client=client,
            lease=lease,
            ends_at=time.monotonic() + TURN.total_seconds(),
            retention=retention,
        )
        try:
            has_more = _work(turn)
        except N8nError as error:
            return _failed(
                lease, environment, state, health_of(error), error.sentence, error.retry_after
            )
        finally:
            _announce(turn)
        with turn.writing():
            environment.latency_ms = client.latency_ms
            environment.clock_skew_ms = client.clock_skew_ms
            note_success(environment, state, turn.now)
    return TurnResult(ran=True, has_more=has_more)


def _failed(
    lease: leases.Lease,
    environment: Environment,
    state: SyncState,
    health: Health,
    reason: str,
    retry_after: timedelta | None = None,
) -> TurnResult:
    with leases.writing(lease):
        note_failure(
            environment, state, health=health, reason=reason, retry_after=retry_after, now=lease.now
        )
        _note_on_open_runs(environment, reason)
    log.warning("sync_failed", environment=str(environment.pk), health=health, reason=reason)
    return TurnResult(ran=True, failure=reason)


def _note_on_open_runs(environment: Environment, reason: str) -> None:
    SyncRun.objects.for_tenant(environment.tenant_id).filter(
        environment=environment, state__in=SyncRun.OPEN
    ).update(message=reason, failures=F("failures") + 1)


def _work(turn: Turn) -> bool:
    """The parts of a turn in their order; True where work is left for another one at once."""
    workflows.load_names(turn)
    workflows.refresh_workflows(turn)
    # Before the walk: a run that ends while its page is being passed is known by then, and is
    # asked for until it has ended.
    running = recheck.copy_running(turn)
    _cycle(turn)
    recheck.recheck_not_final(turn, running)
    confirm.confirm_pushed(turn)
    # What is new need not wait for the past, which may take all of the turn.
    _announce(turn)
    probe_missing_ids(turn)
    _ask_for_the_past(turn)
    _ask_for_a_comparison(turn)
    return not _past_and_details(turn)


def _cycle(turn: Turn) -> None:
    """From the newest id down to what is known; too long for a turn, it becomes history."""
    began = turn.now
    run = _open_cycle(turn)
    if walks.walk(turn, run):
        with turn.writing():
            turn.state.synced_at = began
            turn.state.save(update_fields=["synced_at"])
    elif run.kind == SyncRun.Kind.CYCLE:
        with turn.writing():
            _make_history(run)


def _make_history(run: SyncRun) -> None:
    run.kind = SyncRun.Kind.HISTORY
    run.save(update_fields=["kind"])


def _open_cycle(turn: Turn) -> SyncRun:
    """A cycle at the top of n8n's list: the one that was asked for, or a new one."""
    with turn.writing():
        open_runs = SyncRun.objects.for_tenant(turn.tenant.pk).filter(
            environment=turn.environment, kind=SyncRun.Kind.CYCLE, state__in=SyncRun.OPEN
        )
        run = open_runs.first()
        if run is not None and run.pages > 0:
            # Its worker died below the top: it goes on as history, and the top is read anew.
            _make_history(run)
            run = None
        run = run or SyncRun(
            tenant=turn.tenant, environment=turn.environment, kind=SyncRun.Kind.CYCLE
        )
        _aim(turn, run)
        run.save()
    return run


def _aim(turn: Turn, run: SyncRun) -> None:
    """Where the walk ends: just below the highest id known, or at the tenant's retention."""
    state = turn.state
    run.epoch = state.epoch
    run.started_at = run.started_at or turn.now
    run.state = SyncRun.State.RUNNING
    run.floor_at = turn.cutoff
    if state.high_water is not None:
        run.floor_order = state.high_water - walks.OVERLAP
        run.joins_at = state.high_water_at
        return
    if state.history_floor_at is None:
        state.history_floor_at = turn.cutoff
        state.save(update_fields=["history_floor_at"])


def _ask_for_the_past(turn: Turn) -> None:
    """Where the retention was raised, the past that was not fetched before is fetched now."""
    state, wanted = turn.state, turn.cutoff
    floor = state.history_floor_at
    if floor is None or abs(floor - wanted) < timedelta(days=1):
        return
    with turn.writing():
        if wanted < floor:
            _open_older_history(turn)
        state.history_floor_at = wanted
        state.save(update_fields=["history_floor_at"])


def _open_older_history(turn: Turn) -> None:
    oldest = (
        Execution.objects.for_tenant(turn.tenant.pk)
        .filter(environment_id=turn.environment.pk, epoch=turn.state.epoch)
        .exclude(id_order=None)
        .order_by("occurred_at")
        .first()
    )
    SyncRun.objects.create(
        tenant=turn.tenant,
        environment=turn.environment,
        kind=SyncRun.Kind.HISTORY,
        epoch=turn.state.epoch,
        position=execution_cursor(oldest.n8n_execution_id) if oldest else "",
        top_at=oldest.occurred_at if oldest else None,
        floor_at=turn.cutoff,
    )


def _ask_for_a_comparison(turn: Turn) -> None:
    """Once a day the newest days are read again, to see what n8n deleted or changed."""
    last = turn.state.reconciled_at
    if last is not None and turn.now - last < RECONCILE_EVERY:
        return
    with turn.writing():
        # The first load has just listed all there is.
        if last is not None:
            SyncRun.objects.get_or_create(
                tenant=turn.tenant,
                environment=turn.environment,
                kind=SyncRun.Kind.RECONCILE,
                state=SyncRun.State.QUEUED,
                defaults={
                    "epoch": turn.state.epoch,
                    "floor_at": turn.now - RECONCILED_WINDOW,
                },
            )
        turn.state.reconciled_at = turn.now
        turn.state.save(update_fields=["reconciled_at"])


def _past_and_details(turn: Turn) -> bool:
    """Walks of the past and reasons of failures, until done or out of time; True where done.

    They take turns at being first: where n8n fails over one of them, which ends the turn, the
    other does not wait for it for ever.
    """
    history, whole_turn = _open_history(turn), turn.ends_at
    if not history:
        return details.fetch_details(turn)
    turn.ends_at -= max(whole_turn - time.monotonic(), 0) * (1 - SHARE_OF_DETAILS)
    if turn.lease.token % 2:
        details.fetch_details(turn)
        turn.ends_at = whole_turn
        return _walk_the_past(turn, history) and details.fetch_details(turn)
    is_past_done = _walk_the_past(turn, history)
    turn.ends_at = whole_turn
    return details.fetch_details(turn) and is_past_done


def _walk_the_past(turn: Turn, history: list[SyncRun]) -> bool:
    return all(turn.has_time() and walks.walk(turn, run) for run in history)


def _open_history(turn: Turn) -> list[SyncRun]:
    with turn.writing():
        runs = (
            SyncRun.objects.for_tenant(turn.tenant.pk)
            .filter(environment=turn.environment, state__in=SyncRun.OPEN)
            .exclude(kind=SyncRun.Kind.CYCLE)
        )
        return list(runs.order_by("-created_at"))


def _announce(turn: Turn) -> None:
    if turn.touched_ids:
        executions_ingested.send(
            sender=None,
            tenant_id=turn.tenant.pk,
            environment_id=turn.environment.pk,
            execution_ids=tuple(turn.touched_ids),
        )
        turn.touched_ids.clear()
