-- Every key of a tenant-owned table holds the tenant, so that the tables can be distributed by it.
ALTER TABLE tenants_membership DROP CONSTRAINT tenants_membership_pkey, ADD PRIMARY KEY (id, tenant_id);
ALTER TABLE tenants_apitoken DROP CONSTRAINT tenants_apitoken_pkey, ADD PRIMARY KEY (id, tenant_id);
ALTER TABLE tenants_auditentry DROP CONSTRAINT tenants_auditentry_pkey, ADD PRIMARY KEY (id, tenant_id);

-- After a transaction that set it, a setting is '' on that connection and not null.
ALTER TABLE tenants_membership ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenants_apitoken ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenants_auditentry ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenants_tenant ENABLE ROW LEVEL SECURITY;

CREATE POLICY of_tenant ON tenants_membership
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid);
CREATE POLICY of_tenant ON tenants_apitoken
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid);
CREATE POLICY of_tenant ON tenants_auditentry
    USING (tenant_id = nullif(current_setting('app.tenant', true), '')::uuid);
CREATE POLICY of_tenant ON tenants_tenant
    USING (id = nullif(current_setting('app.tenant', true), '')::uuid);

-- Before a tenant is chosen, a person may read where he or she is a member.
CREATE POLICY of_user ON tenants_membership FOR SELECT
    USING (user_id = nullif(current_setting('app.user', true), '')::bigint);
CREATE POLICY of_user ON tenants_tenant FOR SELECT
    USING (id IN (
        SELECT tenant_id FROM tenants_membership
        WHERE user_id = nullif(current_setting('app.user', true), '')::bigint));

CREATE POLICY of_operator ON tenants_membership TO observatory_operator USING (true);
CREATE POLICY of_operator ON tenants_apitoken TO observatory_operator USING (true);
CREATE POLICY of_operator ON tenants_auditentry TO observatory_operator USING (true);
CREATE POLICY of_operator ON tenants_tenant TO observatory_operator USING (true);
