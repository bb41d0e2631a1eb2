"""Stretches of time added up from days, hours and rows, in one statement and one snapshot.

What is marked as changed is corrected on the way: the stored numbers of a marked hour are taken
out and its rows counted in their place. So every count is exact at the moment of the statement,
whether the rollups are behind or not, and equals the list's under the same filter.
"""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django.db import connection

from analytics.histograms import NONE_TIMED, SENT, Histogram
from analytics.measures import SHARES, Measures
from analytics.periods import Bucket
from analytics.pieces import pieces_of
from analytics.rollup_sql import HISTOGRAM, ROWS_IN_BINS, STATUSES, SUMS, SUMS_OF_BINS
from analytics.selection import Selection

PIECES = """
piece AS MATERIALIZED (
    SELECT * FROM unnest(%(buckets)s::int[], %(grains)s::text[], %(starts)s::timestamptz[],
        %(ends)s::timestamptz[]) AS p (bucket, grain, start_at, end_at)
)"""
# Marks of final hours are no changes: their rows are gone.
DIRTY = """
dirty AS MATERIALIZED (
    SELECT DISTINCT p.bucket, r.environment_id, r.hour
    FROM executions_dirtyhour r
    JOIN piece p ON p.grain <> 'rows' AND r.hour >= p.start_at AND r.hour < p.end_at
    LEFT JOIN analytics_rollupstate s
      ON s.tenant_id = r.tenant_id AND s.environment_id = r.environment_id
    WHERE r.tenant_id = %(tenant)s {environments}
      AND (s.purged_before IS NULL OR r.hour < s.purged_since OR r.hour >= s.purged_before)
)"""
SUMMED = ", ".join(SUMS)
LAST = "last_at, last_error_at"
OF_COURSES = (f"sum(sign * ({' + '.join(STATUSES)}))::bigint", "sum(sign * error)::bigint")
OF_MEASURES = (
    *(f"sum(sign * {name})::bigint" for name in SUMS),
    "max(last_at) FILTER (WHERE sign > 0)",
    "max(last_error_at) FILTER (WHERE sign > 0)",
)
LATEST = "max(last_at) AS last_at, max(last_error_at) AS last_error_at"
OF_ENVIRONMENT = ("environment_id",)
OF_WORKFLOW = ("environment_id", "workflow_id")
# A fence: each piece is one short range of an index, whatever the planner believes of it.
STORED = """
SELECT p.bucket, {sign} AS sign, r.*
FROM {pieces} p CROSS JOIN LATERAL (
    SELECT {columns} FROM analytics_{table} r
    WHERE r.tenant_id = %(tenant)s AND {within} {conditions} {grouped} OFFSET 0
) AS r WHERE {grain}"""
COUNTED = """
SELECT p.bucket, 1 AS sign, x.*
FROM {pieces} p CROSS JOIN LATERAL (
    SELECT {keys}{over} FROM (
        SELECT {keys}{rows} FROM executions r
        WHERE r.tenant_id = %(tenant)s AND {within} {conditions}
        GROUP BY {keys}bin
    ) AS by_bin {grouped}
) AS x WHERE {grain}"""
IN_PIECE = "r.begins_at >= p.start_at AND r.begins_at < p.end_at"
OF_MARK = "r.environment_id = p.environment_id AND r.begins_at = p.hour"
ROWS_IN_PIECE = "r.occurred_at >= p.start_at AND r.occurred_at < p.end_at"
ROWS_OF_MARK = """r.environment_id = p.environment_id
          AND r.occurred_at >= p.hour AND r.occurred_at < p.hour + interval '1 hour'"""

PERCENTILES = """
SELECT p.bucket, x.shares
FROM piece p CROSS JOIN LATERAL (
    SELECT percentile_cont(%(shares)s::float8[]) WITHIN GROUP (ORDER BY r.execution_time) AS shares
    FROM executions r WHERE r.tenant_id = %(tenant)s
      AND r.occurred_at >= p.start_at AND r.occurred_at < p.end_at {conditions}
) AS x
"""


def read_buckets(
    selection: Selection, buckets: Iterable[tuple[int, Bucket]]
) -> dict[int, Measures]:
    """The measures of numbered stretches of time, with histograms."""
    numbered = list(buckets)
    found = {number: Measures() for number, _ in numbered}
    family = "environment" if selection.is_by_environment else "workflow"
    statement = f"""
    WITH {sources_of(selection)}, part AS ({_parts(selection, family)})
    SELECT bucket, sign, {SUMS_OF_BINS}, {LATEST}, {SENT} FROM part
    WHERE timed IS NOT NULL  -- as it is where no row was there to be counted
    GROUP BY bucket, sign
    """
    with connection.cursor() as cursor:
        cursor.execute(statement, piece_parameters(selection, numbered))
        for bucket, sign, *sums, last_at, last_error_at, bins, counts in cursor.fetchall():
            found[bucket].include(
                Measures(*sums, last_at, last_error_at, Histogram.received(bins, counts)), sign
            )
    return found


def read_workflows(
    selection: Selection, buckets: Iterable[tuple[int, Bucket]]
) -> dict[tuple[UUID, str], dict[int, Measures]]:
    """The measures of each workflow by environment and id, without histograms."""
    found: dict[tuple[UUID, str], dict[int, Measures]] = {}
    for environment_id, workflow_id, bucket, *values in _read_by(
        OF_WORKFLOW, "workflow", selection, buckets
    ):
        found.setdefault((environment_id, workflow_id), {})[bucket] = Measures(*values)
    return found


