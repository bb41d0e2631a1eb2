"""The questions of the benches as one SQL each on the rows, for every engine (pure)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from analytics.periods import Bucket


@dataclass(frozen=True, slots=True)
class Dialect:
    """How an engine writes what the standard leaves open."""

    runs: str
    literal: Callable[[datetime], str]
    bucket: Callable[[timedelta], str]
    quantiles: str


def milliseconds(moment: datetime) -> str:
    return str((moment - datetime.fromtimestamp(0, UTC)) // timedelta(milliseconds=1))


def postgresql(tenant_id: UUID) -> Dialect:
    return Dialect(
        runs=f"""(
            SELECT occurred_at AS moment, environment_id AS environment, workflow_id AS workflow,
                normalized_status AS status, execution_time AS duration, fingerprint,
                error_message AS message
            FROM executions WHERE tenant_id = '{tenant_id}'
        ) AS runs""",
        literal=lambda moment: f"'{moment.isoformat()}'::timestamptz",
        bucket=lambda step: f"date_bin('{step.total_seconds()} s', moment, 'epoch'::timestamptz)",
        quantiles="percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY duration)",
    )


DUCKDB = Dialect(
    runs="runs",
    literal=milliseconds,
    bucket=lambda step: f"moment // {step // timedelta(milliseconds=1)}",
    quantiles="quantile_cont(duration, [0.5, 0.95, 0.99])",
)
CHDB = Dialect(
    runs="runs",
    literal=milliseconds,
    bucket=lambda step: f"intDiv(moment, {step // timedelta(milliseconds=1)})",
    quantiles="quantilesExactInclusive(0.5, 0.95, 0.99)(duration)",
)

SUMS = """count(*) AS total,
    sum(CASE WHEN status = 'success' THEN 1 ELSE 0 END) AS success,
    sum(CASE WHEN status = 'error' THEN 1 ELSE 0 END) AS error,
    avg(duration) AS average"""


def kpis(dialect: Dialect, span: Bucket, previous: Bucket, step: timedelta) -> str:
    """Figures of a period and the one before, and of each bucket."""
    literal = dialect.literal
    return f"""
    SELECT is_current, bucket, {SUMS}, {dialect.quantiles} AS shares
    FROM (
        SELECT moment >= {literal(span.start)} AS is_current, {dialect.bucket(step)} AS bucket,
            status, duration
        FROM {dialect.runs}
        WHERE moment >= {literal(previous.start)} AND moment < {literal(span.end)}
    ) AS seen
    GROUP BY GROUPING SETS ((is_current), (is_current, bucket))
    """


def workflows(dialect: Dialect, span: Bucket, previous: Bucket) -> str:
    """Figures of each workflow, of a period and the one before."""
    literal = dialect.literal
    return f"""
    SELECT is_current, environment, workflow, {SUMS}, {dialect.quantiles} AS shares,
        max(moment) AS last_at, max(CASE WHEN status = 'error' THEN moment END) AS last_error_at
    FROM (
        SELECT moment >= {literal(span.start)} AS is_current, moment, environment, workflow, status,
            duration
        FROM {dialect.runs}
        WHERE moment >= {literal(previous.start)} AND moment < {literal(span.end)}
    ) AS seen
    GROUP BY is_current, environment, workflow
    """


def errors(dialect: Dialect, span: Bucket, *, by: str = "fingerprint") -> str:
    """The most frequent errors of a period."""
    literal = dialect.literal
    return f"""
    SELECT {by}, sum(runs) AS failures, count(*) AS workflows, max(last_at) AS last_at
    FROM (
        SELECT {by}, workflow, count(*) AS runs, max(moment) AS last_at FROM {dialect.runs}
        WHERE status = 'error' AND moment >= {literal(span.start)} AND moment < {literal(span.end)}
        GROUP BY {by}, workflow
    ) AS of_workflow
    GROUP BY {by} ORDER BY failures DESC LIMIT 50
    """
