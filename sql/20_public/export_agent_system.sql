-- The whole of a system, as a document that applies to the same digest; without a name, of what no system owns.
create or replace function howdah.export_agent_system(name text default null) returns jsonb
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_system howdah.agent_systems;
begin
  perform howdah_private.permit('agent_systems', 'read');
  if export_agent_system.name is null then
    return howdah_private.system_document(null, (
      select jsonb_build_object('name', t.slug) from howdah.tenants as t where t.id = howdah.current_tenant()));
  end if;
  select s.* into v_system from howdah.agent_systems as s
  where s.name = export_agent_system.name and s.tenant_id = howdah.current_tenant();
  if not found then
    raise exception using errcode = 'HWNTF',
      message = format('there is no agent system %s', to_jsonb(export_agent_system.name)),
      detail = jsonb_build_object('agent_system', export_agent_system.name)::text,
      hint = coalesce((select 'There are: ' || string_agg(s.name, ', ' order by s.name) || '.' from howdah.agent_systems as s
        where s.tenant_id = howdah.current_tenant()), 'There are none yet: howdah apply FILE.');
  end if;
  return howdah_private.system_document(v_system.id, howdah_private.system_heading(v_system));
end $$;
comment on function howdah.export_agent_system(text) is
  'An agent system as the content of a file, in JSON; without a name, what belongs to none.';
