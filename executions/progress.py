"""How far a walk is: rows, estimated whole, rate and time left.

n8n tells no totals. The whole is estimated from the time that the walk has gone back against the
time that it has to go, which holds where the past was about as busy as what was seen of it.
"""

from dataclasses import dataclass

from executions.models import SyncRun


@dataclass(frozen=True, slots=True)
class Progress:
    """Rows seen, rows expected (None: nothing to tell from), per cent, rows a second, seconds."""

    current: int
    total: int | None
    percentage: float | None
    rows_per_second: float | None
    seconds_left: int | None


def progress_of(run: SyncRun) -> Progress:
    share = share_done(run)
    if share is None:
        return Progress(run.rows_seen, None, None, None, None)
    total = max(run.rows_seen, round(run.rows_seen / share)) if share else None
    rate = run.rows_seen * 1000 / run.busy_ms if run.busy_ms else None
    left = round((total - run.rows_seen) / rate) if rate and total is not None else None
    return Progress(run.rows_seen, total, round(share * 100, 1), rate and round(rate, 1), left)


def share_done(run: SyncRun) -> float | None:
    """The share of the walk that is done, 0 to 1; None where nothing is known yet."""
    if run.state == SyncRun.State.DONE:
        return 1.0
    if run.top_at is None or run.floor_at is None or run.oldest_at is None:
        return None
    whole = (run.top_at - run.floor_at).total_seconds()
    gone = (run.top_at - run.oldest_at).total_seconds()
    return min(max(gone / whole, 0.0), 1.0) if whole > 0 else None
