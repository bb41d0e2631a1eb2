"""Rows of n8n's execution list to payloads; one bad row never costs the others."""

from collections.abc import Iterable
from datetime import datetime

from executions.n8n.fields import (
    FOREVER,
    MAX_WORD,
    Notes,
    UnusableRow,
    count,
    id_text,
    moment,
    optional_id,
    text,
)
from executions.n8n.payloads import BadRow, ExecutionPayload, RowFlag

STATUS_DERIVED = int(RowFlag.STATUS_DERIVED)
# A listed row of today's n8n; a single one has more fields.
LIST_FIELDS = 10
_WORDS = """
    canceled crashed error new running success unknown waiting
    webhook trigger manual retry integrated cli internal chat evaluation agent
"""
USUAL_WORDS = frozenset(_WORDS.split())


def read_rows(rows: Iterable[object]) -> tuple[tuple[ExecutionPayload, ...], tuple[BadRow, ...]]:
    """The usable rows in their order, and what was wrong with the others."""
    items: list[ExecutionPayload] = []
    refused: list[BadRow] = []
    notes = Notes()
    for index, row in enumerate(rows):
        try:
            items.append(read_execution(row, notes))
        except UnusableRow as error:
            refused.append(BadRow(index, str(error)))
    return tuple(items), tuple(refused)


def read_execution(row: object, notes: Notes | None = None) -> ExecutionPayload:
    """One row, of a list or by itself. Raises UnusableRow where it has no id.

    Written for speed: the usual row, where most fields are null, takes no call for those.
    """
    if not isinstance(row, dict):
        raise UnusableRow("a row is not an object")
    notes = notes or Notes()
    notes.flags = 0
    get = row.get
    started_at, stopped_at, wait_till = get("startedAt"), get("stoppedAt"), get("waitTill")
    retry_of, retry_success_id = get("retryOf"), get("retrySuccessId")
    payload = ExecutionPayload(
        id_text(get("id"), notes),
        _status(row, notes),
        _word(get("mode"), notes),
        None if started_at is None else moment(started_at, notes),
        None if stopped_at is None else moment(stopped_at, notes),
        None if wait_till is None else moment(wait_till, notes, FOREVER),
        "" if retry_of is None else optional_id(retry_of, notes),
        "" if retry_success_id is None else optional_id(retry_success_id, notes),
        optional_id(get("workflowId"), notes),
        *(() if len(row) <= LIST_FIELDS else _further_fields(row, notes)),
    )
    return payload._replace(flags=notes.flags) if notes.flags else payload


def _further_fields(
    row: dict[str, object], notes: Notes
) -> tuple[datetime | None, datetime | None, str, int | None]:
    """What a single execution tells beyond a listed one, in the payload's order."""
    return (
        moment(row.get("createdAt"), notes),
        moment(row.get("deletedAt"), notes),
        optional_id(row.get("workflowVersionId"), notes),
        count(row.get("jsonSizeBytes"), notes),
    )


def _status(row: dict[str, object], notes: Notes) -> str:
    status = row.get("status")
    return _derived_status(row, notes) if status is None else _word(status, notes)


def _word(value: object, notes: Notes) -> str:
    if type(value) is str and value in USUAL_WORDS:
        return value
    return text(value, notes, MAX_WORD).strip()


def _derived_status(row: dict[str, object], notes: Notes) -> str:
    """The status of an n8n so old that it tells none: canceled and crashed look like errors."""
    notes.flags |= STATUS_DERIVED
    if row.get("finished") is True:
        return "success"
    if row.get("waitTill") is not None:
        return "waiting"
    return "error" if row.get("stoppedAt") is not None else "running"
