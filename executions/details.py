"""Why runs failed: their data, fetched newest first by a queue that survives everything.

The queue is the column ``detail_state`` itself. Where several waiting rows lie close together, one
page with data costs n8n less than asking for each of them; a page that would be too large is
taken apart again. A row whose data are gone or too large is marked so and not asked for again.
A row over which n8n fails goes behind all others and is asked for once a turn, a few times.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from uuid import UUID

from django.db.models import F, QuerySet
from django.db.models.functions import Trunc

from executions.error_rules import own_rules
from executions.grouping.fingerprint import classify, group_columns
from executions.grouping.own_rules import OwnRule, regrouped
from executions.grouping.secrets import scrub
from executions.grouping.text import ErrorInput
from executions.models import DetailState, DirtyHour, Execution
from executions.n8n.client import execution_cursor
from executions.n8n.errors import N8nError, NotFound, RateLimited, TooLarge
from executions.n8n.payloads import ErrorPayload, ExecutionDetail
from executions.turn import Turn

DETAILS_A_BATCH = 100
# Measured on n8n 2.41: a page of 50 with data takes as long as three single answers.
WINDOW = 50
WINDOW_PAYS_FROM = 4
# Turns in which n8n failed over a row and over nothing else; then its data count as unreadable.
ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Outcome:
    """What n8n told of one waiting row; None where it has no data of it, or too many."""

    row: Execution
    detail: ExecutionDetail | None
    is_too_large: bool = False

    @property
    def state(self) -> DetailState:
        if self.is_too_large or (self.detail and self.detail.is_too_large):
            return DetailState.TOO_LARGE
        return DetailState.FETCHED if self.detail else DetailState.GONE


def fetch_details(turn: Turn) -> bool:
    """Work on the queue until the turn ends; True where nothing waits any more.

    Raises N8nError where n8n fails over more than a single row.
    """
    failed: set[UUID] = set()
    while turn.has_time():
        waiting = _waiting(turn, failed)
        if not waiting:
            return True
        turn.enter(f"reason of {waiting[0].n8n_execution_id}")
        for window in windows(waiting):
            if not turn.has_time():
                return False
            failed |= _fetch_window(turn, window)
    return False


def _waiting(turn: Turn, failed: set[UUID]) -> list[Execution]:
    """The next rows of the queue, but for those over which n8n has failed in this turn."""
    with turn.writing():
        rows = Execution.objects.for_tenant(turn.tenant.pk).filter(
            environment_id=turn.environment.pk,
            epoch=turn.state.epoch,
            detail_state=DetailState.PENDING,
        )
        queue = rows.exclude(pk__in=failed).order_by("detail_attempts", "-occurred_at")
        return list(queue[:DETAILS_A_BATCH])


def windows(rows: Sequence[Execution]) -> list[list[Execution]]:
    """The rows cut into runs that one page with data can hold, keeping their order (pure)."""
    found: list[list[Execution]] = []
    for row in rows:
        group = found[-1] if found else []
        if group and _fits(group, row):
            group.append(row)
        else:
            found.append([row])
    return found


def _fits(group: Sequence[Execution], row: Execution) -> bool:
    orders = [member.id_order for member in group] + [row.id_order]
    known = [order for order in orders if order is not None]
    return len(known) == len(orders) and max(known) - min(known) < WINDOW


def _fetch_window(turn: Turn, rows: Sequence[Execution]) -> set[UUID]:
    """The rows by one page where that pays, those that it leaves out one by one; what failed."""
    found: dict[str, ExecutionDetail] = {}
    if len(rows) >= WINDOW_PAYS_FROM:
        try:
            found = _ask_window(turn, rows)
        except N8nError as error:
            if not _tells_of_rows(error):
                raise  # Otherwise one of them is huge or broken, and singly the others come.
    _store(
        turn, [Outcome(row, found[key]) for row in rows if (key := row.n8n_execution_id) in found]
    )
    singly = [row for row in rows if row.n8n_execution_id not in found]
    return {row.pk for row in singly if turn.has_time() and not _fetch_one(turn, row)}


def _ask_window(turn: Turn, rows: Sequence[Execution]) -> dict[str, ExecutionDetail]:
    """All rows by one page, by their id. n8n leaves out those that have lost their data."""
    top = max(row.id_order or 0 for row in rows)
    lowest = min(row.id_order or 0 for row in rows)
    cursor = execution_cursor(str(top + 1), limit=top - lowest + 1)
    details = turn.client.list_details(cursor=cursor)
    return {detail.execution.id: detail for detail in details if detail.has_data}


def _fetch_one(turn: Turn, row: Execution) -> bool:
    """One row; False where n8n failed over it and may be asked again in another turn."""
    try:
        detail = turn.client.get_execution(row.n8n_execution_id, include_data=True)
    except NotFound:
        _store(turn, [Outcome(row, None)])
    except TooLarge:
        _store(turn, [Outcome(row, None, is_too_large=True)])
    except N8nError as error:
        if not _tells_of_rows(error):
            raise
        # An n8n that is down must not cost a failure its reason: only where it answers otherwise
        # is the row at fault.
        turn.client.list_executions(limit=1)
        if row.detail_attempts + 1 < ATTEMPTS:
            _count_attempt(turn, row)
            return False
        _store(turn, [Outcome(row, None)])
    else:
        _store(turn, [Outcome(row, detail)])
    return True


def _tells_of_rows(error: N8nError) -> bool:
    """Whether what was asked for may be the reason, and not n8n as a whole (pure)."""
    return isinstance(error, TooLarge) or (
        error.is_transient and not isinstance(error, RateLimited)
    )


def _count_attempt(turn: Turn, row: Execution) -> None:
    with turn.writing():
        Execution.objects.for_tenant(turn.tenant.pk).filter(pk=row.pk).update(
            detail_attempts=F("detail_attempts") + 1
        )


def _store(turn: Turn, outcomes: Sequence[Outcome]) -> None:
    """Write what was told, and mark the hours whose failures are in another group now."""
    with turn.writing():
        rules, moved = own_rules(turn.tenant.pk), []
        stored = Execution.objects.for_tenant(turn.tenant.pk)
        for outcome in outcomes:
            row, state = outcome.row, outcome.state
            values = error_columns(row, outcome.detail, rules, is_gone=state == DetailState.GONE)
            found = stored.filter(pk=row.pk, status=row.status)
            if found.update(**values, detail_state=state, updated_at=turn.now) and (
                values["fingerprint"] != row.fingerprint
            ):
                moved.append(row.pk)
        mark_hours(stored.filter(pk__in=moved))


def mark_hours(rows: QuerySet[Execution]) -> None:
    """Have the hours of these failures added up again: they are in other groups now."""
    places = rows.order_by().annotate(hour=Trunc("occurred_at", "hour", tzinfo=UTC))
    DirtyHour.objects.bulk_create(
        DirtyHour(tenant_id=tenant_id, environment_id=environment_id, hour=hour)
        for tenant_id, environment_id, hour in sorted(
            set(places.values_list("tenant_id", "environment_id", "hour"))
        )
    )


def error_columns(
    row: Execution,
    detail: ExecutionDetail | None,
    rules: Sequence[OwnRule] = (),
    *,
    is_gone: bool,
) -> dict[str, object]:
    """What is stored of a run's error once n8n was asked for it (pure).

    Where n8n no longer has it, what was pushed of it is all there will be.
    """
    error = detail.error if detail is not None else _pushed_error(row)
    silence = _silence(row, error, is_gone=is_gone)
    values = words_and_group(silence or row.status, None if silence else error, rules)
    if silence and error is not None:
        values |= places_of(error)
    if detail is not None and not row.workflow_name:
        values["workflow_name"] = detail.workflow_name
    return values


def _pushed_error(row: Execution) -> ErrorPayload | None:
    if not row.error_message:
        return None
    return ErrorPayload(
        message=row.error_message,
        name=row.error_name,
        http_code=row.error_code,
        node=row.error_node,
        node_type=row.error_node_type,
    )


def words_and_group(
    status: str, error: ErrorPayload | None, rules: Sequence[OwnRule] = ()
) -> dict[str, object]:
    """The columns of an error, scrubbed of secrets, with its class and group (pure).

    Without an error, ``status`` may also name what is known of the silence.
    """
    grouping = classify(error_input(status, error))
    if error is not None:
        grouping = regrouped(grouping, rules)
    values: dict[str, object] = {
        # Where n8n told nothing, the group has words for it and the row has none.
        "error_message": grouping.text if error is not None else "",
        "error_values": [list(pair) for pair in grouping.attributes] or None,
        **group_columns(grouping),
    }
    return values | (places_of(error) if error is not None else {})


def places_of(error: ErrorPayload) -> dict[str, object]:
    """Where it happened, and what it is called there."""
    return {
        "error_node": scrub(error.node),
        "error_node_type": error.node_type,
        "error_name": scrub(error.name),
        "error_code": scrub(error.http_code),
    }


def _silence(row: Execution, error: ErrorPayload | None, *, is_gone: bool) -> str:
    """What is known of a run that tells no reason; empty where it tells one."""
    if error is not None:
        return "redacted" if error.is_redacted else ""
    return silence_of(row, is_gone=is_gone)


def silence_of(row: Execution, *, is_gone: bool) -> str:
    """What stands for the reason of a run that left none."""
    if row.status == "crashed":
        return "crashed"  # That it left nothing is what a crash means.
    if is_gone:
        return "gone"
    if row.status == "canceled" and row.started_at is None:
        return "canceled before start"
    return row.status


def error_input(status: str, error: ErrorPayload | None) -> ErrorInput:
    if error is None:
        return ErrorInput(status=status)
    return ErrorInput(
        message=error.message,
        description=error.description,
        messages=error.messages,
        cause=error.cause,
        http_code=error.http_code,
        name=error.name,
        node_type=error.node_type,
        status=status,
    )
