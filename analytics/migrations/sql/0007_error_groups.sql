DO $$
DECLARE
    owned text;
BEGIN
    FOREACH owned IN ARRAY ARRAY[
        'analytics_errorhour', 'analytics_errorday', 'analytics_errorgroup',
        'analytics_groupalias', 'analytics_groupevent', 'analytics_regrouping'
    ] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', owned);
        EXECUTE format($policy$
            CREATE POLICY of_tenant ON %I
            USING (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid)
        $policy$, owned);
        EXECUTE format(
            'CREATE POLICY of_operator ON %I TO observatory_operator USING (true)', owned);
    END LOOP;
    FOREACH owned IN ARRAY ARRAY['analytics_errorhour', 'analytics_errorday'] LOOP
        EXECUTE format($key$
            ALTER TABLE %1$I ADD CONSTRAINT %2$I FOREIGN KEY (environment_id, tenant_id)
            REFERENCES executions_environment (id, tenant_id) ON DELETE CASCADE
        $key$, owned, owned || '_environment_fk');
    END LOOP;
    FOREACH owned IN ARRAY ARRAY[
        'analytics_errorgroup', 'analytics_groupalias', 'analytics_groupevent'
    ] LOOP
        EXECUTE format('ALTER TABLE %1$I DROP CONSTRAINT %2$I, ADD PRIMARY KEY (id, tenant_id)',
                       owned, owned || '_pkey');
    END LOOP;
    FOREACH owned IN ARRAY ARRAY['analytics_groupalias', 'analytics_groupevent'] LOOP
        EXECUTE format($key$
            ALTER TABLE %1$I ADD CONSTRAINT %2$I FOREIGN KEY (group_id, tenant_id)
            REFERENCES analytics_errorgroup (id, tenant_id) ON DELETE CASCADE
        $key$, owned, owned || '_group_fk');
    END LOOP;
    ALTER TABLE analytics_regrouping ADD CONSTRAINT analytics_regrouping_tenant_fk
        FOREIGN KEY (tenant_id) REFERENCES tenants_tenant (id) ON DELETE CASCADE;
END
$$;
-- Failures that were copied before are added up by the refresher, newest hours first.
INSERT INTO executions_dirtyhour (tenant_id, environment_id, hour)
SELECT h.tenant_id, h.environment_id, h.begins_at
FROM analytics_environmenthour h
LEFT JOIN analytics_rollupstate s USING (tenant_id, environment_id)
WHERE h.error + h.canceled > 0 AND (s.purged_before IS NULL OR h.begins_at >= s.purged_before);
