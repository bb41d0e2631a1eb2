"""What was told into the tables: runs by the same statement as listed ones, nodes beside them.

A push holds no lease. It locks the environment's rows against other writers instead, so that the
comparison with stored rows is as sure as a page's, and it touches nothing that a walk relies on.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from executions import epochs, leases
from executions.details import mark_hours, words_and_group
from executions.epochs import Known
from executions.error_rules import own_rules
from executions.grouping.own_rules import OwnRule
from executions.grouping.reading import read
from executions.grouping.text import general_of, plain
from executions.ingest import write_records
from executions.models import DetailState, Execution, SyncState, Workflow
from executions.normalize import ExecutionRecord, normalize
from executions.push.models import PushToken
from executions.push.nodes import store_spans
from executions.push.told import Told, ToldRun
from executions.retention import policy_of
from executions.signals import executions_ingested
from executions.statuses import is_final


@dataclass(frozen=True, slots=True)
class Settled:
    """The epoch of a told run, and what there is to write of it: nothing where all is known."""

    epoch: int
    record: ExecutionRecord | None = None


def receive(token: PushToken, told: Told) -> None:
    """Store what was told, in the open transaction; after its commit the others are told."""
    leases.lock_rows(token.environment_id)
    states = SyncState.objects.for_tenant(token.tenant_id)
    state = states.filter(environment_id=token.environment_id).first()
    if state is None:
        return  # The environment was removed while this waited.
    now = timezone.now()
    touched = _store_runs(token, state, told.runs, now)
    ids = _ids(state, told.runs)
    touched |= _store_errors(token, told.runs, ids, now)
    store_spans(token, told, {run.run_key: ids.get(run.payload.id) for run in told.runs}, now)
    if touched:
        transaction.on_commit(lambda: _announce(token, touched), robust=True)


def _announce(token: PushToken, touched: set[UUID]) -> None:
    executions_ingested.send(
        sender=None,
        tenant_id=token.tenant_id,
        environment_id=token.environment_id,
        execution_ids=tuple(touched),
    )


def _store_runs(
    token: PushToken, state: SyncState, runs: Sequence[ToldRun], now: datetime
) -> set[UUID]:
    cutoffs = policy_of(token.tenant).cutoffs(token.environment_id, now)
    known = epochs.stored_under([run.payload.id for run in runs], state)
    records: dict[str, ExecutionRecord] = {}
    in_epochs: dict[str, int] = {}
    # A pause before the end of the same run: what comes last is what stays.
    for run in sorted(runs, key=lambda run: is_final(run.payload.status)):
        settled = settle(run, known.get(run.payload.id, ()), state, cutoffs)
        if settled is not None and settled.record is not None:
            records[run.payload.id] = settled.record
            in_epochs[run.payload.id] = settled.epoch
    result = write_records(
        tenant_id=token.tenant_id,
        environment_id=token.environment_id,
        epoch=state.epoch,
        epochs=in_epochs,
        records=list(records.values()),
        workflow_names=_names(token, runs),
        now=now,
    )
    return set(result.touched_ids)


def settle(
    run: ToldRun,
    known: Iterable[Known],
    state: SyncState,
    cutoffs: Mapping[str, datetime],
) -> Settled | None:
    """Which run was told and what is new of it; None where only n8n's list can say (pure)."""
    record = normalize(run.payload)
    rows = {row.epoch: row for row in known}
    stored = rows.get(state.epoch)
    if stored is None:
        older = [row for row in rows.values() if _may_be(row, record)]
        if older:
            return Settled(max(row.epoch for row in older))
        is_new = _is_kept(record, cutoffs) and not _was_given_out_again(record, state)
        return Settled(state.epoch, record) if is_new else None
    if not _may_be(stored, record):
        return None
    if not _tells_more(stored, record):
        return Settled(stored.epoch)
    began = stored.started_at or record.started_at
    return Settled(stored.epoch, normalize(run.payload._replace(started_at=began)))


def _may_be(stored: Known, record: ExecutionRecord) -> bool:
    """Whether a row and what was told can be one run: told starts are near n8n's, not the same."""
    return not epochs.is_other_run(Known(stored.epoch, stored.workflow_id, None), record)


def _is_kept(record: ExecutionRecord, cutoffs: Mapping[str, datetime]) -> bool:
    at = record.started_at or record.finished_at
    return at is None or at >= cutoffs[record.normalized_status]


def _was_given_out_again(record: ExecutionRecord, state: SyncState) -> bool:
    """An unknown lower id that began after all that was listed may be one of n8n's next life."""
    if record.id_order is None or record.started_at is None:
        return False
    if state.high_water is None or state.high_water_at is None:
        return False
    return record.id_order < state.high_water and record.started_at > state.high_water_at


def _tells_more(stored: Known, record: ExecutionRecord) -> bool:
    """A run that ended stays as it is, but for times that its first teller did not know."""
    if is_final(stored.status):
        return stored.is_pushed and stored.started_at is None and record.started_at is not None
    return stored.status != record.status


def _names(token: PushToken, runs: Sequence[ToldRun]) -> Mapping[str, str]:
    """The workflows' names: as n8n's list says, else as the push does."""
    told = {run.payload.workflow_id: run.workflow_name for run in runs}
    rows = Workflow.objects.for_tenant(token.tenant_id).filter(
        environment_id=token.environment_id, workflow_id__in=told
    )
    return told | dict(rows.values_list("workflow_id", "name"))


def _ids(state: SyncState, runs: Sequence[ToldRun]) -> dict[str, UUID]:
    """Our ids of the told runs, where one is stored that may be meant."""
    known = epochs.stored_under([run.payload.id for run in runs], state)
    found: dict[str, UUID] = {}
    for run in runs:
        record = normalize(run.payload)
        rows = [row for row in known.get(run.payload.id, ()) if _may_be(row, record)]
        newest = max(rows, key=lambda row: row.epoch, default=None)
        if newest is not None and newest.id is not None:
            found[run.payload.id] = newest.id
    return found


def _store_errors(
    token: PushToken, runs: Sequence[ToldRun], ids: Mapping[str, UUID], now: datetime
) -> set[UUID]:
    """Why runs failed, until the queue of details has fetched all that n8n knows of it."""
    touched: set[UUID] = set()
    rules = own_rules(token.tenant_id)
    for run in runs:
        row_id = ids.get(run.payload.id)
        if run.error is None or row_id is None:
            continue
        rows = Execution.objects.for_tenant(token.tenant_id).filter(
            pk=row_id, status=run.payload.status, detail_state=DetailState.PENDING
        )
        if not run.is_whole_error:
            rows = rows.filter(error_message="")
        if rows.update(**error_columns(run, rules), updated_at=now):
            touched.add(row_id)
    mark_hours(Execution.objects.for_tenant(token.tenant_id).filter(pk__in=touched))
    return touched


def error_columns(run: ToldRun, rules: Sequence[OwnRule] = ()) -> dict[str, object]:
    """What is stored of a told error (pure).

    A trace tells the message alone. Where that is one of n8n's general sentences, the words that
    make the group are in the data: better none for half a minute than another one.
    """
    values = words_and_group(run.payload.status, run.error, rules)
    if run.is_own:
        values["detail_state"] = DetailState.FETCHED
    if not run.is_whole_error and run.error is not None:
        first_line = plain(run.error.message).partition("\n")[0]
        if general_of(read(first_line)) is not None:
            for name in ("error_class", "error_template", "fingerprint", "grouping_version"):
                del values[name]
    return values
