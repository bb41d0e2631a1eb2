DO $$
DECLARE
    owned text;
BEGIN
    FOREACH owned IN ARRAY ARRAY['executions_pushtoken', 'executions_runspan'] LOOP
        EXECUTE format('ALTER TABLE %1$I DROP CONSTRAINT %2$I, ADD PRIMARY KEY (id, tenant_id)',
                       owned, owned || '_pkey');
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', owned);
        EXECUTE format($policy$
            CREATE POLICY of_tenant ON %I
            USING (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid)
        $policy$, owned);
        EXECUTE format(
            'CREATE POLICY of_operator ON %I TO observatory_operator USING (true)', owned);
        EXECUTE format($key$
            ALTER TABLE %1$I ADD CONSTRAINT %2$I FOREIGN KEY (environment_id, tenant_id)
            REFERENCES executions_environment (id, tenant_id) ON DELETE CASCADE
        $key$, owned, owned || '_environment_fk');
    END LOOP;
END
$$;
