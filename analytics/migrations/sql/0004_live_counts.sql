ALTER TABLE analytics_livecounts ENABLE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON analytics_livecounts
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid);
CREATE POLICY of_operator ON analytics_livecounts TO observatory_operator USING (true);
ALTER TABLE analytics_livecounts ADD CONSTRAINT analytics_livecounts_tenant_fk
    FOREIGN KEY (tenant_id) REFERENCES tenants_tenant (id) ON DELETE CASCADE;
