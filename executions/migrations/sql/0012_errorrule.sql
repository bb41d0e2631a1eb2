ALTER TABLE executions_errorrule
    DROP CONSTRAINT executions_errorrule_pkey, ADD PRIMARY KEY (id, tenant_id);
ALTER TABLE executions_errorrule ENABLE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON executions_errorrule
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid);
CREATE POLICY of_operator ON executions_errorrule TO observatory_operator USING (true);
