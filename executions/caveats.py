"""What numbers of an environment cannot say, and why: for whoever shows them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from executions.coverage import Stretch, gaps, stretches
from executions.models import Environment, Execution, SyncState
from executions.statuses import NormalizedStatus

# n8n's own defaults (EXECUTIONS_DATA_MAX_AGE, EXECUTIONS_DATA_PRUNE_MAX_COUNT); its public API
# does not tell what is really set.
N8N_KEEPS = timedelta(hours=336)
N8N_KEEPS_ROWS = 10_000
# A pause that people may well meet: a night's maintenance, a weekend's lost key.
PAUSE_TO_SURVIVE = timedelta(hours=6)
# So many failures and not one success in a week are no accident.
FAILURES_WITHOUT_SUCCESS = 20
LOOK_BACK = timedelta(days=7)
# More runs a day than this, and n8n's defaults keep less than an hour: how much less is all one.
MOST_COUNTED = 24 * N8N_KEEPS_ROWS


@dataclass(frozen=True, slots=True)
class CoverageReport:
    """What is known of an environment's recent past.

    ``as_of``: everything up to then has been copied. ``lag``: time since then. ``saves_successes``:
    None where too little ran to tell. ``pruned_after``: how long n8n keeps a run at today's pace.
    """

    as_of: datetime | None
    lag: timedelta | None
    seen: Sequence[Stretch]
    gaps: Sequence[Stretch]
    saves_successes: bool | None
    pruned_after: timedelta
    sentences: Sequence[str]


def coverage_report(environment: Environment, *, since: datetime) -> CoverageReport:
    """The environment's coverage from ``since`` until now."""
    now = timezone.now()
    state = SyncState.objects.for_tenant(environment.tenant_id).get(environment=environment)
    seen = stretches(environment.tenant_id, environment.pk, since=since)
    as_of = state.synced_at
    # The ledger goes by n8n's clock. What follows its newest stretch is lag and no gap.
    until = seen[-1].to_at if seen else as_of
    missing = gaps(seen, Stretch(since, until)) if as_of and until and until > since else []
    saves = saves_successes(environment, now)
    pruned = pruned_after(_runs_of_a_day(environment, now))
    return CoverageReport(
        as_of=as_of,
        lag=now - as_of if as_of else None,
        seen=seen,
        gaps=missing,
        saves_successes=saves,
        pruned_after=pruned,
        sentences=sentences(saves=saves, pruned=pruned, lag=now - as_of if as_of else None),
    )


def saves_successes(environment: Environment, now: datetime) -> bool | None:
    """Whether this n8n keeps successful runs: without them a failure rate would read 100 %."""
    recent = Execution.objects.for_tenant(environment.tenant_id).filter(
        environment_id=environment.pk, occurred_at__gte=now - LOOK_BACK
    )
    if recent.filter(normalized_status=NormalizedStatus.SUCCESS).exists():
        return True
    failures = recent.filter(normalized_status=NormalizedStatus.ERROR)
    enough = failures[:FAILURES_WITHOUT_SUCCESS].count() == FAILURES_WITHOUT_SUCCESS
    return False if enough else None


def _runs_of_a_day(environment: Environment, now: datetime) -> int:
    runs = Execution.objects.for_tenant(environment.tenant_id).filter(
        environment_id=environment.pk, occurred_at__gte=now - timedelta(days=1)
    )
    return runs.order_by()[:MOST_COUNTED].count()


def pruned_after(runs_a_day: int) -> timedelta:
    """How long n8n's default pruning keeps a run where so many begin a day (pure)."""
    if runs_a_day == 0:
        return N8N_KEEPS
    return min(N8N_KEEPS, timedelta(days=N8N_KEEPS_ROWS / runs_a_day))


def sentences(*, saves: bool | None, pruned: timedelta, lag: timedelta | None) -> tuple[str, ...]:
    """What people should know before they trust a number (pure)."""
    found: list[str] = []
    if saves is False:
        found.append(
            "This n8n does not save successful runs, so no success rate can be said."
            " Set EXECUTIONS_DATA_SAVE_ON_SUCCESS=all there, or save them in each workflow."
        )
    hours = round(pruned.total_seconds() / 3600, 1)
    if lag is not None and lag > pruned:
        found.append(
            f"By its defaults n8n deletes runs here after {hours} hours, and the last complete sync"
            " is older: runs are being lost."
        )
    elif pruned < PAUSE_TO_SURVIVE:
        found.append(
            f"By its defaults n8n deletes runs here after {hours} hours, so a longer pause of the"
            " sync loses some. Raise EXECUTIONS_DATA_PRUNE_MAX_COUNT in n8n."
        )
    return tuple(found)
