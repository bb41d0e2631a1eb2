DO $$
DECLARE
    owned text;
BEGIN
    FOREACH owned IN ARRAY ARRAY[
        'executions_environment', 'executions_workflow', 'executions',
        'executions_syncstate', 'executions_syncrun', 'executions_coverage',
        'executions_missingid', 'executions_dirtyhour'
    ] LOOP
        -- Every key holds the tenant, so that the tables can be distributed by it. The id comes
        -- first, so that the same index serves look-ups by id alone.
        EXECUTE format('ALTER TABLE %1$I DROP CONSTRAINT %2$I, ADD PRIMARY KEY (id, tenant_id)',
                       owned, owned || '_pkey');
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', owned);
        EXECUTE format($policy$
            CREATE POLICY of_tenant ON %I
            USING (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid)
        $policy$, owned);
        EXECUTE format(
            'CREATE POLICY of_operator ON %I TO observatory_operator USING (true)', owned);
    END LOOP;
    -- Executions have no such key: it would cost a look-up a row, and they are deleted in slices.
    FOREACH owned IN ARRAY ARRAY[
        'executions_workflow', 'executions_syncstate', 'executions_syncrun',
        'executions_coverage', 'executions_missingid'
    ] LOOP
        EXECUTE format($key$
            ALTER TABLE %1$I ADD CONSTRAINT %2$I FOREIGN KEY (environment_id, tenant_id)
            REFERENCES executions_environment (id, tenant_id) ON DELETE CASCADE
        $key$, owned, owned || '_environment_fk');
    END LOOP;
END
$$;
