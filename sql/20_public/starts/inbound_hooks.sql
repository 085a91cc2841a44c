-- Returns the path of a hook, which senders add to the address of the API. A hook of the tenant
-- `default` also has the shorter path /hooks/NAME.
create or replace function howdah.inbound_hooks_path(hook howdah.inbound_hooks) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select '/hooks/' || case when t.slug = 'default' then '' else t.slug || '/' end || (hook).name
  from howdah.tenants as t where t.id = (hook).tenant_id
$$;
comment on function howdah.inbound_hooks_path(howdah.inbound_hooks) is
  'Path of the hook: /hooks/NAME for the tenant default, else /hooks/TENANT/NAME.';
