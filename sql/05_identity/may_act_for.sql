-- Returns whether the caller may act for a given tenant. A function that takes an id looks for the
-- id and the tenant of the caller (`where id = … and tenant_id = v_tenant_id`), so that a row of
-- another tenant is reported as missing. Only for an operator, who acts for all tenants, the tenant
-- is read from the row.
create or replace function howdah_private.can_act_for(tenant_id uuid) returns boolean
  language sql stable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(can_act_for.tenant_id = howdah.current_tenant(), false)
    or howdah_private.is_operator()
$$;
