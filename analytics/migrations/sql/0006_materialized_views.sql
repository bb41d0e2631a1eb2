-- What BI tools read: days (UTC) of the rollups, and failures by cause. A materialized view knows
-- no row-level security, so nobody is granted these; the views in the schema "reports" stand in
-- front of them and show each reader its own tenants.

-- Of 400 days, so that each month can be held against that of the year before and a refresh costs
-- the same however long the history is.
CREATE MATERIALIZED VIEW mv_execution_counts_by_workflow AS
SELECT tenant_id, (begins_at AT TIME ZONE 'UTC')::date AS day, environment_id, workflow_id,
    sum(success + error + running + waiting + canceled + unknown)::bigint AS total_count,
    sum(success)::bigint AS success_count,
    sum(error)::bigint AS failure_count,
    sum(timed)::bigint AS timed_count,
    sum(duration_sum)::bigint AS duration_sum,
    max(duration_max) AS duration_max,
    max(last_at) AS last_execution_at,
    max(last_error_at) AS last_failure_at
FROM analytics_workflowday
WHERE begins_at >= now() - interval '400 days'
GROUP BY tenant_id, begins_at, environment_id, workflow_id;
CREATE UNIQUE INDEX mv_execution_counts_by_workflow_key
    ON mv_execution_counts_by_workflow (tenant_id, day, environment_id, workflow_id);

CREATE MATERIALIZED VIEW mv_execution_counts_by_environment AS
SELECT tenant_id, (begins_at AT TIME ZONE 'UTC')::date AS day, environment_id,
    success::bigint + error + running + waiting + canceled + unknown AS total_count,
    success::bigint AS success_count,
    error::bigint AS failure_count,
    running::bigint AS running_count,
    waiting::bigint AS waiting_count,
    canceled::bigint AS canceled_count,
    unknown::bigint AS unknown_count,
    timed::bigint AS timed_count,
    duration_sum,
    duration_max,
    last_at AS last_execution_at,
    last_error_at AS last_failure_at
FROM analytics_environmentday;
CREATE UNIQUE INDEX mv_execution_counts_by_environment_key
    ON mv_execution_counts_by_environment (tenant_id, day, environment_id);

-- From the failures of 30 days: no rollup holds causes. One short range of the index of what was
-- not successful for each tenant, so it costs what failed in that time and not what ran. Where a
-- reason is not known yet, class and fingerprint are empty, so the sums are those of all failures.
CREATE MATERIALIZED VIEW mv_error_summary AS
SELECT t.id AS tenant_id, f.*
FROM tenants_tenant t CROSS JOIN LATERAL (
    SELECT (e.occurred_at AT TIME ZONE 'UTC')::date AS day, e.environment_id, e.error_class,
        e.fingerprint, count(*) AS failure_count,
        count(DISTINCT e.workflow_id) AS workflow_count,
        left(max(e.error_template), 500) AS error_template,
        min(e.occurred_at) AS first_failure_at,
        max(e.occurred_at) AS last_failure_at
    FROM executions e
    WHERE e.tenant_id = t.id AND e.normalized_status = 'error'
      AND e.occurred_at >= date_trunc('day', now() - interval '30 days', 'UTC')
    GROUP BY 1, 2, 3, 4
) AS f;
CREATE UNIQUE INDEX mv_error_summary_key
    ON mv_error_summary (tenant_id, day, environment_id, error_class, fingerprint);

REVOKE ALL ON mv_execution_counts_by_workflow, mv_execution_counts_by_environment,
    mv_error_summary FROM PUBLIC, observatory_app;

-- They are filled from here on.
INSERT INTO analytics_viewstate (name, started_at, succeeded_at, row_count, error)
SELECT name, now(), now(), counted, '' FROM (VALUES
    ('mv_execution_counts_by_workflow', (SELECT count(*) FROM mv_execution_counts_by_workflow)),
    ('mv_execution_counts_by_environment', (SELECT count(*) FROM mv_execution_counts_by_environment)),
    ('mv_error_summary', (SELECT count(*) FROM mv_error_summary))
) AS filled (name, counted);

CREATE SCHEMA reports;
GRANT USAGE ON SCHEMA reports TO observatory_app, observatory_reader;

-- Which tenants a login of a BI tool reads. A session can set app.tenant to anything, so only the
-- application is believed what it says there; every other login is bound by this table.
CREATE TABLE reports.reader (
    login name NOT NULL,
    tenant_id uuid NOT NULL,
    PRIMARY KEY (login, tenant_id)
);

CREATE FUNCTION reports.readable_tenants() RETURNS uuid[]
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE
        WHEN pg_has_role(session_user, 'observatory_app', 'MEMBER')
        THEN ARRAY[nullif(current_setting('app.tenant', true), '')::uuid]
        ELSE ARRAY(SELECT tenant_id FROM reports.reader WHERE login = session_user)
    END
$$;
REVOKE ALL ON FUNCTION reports.readable_tenants() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION reports.readable_tenants() TO observatory_app, observatory_reader;

CREATE VIEW reports.execution_counts_by_workflow WITH (security_barrier) AS
SELECT c.*, e.name AS environment_name, w.name AS workflow_name
FROM mv_execution_counts_by_workflow c
JOIN executions_environment e ON e.id = c.environment_id AND e.tenant_id = c.tenant_id
LEFT JOIN executions_workflow w ON w.tenant_id = c.tenant_id
    AND w.environment_id = c.environment_id AND w.workflow_id = c.workflow_id
WHERE c.tenant_id = ANY (reports.readable_tenants());

CREATE VIEW reports.execution_counts_by_environment WITH (security_barrier) AS
SELECT c.*, e.name AS environment_name
FROM mv_execution_counts_by_environment c
JOIN executions_environment e ON e.id = c.environment_id AND e.tenant_id = c.tenant_id
WHERE c.tenant_id = ANY (reports.readable_tenants());

CREATE VIEW reports.error_summary WITH (security_barrier) AS
SELECT c.*, e.name AS environment_name
FROM mv_error_summary c
JOIN executions_environment e ON e.id = c.environment_id AND e.tenant_id = c.tenant_id
WHERE c.tenant_id = ANY (reports.readable_tenants());

GRANT SELECT ON reports.execution_counts_by_workflow, reports.execution_counts_by_environment,
    reports.error_summary TO observatory_app, observatory_reader;

-- Only a view's owner may refresh it, and MAINTAIN can be granted from PostgreSQL 17 on: a
-- function with the owner's rights serves 16 as well. It answers the number of rows.
CREATE FUNCTION reports.refresh(view_name text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    view_rows bigint;
BEGIN
    IF view_name NOT IN ('mv_execution_counts_by_workflow', 'mv_execution_counts_by_environment',
                         'mv_error_summary') THEN
        RAISE EXCEPTION '% is none of the materialized views', view_name;
    END IF;
    EXECUTE format('REFRESH MATERIALIZED VIEW CONCURRENTLY public.%I', view_name);
    EXECUTE format('SELECT count(*) FROM public.%I', view_name) INTO view_rows;
    RETURN view_rows;
END
$$;
REVOKE ALL ON FUNCTION reports.refresh(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION reports.refresh(text) TO observatory_operator;
