DO $$
DECLARE
    owned text;
BEGIN
    FOREACH owned IN ARRAY ARRAY['executions_savedview', 'executions_defaultview'] LOOP
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
END
$$;
ALTER TABLE executions_defaultview ADD CONSTRAINT executions_defaultview_view_fk
    FOREIGN KEY (view_id, tenant_id) REFERENCES executions_savedview (id, tenant_id)
    ON DELETE CASCADE;
