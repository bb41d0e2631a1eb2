"""What is usual for a workflow, from its own last runs."""

from dataclasses import dataclass
from statistics import median

from executions.models import Execution
from executions.statuses import NormalizedStatus

# Few enough to be read by an index in a millisecond, many enough for a median.
LOOKED_AT, ENOUGH = 200, 5


@dataclass(frozen=True, slots=True)
class Usual:
    """The median of ``runs`` successful runs, and how many times of it this one took."""

    milliseconds: int
    runs: int
    times: float | None

    @property
    def is_slow(self) -> bool:
        return self.times is not None and self.times >= 1.5


def usual_duration(execution: Execution) -> Usual | None:
    """Of the workflow's last runs up to this one; None where too few are known."""
    rows = (
        Execution.objects.for_tenant(execution.tenant_id)
        .filter(
            environment_id=execution.environment_id,
            workflow_id=execution.workflow_id,
            occurred_at__lte=execution.occurred_at,
            normalized_status=NormalizedStatus.SUCCESS,
            execution_time__isnull=False,
        )
        .exclude(pk=execution.pk)
        .order_by("-occurred_at", "-id")
    )
    times = list(rows.values_list("execution_time", flat=True)[:LOOKED_AT])
    if len(times) < ENOUGH:
        return None
    middle = round(median(times))
    own = execution.execution_time
    return Usual(middle, len(times), own / middle if own is not None and middle else None)