def read_courses(
    selection: Selection, buckets: Iterable[tuple[int, Bucket]]
) -> dict[tuple[UUID, str], dict[int, tuple[int, int]]]:
    """How many runs each workflow had in each stretch, and how many of them failed."""
    found: dict[tuple[UUID, str], dict[int, tuple[int, int]]] = {}
    for environment_id, workflow_id, bucket, runs, failures in _read_by(
        OF_WORKFLOW, "workflow", selection, buckets, OF_COURSES
    ):
        found.setdefault((environment_id, workflow_id), {})[bucket] = (runs, failures)
    return found


def read_environments(
    selection: Selection, buckets: Iterable[tuple[int, Bucket]]
) -> dict[UUID, dict[int, Measures]]:
    """The measures of each environment, without histograms."""
    family = "environment" if selection.is_by_environment else "workflow"
    found: dict[UUID, dict[int, Measures]] = {}
    for environment_id, bucket, *values in _read_by(OF_ENVIRONMENT, family, selection, buckets):
        found.setdefault(environment_id, {})[bucket] = Measures(*values)
    return found


def _read_by(
    keys: tuple[str, ...],
    family: str,
    selection: Selection,
    buckets: Iterable[tuple[int, Bucket]],
    values: Iterable[str] = OF_MEASURES,
) -> list[tuple[Any, ...]]:
    """Keys, bucket and values; these are, if nothing is said, what measures begin with."""
    by = ", ".join(keys)
    statement = f"""
    WITH {sources_of(selection)}, part AS (
        {_parts(selection, family, keys, histograms=False)}
    )
    SELECT {by}, bucket, {", ".join(values)} FROM part GROUP BY {by}, bucket
    """
    with connection.cursor() as cursor:
        cursor.execute(statement, piece_parameters(selection, list(buckets)))
        return list(cursor.fetchall())


def read_histograms(
    selection: Selection, buckets: Iterable[tuple[int, Bucket]]
) -> dict[tuple[UUID, str], Histogram]:
    """The durations of each workflow over all of the stretches."""
    statement = f"""
    WITH {sources_of(selection)}, part AS ({_parts(selection, "workflow", OF_WORKFLOW)})
    SELECT environment_id, workflow_id, sign, {SENT} FROM part
    GROUP BY environment_id, workflow_id, sign
    """
    found: dict[tuple[UUID, str], Histogram] = {}
    with connection.cursor() as cursor:
        cursor.execute(statement, piece_parameters(selection, list(buckets)))
        for environment_id, workflow_id, sign, bins, counts in cursor.fetchall():
            key, histogram = (environment_id, workflow_id), Histogram.received(bins, counts)
            before = found.get(key, NONE_TIMED)
            found[key] = before + histogram if sign > 0 else before - histogram
    return found


def read_percentiles(
    selection: Selection, buckets: Iterable[tuple[int, Bucket]]
) -> dict[int, list[float | None]]:
    """Exact percentiles from the rows; ask only where these are few."""
    numbered = list(buckets)
    statement = f"WITH {PIECES} {PERCENTILES.format(conditions=selection.conditions())}"
    parameters = {
        **selection.parameters(),
        "buckets": [number for number, _ in numbered],
        "grains": ["rows"] * len(numbered),
        "starts": [bucket.start for _, bucket in numbered],
        "ends": [bucket.end for _, bucket in numbered],
        "shares": list(SHARES),
    }
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return {bucket: shares or [None] * len(SHARES) for bucket, shares in cursor.fetchall()}


def sources_of(selection: Selection) -> str:
    return f"{PIECES}, {DIRTY.format(environments=selection.conditions('environments'))}"


def _parts(
    selection: Selection, family: str, by: tuple[str, ...] = (), *, histograms: bool = True
) -> str:
    """Everything that adds up to the pieces, from each place where it may stand."""
    conditions = selection.conditions()
    keys = "".join(f"{name}, " for name in by)
    grouped = f"GROUP BY {', '.join(by)}" if by else ""
    if histograms:
        stored = {"columns": f"{keys}{SUMMED}, bins, bin_counts, {LAST}", "grouped": ""}
    else:
        # Within a piece, so that its many days and hours are neither kept nor sorted.
        stored = {"columns": f"{keys}{SUMS_OF_BINS}, {LATEST}", "grouped": grouped}
    stored["conditions"] = conditions
    counted = {
        "keys": keys,
        "over": f"{SUMS_OF_BINS}, {HISTOGRAM + ', ' if histograms else ''}{LATEST}",
        "rows": ROWS_IN_BINS,
        "conditions": conditions,
        "grouped": grouped,
    }
    day, hour = f"{family}day", f"{family}hour"
    piece = {"sign": 1, "pieces": "piece", "within": IN_PIECE}
    return "\nUNION ALL ".join(
        (
            STORED.format(table=day, grain="p.grain = 'days'", **piece, **stored),
            STORED.format(table=hour, grain="p.grain = 'hours'", **piece, **stored),
            STORED.format(
                table=hour, grain="true", sign=-1, pieces="dirty", within=OF_MARK, **stored
            ),
            COUNTED.format(
                pieces="piece", grain="p.grain = 'rows'", within=ROWS_IN_PIECE, **counted
            ),
            COUNTED.format(pieces="dirty", grain="true", within=ROWS_OF_MARK, **counted),
        )
    )


def piece_parameters(selection: Selection, buckets: Sequence[tuple[int, Bucket]]) -> dict[str, Any]:
    pieces = pieces_of(buckets)
    return {
        **selection.parameters(),
        "buckets": [piece.bucket for piece in pieces],
        "grains": [piece.grain.value for piece in pieces],
        "starts": [piece.start for piece in pieces],
        "ends": [piece.end for piece in pieces],
    }
