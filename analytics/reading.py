"""Stretches of time added up from days, hours and rows, in one statement and one snapshot.

What is marked as changed is corrected on the way: the stored numbers of a marked hour are taken
out and its rows counted in their place. So every count is exact at the moment of the statement,
whether the rollups are behind or not, and equals the list's under the same filter.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from analytics.histograms import NET_SENT, Histogram
from analytics.measures import SHARES, Measures
from analytics.periods import Bucket
from analytics.pieces import Grain, pieces_of
from analytics.rollup_sql import (
    BINS_OF_ROWS,
    HISTOGRAM,
    LATEST_OF_ROWS,
    ROWS_IN_BINS,
    STATUSES,
    SUMS,
    SUMS_OF_BINS,
    SUMS_OF_ROWS,
)
from analytics.selection import Selection

# Each less than an hour: so many are read row by row, more would be in proportion to the range.
FEW_RIMS = 8
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
# A sign tells which of the parts are taken out again.
NET_SUMS = ", ".join(f"sum(sign * {name})::bigint AS {name}" for name in SUMS)
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
FROM {pieces} p CROSS JOIN LATERAL (SELECT {columns} FROM {rows} {grouped}) AS x WHERE {grain}"""
ROWS = "executions r WHERE r.tenant_id = %(tenant)s AND {within} {conditions}"
IN_PIECE = "r.begins_at >= p.start_at AND r.begins_at < p.end_at"
OF_MARK = "r.environment_id = p.environment_id AND r.begins_at = p.hour"
ROWS_IN_PIECE = "r.occurred_at >= p.start_at AND r.occurred_at < p.end_at"
ROWS_OF_MARK = """r.environment_id = p.environment_id
          AND r.occurred_at >= p.hour AND r.occurred_at < p.hour + interval '1 hour'"""

# Exact percentiles of the stretches that few rows are in; a mode or a tag is found only among all
# rows of the environments, so that it is these that have to be few.
SPANS = """
span AS MATERIALIZED (
    SELECT * FROM unnest(%(numbers)s::int[], %(span_starts)s::timestamptz[],
        %(span_ends)s::timestamptz[], %(firsts)s::int[], %(lasts)s::int[])
        AS s (number, start_at, end_at, first, last)
), size AS MATERIALIZED (
    SELECT s.number, sum(c.sign * ({runs})) AS rows FROM span s
    JOIN {counted} c ON c.bucket BETWEEN s.first AND s.last GROUP BY s.number
)"""
PERCENTILES = """
SELECT s.number, x.shares
FROM span s LEFT JOIN size USING (number) CROSS JOIN LATERAL (
    SELECT percentile_cont(%(shares)s::float8[]) WITHIN GROUP (ORDER BY r.execution_time) AS shares
    FROM executions r WHERE r.tenant_id = %(tenant)s
      AND r.occurred_at >= s.start_at AND r.occurred_at < s.end_at {conditions}
) AS x WHERE coalesce(size.rows, 0) < %(few)s
"""


class Span(NamedTuple):
    """A stretch made of neighbouring buckets, by number the first and the last of them."""

    number: int
    bucket: Bucket
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Readings:
    """Measures by bucket, with histograms; sums by bucket and environment, without; and exact
    percentiles of the spans that few rows are in.
    """

    of_bucket: dict[int, Measures]
    of_environment: dict[UUID, dict[int, Measures]]
    exact: dict[int, list[float | None]]


def read_figures(
    selection: Selection, buckets: Iterable[tuple[int, Bucket]], spans: Sequence[Span], few: int
) -> Readings:
    """All that figures are made of, in one statement; ``few`` rows are read for percentiles."""
    numbered = list(buckets)
    parameters = {
        **piece_parameters(selection, numbered),
        "numbers": [span.number for span in spans],
        "span_starts": [span.bucket.start for span in spans],
        "span_ends": [span.bucket.end for span in spans],
        "firsts": [span.first for span in spans],
        "lasts": [span.last for span in spans],
        "shares": list(SHARES),
        "few": few,
    }
    with connection.cursor() as cursor:
        few_rims = parameters["grains"].count(Grain.ROWS.value) <= FEW_RIMS
        cursor.execute(_figures_statement(selection, few_rims), parameters)
        rows = cursor.fetchall()
    return _readings(numbered, rows)


def _figures_statement(selection: Selection, few_rims: bool) -> str:
    family = "environment" if selection.is_by_environment else "workflow"
    figures = parts_of(selection, family, OF_ENVIRONMENT, few_rims=few_rims)
    parts = [f"part AS MATERIALIZED ({figures})"]
    counted = "part"
    if not (selection.is_by_environment or selection.workflows):
        counted = "of_all"
        whole = Selection(selection.tenant_id, selection.environments)
        parts.append(
            f"of_all AS ({parts_of(whole, 'environment', OF_ENVIRONMENT, histograms=False)})"
        )
    return f"""
    WITH {sources_of(selection)}, {", ".join(parts)},
    {SPANS.format(runs=" + ".join(STATUSES), counted=counted)}
    SELECT bucket, environment_id, NULL::float8[], {NET_SENT}, {NET_SUMS} FROM part
    GROUP BY bucket, environment_id
    UNION ALL SELECT number, NULL, shares, NULL, NULL, NULL, NULL, {", ".join("NULL" for _ in SUMS)}
    FROM ({PERCENTILES.format(conditions=selection.conditions())}) AS exact
    """


