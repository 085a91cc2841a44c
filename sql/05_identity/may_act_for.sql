-- The check of every security definer function that takes an id: another tenant's row is "not found".
create or replace function howdah_private.may_act_for(tenant_id uuid) returns boolean
  language sql stable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(may_act_for.tenant_id = howdah.current_tenant(), false) or howdah_private.is_operator()
$$;
