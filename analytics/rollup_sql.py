"""How each rollup is added up from the one below it: one statement a table.

Hours of workflows come from the rows, all else from those hours, so every table says the same.
Each statement replaces what stands for the environment and the moments in ``%(moments)s``.
"""

from analytics.histograms import BIN_SQL

STATUSES = ("success", "error", "running", "waiting", "canceled", "unknown")
SUMS = (*STATUSES, "timed", "duration_sum")
MEASURES = (*SUMS, "duration_max", "bins", "bin_counts", "last_at", "last_error_at")

COUNTS_OF_ROWS = ",\n        ".join(
    f"count(*) FILTER (WHERE normalized_status = '{status}') AS {status}" for status in STATUSES
)
# Of the counts of a bin within the group; a row without a duration has none.
HISTOGRAM = """
    coalesce(array_agg(bin ORDER BY bin) FILTER (WHERE bin IS NOT NULL), '{}') AS bins,
    coalesce(array_agg(in_bin ORDER BY bin) FILTER (WHERE bin IS NOT NULL), '{}') AS bin_counts
"""
SUMS_OF_ROWS = f"""
    {COUNTS_OF_ROWS},
    count(execution_time) AS timed, coalesce(sum(execution_time), 0)::bigint AS duration_sum
"""
LATEST_OF_ROWS = """
    max(occurred_at) AS last_at,
    max(occurred_at) FILTER (WHERE normalized_status = 'error') AS last_error_at
"""
ROWS_IN_BINS = f"""
    ({BIN_SQL})::smallint AS bin, count(*)::integer AS in_bin,
    {SUMS_OF_ROWS}, max(execution_time) AS duration_max, {LATEST_OF_ROWS}
"""
# Each row in its bin, one by one: where they are few, sorting them into bins costs more.
BINS_OF_ROWS = f"""
    array_agg(({BIN_SQL})::smallint) FILTER (WHERE execution_time IS NOT NULL) AS bins,
    array_fill(1, ARRAY[count(execution_time)::integer]) AS bin_counts
"""
SUMS_OF_BINS = ", ".join(f"sum({name})::bigint AS {name}" for name in SUMS)
OVER_BINS = f"""
    {SUMS_OF_BINS}, max(duration_max) AS duration_max, {HISTOGRAM},
    max(last_at) AS last_at, max(last_error_at) AS last_error_at
"""

WORKFLOW_HOURS = f"""
INSERT INTO analytics_workflowhour
    (tenant_id, environment_id, begins_at, workflow_id, mode, {", ".join(MEASURES)})
SELECT %(tenant)s, %(environment)s, moment, workflow_id, mode,
    {OVER_BINS}
FROM unnest(%(moments)s::timestamptz[]) AS hours (moment)
CROSS JOIN LATERAL (
    SELECT workflow_id, mode, {ROWS_IN_BINS}
    FROM executions
    WHERE tenant_id = %(tenant)s AND environment_id = %(environment)s
      AND occurred_at >= moment AND occurred_at < moment + interval '1 hour'
    GROUP BY workflow_id, mode, bin
) AS by_bin
GROUP BY moment, workflow_id, mode
"""


