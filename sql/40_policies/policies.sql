-- The same three policies on every table, made by a loop so that none can be forgotten:
--   tenant    app and analyst see the rows of their tenant
--   engine    security definer functions see all, and filter by tenant themselves
--   operator  an owner of the installation sees all
-- Tables without tenant_id: tenants is compared by id; what belongs to nobody is readable; private tables
-- have no tenant policy, so that nobody but the engine and the owner sees a row.
-- A policy that stands as it should is left alone: making one locks its table.
do $$
declare
  v_policy record;
begin
  for v_policy in
    with tables as (
      select c.oid::regclass as name, n.nspname as schema, c.relname, exists (
        select from pg_catalog.pg_attribute as a
        where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
      ) as has_tenant
      from pg_catalog.pg_class as c
      join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
      where n.nspname in ('howdah', 'howdah_private') and c.relkind in ('r', 'p')
        and not c.relispartition and c.oid <> 'howdah_private.migrations'::regclass
    ),
    wanted as (
      select t.*, p.policy, p.roles, case
        when p.policy <> 'tenant' then 'true'
        when t.relname = 'tenants' then '(id = ( SELECT howdah.current_tenant() AS current_tenant))'
        when t.has_tenant then '(tenant_id = ( SELECT howdah.current_tenant() AS current_tenant))'
        else 'true'
      end as rule
      from tables as t
      cross join (values
        ('engine', 'howdah_engine'), ('operator', 'howdah_owner'), ('tenant', 'howdah_app, howdah_analyst')
      ) as p (policy, roles)
      where p.policy <> 'tenant' or t.schema = 'howdah'
    )
    select w.*, s.policyname is not null as exists from wanted as w
    left join pg_catalog.pg_policies as s
      on s.schemaname = w.schema and s.tablename = w.relname and s.policyname = w.policy
    where s.policyname is null or s.qual is distinct from w.rule or s.with_check is distinct from w.rule
  loop
    if v_policy.exists then
      execute format('drop policy %I on %s', v_policy.policy, v_policy.name);
    end if;
    execute format('create policy %I on %s to %s using (%s) with check (%s)',
      v_policy.policy, v_policy.name, v_policy.roles, v_policy.rule, v_policy.rule);
  end loop;
end $$;
