-- Returns the id of a knowledge base by name, as howdah.agent(name) does for agents:
-- howdah.knowledge_base('handbook').
create or replace function howdah.knowledge_base(name text) returns uuid
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id uuid := howdah.current_tenant();
  v_id uuid;
  v_known text[];
begin
  select b.id into v_id from howdah.knowledge_bases as b
  where b.name = knowledge_base.name and b.tenant_id = v_tenant_id;
  if v_id is null then
    v_known := array(
      select b.name from howdah.knowledge_bases as b
      where b.tenant_id = v_tenant_id order by b.name limit 50);
    raise exception using errcode = 'HWNTF',
      message = format('there is no knowledge base named %L', knowledge_base.name),
      detail = jsonb_build_object('knowledge_base', knowledge_base.name)::text,
      hint = coalesce(
        'Did you mean ' || howdah_private.nearest_word(knowledge_base.name, v_known) || '?',
        'The knowledge bases of this tenant: ' || howdah_private.list_names(v_known, 8) || '.',
        'This tenant has no knowledge bases yet.');
  end if;
  return v_id;
end $$;
comment on function howdah.knowledge_base(text) is
  E'@behavior -*\nReturns the id of the knowledge base with this name in the current tenant. '
  'Raises HWNTF if there is none.';
