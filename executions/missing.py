"""Ids that no list showed: holes in n8n's numbering, or runs that were between two lists.

An execution that runs is not in n8n's plain list, and one that just ended is for some
milliseconds in none. So each id that is missing between two listed ones is asked for by itself,
twice, and only then taken for a hole.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from django.db.models import F

from executions.models import Execution, MissingId
from executions.n8n.errors import NotFound
from executions.normalize import normalize
from executions.turn import Turn

FIRST_PROBE = timedelta(seconds=20)
SECOND_PROBE = timedelta(minutes=5)
PROBES = 2
PROBES_A_TURN = 25
# Where most ids are missing, n8n does not save its successful runs, and asking for each would
# cost more than it could find.
HOLES_ARE_THE_RULE = 100


def missing_between(orders: Sequence[int], above: int) -> list[int]:
    """The ids between the listed ones that are higher than ``above`` (pure)."""
    listed = sorted({order for order in orders if order > above} | {above})
    return [
        missing
        for low, high in zip(listed, listed[1:], strict=False)
        for missing in range(low + 1, min(high, low + 1 + HOLES_ARE_THE_RULE))
    ]


def note_missing_ids(turn: Turn, orders: Sequence[int], above: int) -> None:
    """Remember the ids that a page left out; in the page's transaction.

    ``orders`` are the ids of the page and the lowest one of the page before it.
    """
    if not orders:
        return
    missing = missing_between(orders, max(above, min(orders)))
    if len(missing) > HOLES_ARE_THE_RULE:
        return
    probe_at = turn.now + FIRST_PROBE
    MissingId.objects.bulk_create(
        [
            MissingId(
                tenant=turn.tenant,
                environment=turn.environment,
                epoch=turn.state.epoch,
                id_order=order,
                probe_at=probe_at,
            )
            for order in missing
        ],
        ignore_conflicts=True,
    )


def probe_missing_ids(turn: Turn) -> None:
    """Ask n8n for the ids whose time has come; each answer is written by itself."""
    with turn.writing("ids that no list showed"):
        due = list(_due(turn))
        found_since = set(
            Execution.objects.for_tenant(turn.tenant.pk)
            .filter(
                environment_id=turn.environment.pk,
                epoch=turn.state.epoch,
                n8n_execution_id__in=[str(row.id_order) for row in due],
            )
            .values_list("n8n_execution_id", flat=True)
        )
        _forget(turn, [row for row in due if str(row.id_order) in found_since])
        # Before one is asked for: one that n8n fails over must not come first again.
        _put_off(turn, due)
    for row in due:
        if str(row.id_order) not in found_since and turn.has_time():
            _probe(turn, row)


def _due(turn: Turn) -> Iterable[MissingId]:
    rows = MissingId.objects.for_tenant(turn.tenant.pk).filter(
        environment=turn.environment, epoch=turn.state.epoch, probe_at__lte=turn.now
    )
    return rows.order_by("probe_at")[:PROBES_A_TURN]


def _probe(turn: Turn, row: MissingId) -> None:
    try:
        payload = turn.client.get_execution(str(row.id_order)).execution
    except NotFound:
        with turn.writing():
            if row.probes + 1 >= PROBES:
                _forget(turn, [row])
            else:
                _count_probe(turn, row)
        return
    with turn.writing():
        turn.ingest([normalize(payload)])
        _forget(turn, [row])


def _put_off(turn: Turn, rows: Sequence[MissingId]) -> None:
    MissingId.objects.for_tenant(turn.tenant.pk).filter(pk__in=[row.pk for row in rows]).update(
        probe_at=turn.now + SECOND_PROBE
    )


def _count_probe(turn: Turn, row: MissingId) -> None:
    MissingId.objects.for_tenant(turn.tenant.pk).filter(pk=row.pk).update(probes=F("probes") + 1)


def _forget(turn: Turn, rows: Sequence[MissingId]) -> None:
    MissingId.objects.for_tenant(turn.tenant.pk).filter(pk__in=[row.pk for row in rows]).delete()
