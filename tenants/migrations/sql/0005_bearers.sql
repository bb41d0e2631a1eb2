-- Before a tenant is known, whoever holds a token may read that token and the tenant it is for.
-- Its digest is the proof, as the user's number is that of a session (0002).
CREATE POLICY of_bearer ON tenants_apitoken FOR SELECT
    USING (digest = nullif(current_setting('app.token', true), ''));
CREATE POLICY of_bearer ON tenants_tenant FOR SELECT
    USING (id IN (
        SELECT tenant_id FROM tenants_apitoken
        WHERE digest = nullif(current_setting('app.token', true), '')));
