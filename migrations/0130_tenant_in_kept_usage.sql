-- Up Migration
-- Rows of kept usage are looked up by their tenant as well: with no index but the primary key a row of another tenant was
-- found before it was known whose it is. A row for each day, agent and version: small.
create index kept_usage_tenant_id_idx on howdah.kept_usage (tenant_id, id);
create index kept_steps_tenant_id_idx on howdah.kept_steps (tenant_id, id);

-- Down Migration
drop index howdah.kept_usage_tenant_id_idx, howdah.kept_steps_tenant_id_idx;
