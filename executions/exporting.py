"""Executions as a file, streamed: one cursor of the database, a few rows in memory at a time.

The file says in its last line where it ends before its search does. No cell of a CSV begins as a
formula does, since spreadsheets would carry it out.
"""

import csv
from collections.abc import AsyncIterator, Generator, Iterator
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import orjson
from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone

from executions.filters import ExecutionFilter
from executions.listing import TooExpensive, within_time_limit
from executions.models import Execution
from tenants.scope import set_statement_timeout, tenant_scope

MOST_ROWS = 1_000_000
CHUNK = 2_000
# For each chunk: nobody waits for a page here.
CHUNK_TIMEOUT_MS = 60_000
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
COLUMNS = (
    "id", "environment_id", "environment", "workflow_id", "workflow_name", "n8n_execution_id",
    "epoch", "status", "normalized_status", "mode", "started_at", "finished_at", "execution_time",
    "error_message", "error_node", "error_class", "error_code", "fingerprint", "wait_till",
    "retry_of", "retry_success_id", "workflow_version_id", "gone_at", "created_at", "updated_at",
)  # fmt: skip
ENVIRONMENT = COLUMNS.index("environment")
Row = tuple[object, ...]


class Format(StrEnum):
    """What a file is made of."""

    CSV = "csv"
    NDJSON = "ndjson"


CONTENT_TYPES = {
    Format.CSV: "text/csv; charset=utf-8",
    Format.NDJSON: "application/x-ndjson",
}


def export_response(
    request: HttpRequest, chosen: ExecutionFilter, kind: Format
) -> StreamingHttpResponse:
    """The file of exactly the filter's rows, newest first; call after ``is_valid()``."""
    chunks = _chunks(chosen, kind)
    response = StreamingHttpResponse(
        _in_thread(chunks) if isinstance(request, ASGIRequest) else chunks,
        content_type=CONTENT_TYPES[kind],
    )
    name = f"executions-{chosen.tenant.slug}-{timezone.now():%Y-%m-%d-%H%M%S}.{kind}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    # Nothing between may collect the file before it passes it on.
    response["X-Accel-Buffering"] = "no"
    return response


async def _in_thread(chunks: Generator[bytes]) -> AsyncIterator[bytes]:
    """The same chunks for a server that waits for none of them."""
    try:
        while (chunk := await sync_to_async(_next)(chunks)) is not None:
            yield chunk
    finally:
        await sync_to_async(chunks.close)()


def _next(chunks: Generator[bytes]) -> bytes | None:
    return next(chunks, None)


def _chunks(chosen: ExecutionFilter, kind: Format) -> Generator[bytes]:
    """Runs after the request's own transaction, so it opens one that lives as long as the file."""
    writer = _Csv() if kind is Format.CSV else _NdJson()
    names = {one.pk: one.name for one in chosen.environments}
    count = 0
    yield writer.head()
    with tenant_scope(chosen.tenant.pk):
        set_statement_timeout(CHUNK_TIMEOUT_MS)
        try:
            with within_time_limit():
                for chunk in _rows(chosen.executions(), names):
                    yield writer.rows(chunk[: MOST_ROWS - count])
                    count += len(chunk)
        except TooExpensive as error:
            yield writer.remark(f"The export ends here, after {count:,} rows. {error}")
            return
    if count > MOST_ROWS:
        yield writer.remark(f"The export ends here, after {MOST_ROWS:,} rows.")


def _rows(rows: QuerySet[Execution], names: dict[UUID, str]) -> Iterator[list[Row]]:
    """Chunks of rows with the names of their environments in them."""
    stored = [name for name in COLUMNS if name != "environment"]
    values = rows.order_by("-occurred_at", "-id").values_list(*stored)
    found: list[Row] = []
    for row in values[: MOST_ROWS + 1].iterator(chunk_size=CHUNK):
        found.append((*row[:ENVIRONMENT], names.get(row[1], ""), *row[ENVIRONMENT:]))
        if len(found) == CHUNK:
            yield found
            found = []
    if found:
        yield found


class _Lines:
    """What a csv.writer writes into: it keeps the lines until they are taken."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def write(self, line: str) -> None:
        self.lines.append(line)

    def take(self) -> bytes:
        text, self.lines = "".join(self.lines), []
        return text.encode()


class _Csv:
    """RFC 4180, with a head."""

    def __init__(self) -> None:
        self._lines = _Lines()
        self._writer = csv.writer(self._lines)

    def head(self) -> bytes:
        self._writer.writerow(COLUMNS)
        return self._lines.take()

    def rows(self, rows: list[Row]) -> bytes:
        self._writer.writerows([_cell(value) for value in row] for row in rows)
        return self._lines.take()

    def remark(self, sentence: str) -> bytes:
        self._writer.writerow([sentence])
        return self._lines.take()


class _NdJson:
    """One JSON object a line."""

    def head(self) -> bytes:
        return b""

    def rows(self, rows: list[Row]) -> bytes:
        return b"".join(
            orjson.dumps(dict(zip(COLUMNS, row, strict=True)), option=orjson.OPT_APPEND_NEWLINE)
            for row in rows
        )

    def remark(self, sentence: str) -> bytes:
        return orjson.dumps({"remark": sentence}, option=orjson.OPT_APPEND_NEWLINE)


def _cell(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str) and value.startswith(FORMULA_SIGNS):
        return f"'{value}"
    return value