def _merged(into: str, source: str, moment: str, keys: tuple[str, ...]) -> str:
    """A statement that adds rows of one rollup up into another."""
    names = ("tenant_id", "environment_id", "begins_at", *keys)
    by = ", ".join(("moment", *keys))
    within = """begins_at >= (SELECT min(m) FROM unnest(%(moments)s::timestamptz[]) AS m)
          AND begins_at < (SELECT max(m) FROM unnest(%(moments)s::timestamptz[]) AS m)
              + interval '1 day'"""
    # One pass: a join of sums with histograms would be planned without statistics of either.
    return f"""
WITH source AS (
    SELECT {moment} AS moment, r.* FROM {source} r
    WHERE tenant_id = %(tenant)s AND environment_id = %(environment)s
      AND {within}
      AND {moment} = ANY (%(moments)s::timestamptz[])
), part AS (
    SELECT {by}, NULL::smallint AS bin, 0 AS in_bin, {", ".join(SUMS)},
        duration_max, last_at, last_error_at
    FROM source
    UNION ALL
    SELECT {by}, of_bin.bin, of_bin.n, {", ".join("0" for _ in SUMS)}, NULL, NULL, NULL
    FROM source CROSS JOIN LATERAL unnest(bins, bin_counts) AS of_bin (bin, n)
), by_bin AS (
    SELECT {by}, bin, sum(in_bin)::integer AS in_bin, {SUMS_OF_BINS},
        max(duration_max) AS duration_max, max(last_at) AS last_at,
        max(last_error_at) AS last_error_at
    FROM part GROUP BY {by}, bin
)
INSERT INTO {into} ({", ".join((*names, *MEASURES))})
SELECT %(tenant)s, %(environment)s, {by}, {OVER_BINS}
FROM by_bin GROUP BY {by}
"""


OF_WORKFLOW = ("workflow_id", "mode")
DAY_OF_HOUR = "date_trunc('day', begins_at, 'UTC')"
ENVIRONMENT_HOURS = _merged("analytics_environmenthour", "analytics_workflowhour", "begins_at", ())
ENVIRONMENT_DAYS = _merged("analytics_environmentday", "analytics_environmenthour", DAY_OF_HOUR, ())
WORKFLOW_DAYS = _merged("analytics_workflowday", "analytics_workflowhour", DAY_OF_HOUR, OF_WORKFLOW)

# What is a failure: whatever has a group. The status is named for the index that it gives.
IS_FAILURE = "normalized_status <> 'success' AND fingerprint <> ''"
OF_ERRORS = "fingerprint, workflow_id, mode"
INTO_ERRORS = """
INSERT INTO analytics_error{grain}
    (tenant_id, environment_id, begins_at, fingerprint, workflow_id, mode,
     failures, first_at, last_at)"""
ERROR_HOURS = f"""
{INTO_ERRORS.format(grain="hour")}
SELECT %(tenant)s, %(environment)s, moment, {OF_ERRORS}, failures, first_at, last_at
FROM unnest(%(moments)s::timestamptz[]) AS hours (moment)
CROSS JOIN LATERAL (
    SELECT {OF_ERRORS}, count(*) AS failures,
        min(occurred_at) AS first_at, max(occurred_at) AS last_at
    FROM executions
    WHERE tenant_id = %(tenant)s AND environment_id = %(environment)s AND {IS_FAILURE}
      AND occurred_at >= moment AND occurred_at < moment + interval '1 hour'
    GROUP BY {OF_ERRORS}
) AS counted
"""
ERROR_DAYS = f"""
{INTO_ERRORS.format(grain="day")}
SELECT %(tenant)s, %(environment)s, moment, {OF_ERRORS},
    sum(failures), min(first_at), max(last_at)
FROM unnest(%(moments)s::timestamptz[]) AS days (moment)
JOIN analytics_errorhour ON begins_at >= moment AND begins_at < moment + interval '1 day'
WHERE tenant_id = %(tenant)s AND environment_id = %(environment)s
GROUP BY moment, {OF_ERRORS}
"""

# Table, the statement that fills it; hours first, since days are made of them.
HOURS = (
    ("analytics_workflowhour", WORKFLOW_HOURS),
    ("analytics_environmenthour", ENVIRONMENT_HOURS),
    ("analytics_errorhour", ERROR_HOURS),
)
DAYS = (
    ("analytics_environmentday", ENVIRONMENT_DAYS),
    ("analytics_workflowday", WORKFLOW_DAYS),
    ("analytics_errorday", ERROR_DAYS),
)


def clear(table: str) -> str:
    """The statement that makes room in a table of ours."""
    return f"""
    DELETE FROM {table}
    WHERE tenant_id = %(tenant)s AND environment_id = %(environment)s
      AND begins_at = ANY (%(moments)s::timestamptz[])
    """
