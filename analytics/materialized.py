"""The materialized views: refreshed by one at a time, and never stale in silence.

Every try leaves its start, and its success or its reason, in the view's row of ``ViewState``. What
failed or is late is told by ``late_views``, to which status, the admin and the metrics listen.
"""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import DatabaseError, connection
from django.utils import timezone

from analytics.models import ViewState
from tenants.scope import operator_scope, set_statement_timeout

log = structlog.get_logger(__name__)

# Name: what it counts.
VIEWS = {
    "mv_execution_counts_by_workflow": "runs by workflow",
    "mv_execution_counts_by_environment": "runs by environment",
    "mv_error_summary": "errors",
}
REFRESHED_EVERY = timedelta(minutes=10)
# So that one missed refresh is no alarm yet.
LATE_AFTER = 3 * REFRESHED_EVERY
TIMEOUT = timedelta(minutes=8)
LONGEST_REASON = 500


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a try came to; ``is_busy`` where another one holds the lock."""

    name: str
    rows: int = 0
    duration_ms: int = 0
    error: str = ""
    is_busy: bool = False


@dataclass(frozen=True, slots=True)
class LateView:
    """A view whose last refresh failed, or is too long ago."""

    name: str
    as_of: datetime | None
    error: str

    @property
    def subject(self) -> str:
        """What it counts, in words."""
        return VIEWS[self.name]

    @property
    def sentence(self) -> str:
        since = f"shows {self.as_of:%Y-%m-%d %H:%M} UTC" if self.as_of else "was never refreshed"
        return f"{self.name} {since}" + (
            f"; the last try failed: {self.error}" if self.error else ""
        )


def refresh_view(name: str) -> Refreshed:
    """Refresh a view, unless somebody else does. Raises ValueError for a name there is not."""
    if name not in VIEWS:
        raise ValueError(f"“{name[:63]}” is not one of: {', '.join(VIEWS)}.")
    with operator_scope():
        if not _lock(name):
            return Refreshed(name, is_busy=True)
        _note(name, started_at=timezone.now())
    begin = time.monotonic()
    try:
        with operator_scope():
            if not _lock(name):
                return Refreshed(name, is_busy=True)
            as_of = timezone.now()
            rows = _refresh(name)
            duration_ms = round((time.monotonic() - begin) * 1000)
            _note(name, succeeded_at=as_of, duration_ms=duration_ms, row_count=rows, error="")
    except DatabaseError as error:
        reason = str(error).strip()[:LONGEST_REASON]
        log.error("view_refresh_failed", view=name, reason=reason)
        with operator_scope():
            _note(name, error=reason)
        return Refreshed(name, error=reason)
    return Refreshed(name, rows, duration_ms)


def late_views() -> list[LateView]:
    """The views that failed or are late, in one query; of no tenant, so for operators."""
    known = {state.name: state for state in ViewState.objects.all()}
    states = [known.get(name) or ViewState(name=name) for name in VIEWS]
    limit = timezone.now() - LATE_AFTER
    return [
        LateView(state.name, state.succeeded_at, state.error)
        for state in states
        if state.error or state.succeeded_at is None or state.succeeded_at < limit
    ]


def _lock(name: str) -> bool:
    """Whether nobody else refreshes the view; held until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_try_advisory_xact_lock(hashtextextended('view:' || %s, 0))", [name]
        )
        return bool(cursor.fetchone()[0])


def _refresh(name: str) -> int:
    set_statement_timeout(round(TIMEOUT.total_seconds() * 1000))
    with connection.cursor() as cursor:
        cursor.execute("SELECT reports.refresh(%s)", [name])
        return int(cursor.fetchone()[0])


def _note(name: str, **values: object) -> None:
    ViewState.objects.update_or_create(name=name, defaults=values)
