-- Whether the caller may act for a tenant that he names. A function that takes an id asks otherwise: it knows the tenant
-- before it looks, and looks for both (`where id = … and tenant_id = v_tenant_id`), so that another tenant's row is "not
-- found" and takes as long as one that is nowhere: nothing is done for it that would not be done without it. Only for an
-- operator, whose all tenants are, it is read from the row.
create or replace function howdah_private.may_act_for(tenant_id uuid) returns boolean
  language sql stable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(may_act_for.tenant_id = howdah.current_tenant(), false) or howdah_private.is_operator()
$$;