def _readings(numbered: Sequence[tuple[int, Bucket]], rows: list[tuple[Any, ...]]) -> Readings:
    found = Readings({number: Measures() for number, _ in numbered}, {}, {})
    sent: dict[int, list[tuple[bytes | None, ...]]] = {}
    for bucket, environment_id, shares, *rest in rows:
        if environment_id is None:
            found.exact[bucket] = shares or [None] * len(SHARES)
            continue
        sums = Measures(*rest[4:])
        found.of_bucket[bucket].include(sums)
        found.of_environment.setdefault(environment_id, {})[bucket] = sums
        sent.setdefault(bucket, []).append(tuple(rest[:4]))
    for bucket, parts in sent.items():
        # All environments at once: what follows each other in bytes adds up.
        joined = (b"".join(filter(None, column)) for column in zip(*parts, strict=True))
        found.of_bucket[bucket].histogram = Histogram.net(*joined)
    return found


def read_buckets(
    selection: Selection, buckets: Iterable[tuple[int, Bucket]]
) -> dict[int, Measures]:
    """The measures of numbered stretches of time, with histograms."""
    return read_figures(selection, buckets, (), 0).of_bucket


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
) -> list[tuple[Any, ...]]:
    """Keys, bucket, and what measures begin with."""
    by = ", ".join(keys)
    statement = f"""
    WITH {sources_of(selection)}, part AS (
        {parts_of(selection, family, keys, histograms=False)}
    )
    SELECT {by}, bucket, {NET_SUMS} FROM part GROUP BY {by}, bucket
    """
    with connection.cursor() as cursor:
        cursor.execute(statement, piece_parameters(selection, list(buckets)))
        return list(cursor.fetchall())


def read_histograms(
    selection: Selection, buckets: Iterable[tuple[int, Bucket]]
) -> dict[tuple[UUID, str], Histogram]:
    """The durations of each workflow over all of the stretches."""
    statement = f"""
    WITH {sources_of(selection)}, part AS ({parts_of(selection, "workflow", OF_WORKFLOW)})
    SELECT environment_id, workflow_id, {NET_SENT} FROM part GROUP BY environment_id, workflow_id
    """
    with connection.cursor() as cursor:
        cursor.execute(statement, piece_parameters(selection, list(buckets)))
        return {
            (environment_id, workflow_id): Histogram.net(*sent)
            for environment_id, workflow_id, *sent in cursor.fetchall()
        }


def sources_of(selection: Selection) -> str:
    return f"{PIECES}, {DIRTY.format(environments=selection.conditions('environments'))}"


def parts_of(
    selection: Selection,
    family: str,
    by: tuple[str, ...] = (),
    *,
    histograms: bool = True,
    few_rims: bool = False,
    only: str = "",
) -> str:
    """Everything that adds up to the pieces, from each place where it may stand."""
    conditions = f"{selection.conditions()} {only}"
    keys = "".join(f"{name}, " for name in by)
    grouped = f"GROUP BY {', '.join(by)}" if by else ""
    rim = ROWS.format(within=ROWS_IN_PIECE, conditions=conditions)
    marked = ROWS.format(within=ROWS_OF_MARK, conditions=conditions)
    if histograms:
        stored = {"columns": f"{keys}{SUMMED}, bins, bin_counts", "grouped": ""}
        of_rim = of_mark = f"{keys}{SUMS_OF_BINS}, {HISTOGRAM}"
        in_bins = f"(SELECT {keys}{ROWS_IN_BINS} FROM {{rows}} GROUP BY {keys}bin) AS by_bin"
        marked = in_bins.format(rows=marked)
        if few_rims:
            of_rim = f"{keys}{SUMS_OF_ROWS}, {BINS_OF_ROWS}"
        else:
            rim = in_bins.format(rows=rim)
    else:
        # Within a piece, so that its many days and hours are neither kept nor sorted.
        stored = {"columns": f"{keys}{SUMS_OF_BINS}, {LATEST}", "grouped": grouped}
        of_rim = of_mark = f"{keys}{SUMS_OF_ROWS}, {LATEST_OF_ROWS}"
    stored["conditions"] = conditions
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
                pieces="piece", grain="p.grain = 'rows'", columns=of_rim, rows=rim, grouped=grouped
            ),
            COUNTED.format(
                pieces="dirty", grain="true", columns=of_mark, rows=marked, grouped=grouped
            ),
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
