-- The same three policies on every table, made by a loop so that none can be forgotten:
--   tenant    app and analyst see the rows of their tenant
--   engine    security definer functions see all, and filter by tenant themselves
--   operator  an owner of the installation sees all
-- Tables without tenant_id: tenants is compared by id; what belongs to nobody is readable; private tables
-- have no tenant policy, so that nobody but the engine and the owner sees a row.
do $$
declare
  v_table record;
  v_rule text;
begin
  for v_table in
    select c.oid::regclass as name, n.nspname, c.relname, exists (
      select from pg_catalog.pg_attribute as a
      where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped
    ) as has_tenant
    from pg_catalog.pg_class as c
    join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
    where n.nspname in ('howdah', 'howdah_private') and c.relkind in ('r', 'p')
      and not c.relispartition and c.oid <> 'howdah_private.migrations'::regclass
  loop
    execute format('drop policy if exists tenant on %s', v_table.name);
    execute format('drop policy if exists engine on %s', v_table.name);
    execute format('drop policy if exists operator on %s', v_table.name);
    execute format('create policy engine on %s to howdah_engine using (true) with check (true)',
      v_table.name);
    execute format('create policy operator on %s to howdah_owner using (true) with check (true)',
      v_table.name);
    continue when v_table.nspname = 'howdah_private';
    v_rule := case
      when v_table.relname = 'tenants' then 'id = (select howdah.current_tenant())'
      when v_table.has_tenant then 'tenant_id = (select howdah.current_tenant())'
      else 'true'
    end;
    execute format(
      'create policy tenant on %s to howdah_app, howdah_analyst using (%s) with check (%s)',
      v_table.name, v_rule, v_rule
    );
  end loop;
end $$;
