"""Plain SQL over executions, written by hand: what the API's figures are held against."""

STATUSES = ("success", "error", "running", "waiting", "canceled", "unknown")

# What a filter of the API means; a filter that is not given is null.
WHERE = """
    e.tenant_id = %(tenant)s
    AND (%(environment)s::uuid IS NULL OR e.environment_id = %(environment)s::uuid)
    AND (%(workflow)s::text IS NULL OR e.workflow_id = %(workflow)s)
    AND (%(mode)s::text IS NULL OR e.mode = %(mode)s)
    AND (%(tag)s::text IS NULL OR EXISTS (
        SELECT 1 FROM executions_workflow w
        WHERE w.tenant_id = e.tenant_id AND w.environment_id = e.environment_id
          AND w.workflow_id = e.workflow_id AND %(tag)s = ANY (w.tags)))
"""
IN_TIME = "e.occurred_at >= %(start)s::timestamptz AND e.occurred_at < %(end)s::timestamptz"
COUNTS = """
    count(*) AS total_executions,
    count(*) FILTER (WHERE normalized_status = 'success') AS success_count,
    count(*) FILTER (WHERE normalized_status = 'error') AS failure_count
"""
FIGURES = f"""
SELECT {{keys}} {COUNTS},
    count(*) FILTER (WHERE normalized_status = 'success') AS success,
    count(*) FILTER (WHERE normalized_status = 'error') AS error,
    count(*) FILTER (WHERE normalized_status = 'running') AS running,
    count(*) FILTER (WHERE normalized_status = 'waiting') AS waiting,
    count(*) FILTER (WHERE normalized_status = 'canceled') AS canceled,
    count(*) FILTER (WHERE normalized_status = 'unknown') AS unknown,
    avg(execution_time) AS average,
    percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY execution_time) AS shares
FROM executions e WHERE {WHERE} AND {IN_TIME} {{grouped}}
"""
COURSE = f"""
SELECT p.number, count(e.id) AS total_executions,
    count(e.id) FILTER (WHERE normalized_status = 'success') AS success_count,
    count(e.id) FILTER (WHERE normalized_status = 'error') AS failure_count
FROM unnest(%(starts)s::timestamptz[], %(ends)s::timestamptz[])
    WITH ORDINALITY AS p (start_at, end_at, number)
LEFT JOIN (SELECT * FROM executions e WHERE {WHERE} AND {IN_TIME}) AS e
    ON e.occurred_at >= p.start_at AND e.occurred_at < p.end_at
GROUP BY p.number ORDER BY p.number
"""
LAST_RUNS = """
SELECT environment_id, workflow_id, max(occurred_at) AS last_run_at,
    max(occurred_at) FILTER (WHERE normalized_status = 'error') AS last_failure_at
FROM executions WHERE tenant_id = %(tenant)s GROUP BY environment_id, workflow_id
"""
# Classes that are equally frequent among the twenty newest failures are all right.
MAIN_CLASSES = f"""
WITH failure AS (
    SELECT environment_id, workflow_id, error_class, row_number() OVER (
        PARTITION BY environment_id, workflow_id ORDER BY occurred_at DESC) AS place
    FROM executions e WHERE {WHERE} AND {IN_TIME} AND normalized_status = 'error'
), counted AS (
    SELECT environment_id, workflow_id, error_class, count(*) AS n
    FROM failure WHERE place <= 20 GROUP BY environment_id, workflow_id, error_class
)
SELECT environment_id, workflow_id, array_agg(error_class ORDER BY error_class) AS classes
FROM counted c
WHERE n = (SELECT max(n) FROM counted o
           WHERE o.environment_id = c.environment_id AND o.workflow_id = c.workflow_id)
GROUP BY environment_id, workflow_id
"""
WORKFLOWS_OF = """
SELECT environment_id, count(*) AS every, count(*) FILTER (WHERE is_active) AS active
FROM executions_workflow
WHERE tenant_id = %(tenant)s AND gone_at IS NULL AND NOT is_archived GROUP BY environment_id
"""
# What to filter by: each environment, the two busiest workflows, two tags, every mode.
FILTERED = """
SELECT 'environment' AS kind, id::text AS value FROM executions_environment
WHERE tenant_id = %(tenant)s
UNION ALL (SELECT 'workflow', workflow_id FROM executions WHERE tenant_id = %(tenant)s
    GROUP BY workflow_id ORDER BY count(*) DESC, workflow_id LIMIT 2)
UNION ALL (SELECT DISTINCT 'tag', tag FROM executions_workflow, unnest(tags) AS tag
    WHERE tenant_id = %(tenant)s ORDER BY tag LIMIT 2)
UNION ALL SELECT DISTINCT 'mode', mode FROM executions WHERE tenant_id = %(tenant)s
"""
# All of time, and durations of the thirty days up to the last run that was timed.
STORED = """
WITH latest AS (
    SELECT environment_id, workflow_id,
        date_trunc('day', max(occurred_at) FILTER (WHERE execution_time IS NOT NULL), 'UTC')
            - interval '29 days' AS since
    FROM executions WHERE tenant_id = %(tenant)s GROUP BY environment_id, workflow_id
)
SELECT e.environment_id, e.workflow_id, count(*) AS total_count,
    count(*) FILTER (WHERE normalized_status = 'success') AS success_count,
    count(*) FILTER (WHERE normalized_status = 'error') AS failure_count,
    max(occurred_at) AS last_execution_at,
    max(occurred_at) FILTER (WHERE normalized_status = 'error') AS last_failure_at,
    avg(execution_time) FILTER (WHERE occurred_at >= since) AS average,
    percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY execution_time)
        FILTER (WHERE occurred_at >= since) AS shares
FROM executions e JOIN latest USING (environment_id, workflow_id)
WHERE e.tenant_id = %(tenant)s GROUP BY e.environment_id, e.workflow_id
"""
STUCK = """
SELECT 'not_started' AS kind, count(*) AS runs FROM executions
WHERE tenant_id = %(tenant)s AND recheck_at IS NOT NULL AND gone_at IS NULL
  AND normalized_status = 'running' AND (status = 'new' OR started_at IS NULL)
  AND occurred_at < %(now)s - interval '5 minutes'
UNION ALL SELECT 'overdue', count(*) FROM executions
WHERE tenant_id = %(tenant)s AND recheck_at IS NOT NULL AND gone_at IS NULL
  AND normalized_status = 'waiting' AND wait_till < %(now)s - interval '5 minutes'
"""
# Report: (days that it goes back, its figures, the same from the executions).
REPORTS = {
    "execution_counts_by_workflow": (
        399,
        """SELECT environment_id, workflow_id, day, total_count, success_count, failure_count
        FROM reports.execution_counts_by_workflow WHERE day >= %(since)s::date""",
        f"""SELECT environment_id, workflow_id, (occurred_at AT TIME ZONE 'UTC')::date, {COUNTS}
        FROM executions WHERE tenant_id = %(tenant)s AND occurred_at >= %(since)s
        GROUP BY 1, 2, 3""",
    ),
    "execution_counts_by_environment": (
        3650,
        """SELECT environment_id, day, total_count, success_count, failure_count
        FROM reports.execution_counts_by_environment WHERE day >= %(since)s::date""",
        f"""SELECT environment_id, (occurred_at AT TIME ZONE 'UTC')::date, {COUNTS}
        FROM executions WHERE tenant_id = %(tenant)s AND occurred_at >= %(since)s
        GROUP BY 1, 2""",
    ),
    "error_summary": (
        30,
        """SELECT environment_id, day, error_class, fingerprint, failure_count
        FROM reports.error_summary WHERE day >= %(since)s::date""",
        """SELECT environment_id, (occurred_at AT TIME ZONE 'UTC')::date, error_class, fingerprint,
            count(*)
        FROM executions
        WHERE tenant_id = %(tenant)s AND occurred_at >= %(since)s AND normalized_status = 'error'
        GROUP BY 1, 2, 3, 4""",
    ),
}
# Rows of the report that are the executions', and of both all there are.
OVERLAP = """
WITH report AS ({report}), counted AS ({counted})
SELECT (SELECT count(*) FROM report) AS reported, (SELECT count(*) FROM counted) AS counted,
    (SELECT count(*) FROM (TABLE report INTERSECT TABLE counted) AS equal) AS equal
"""
