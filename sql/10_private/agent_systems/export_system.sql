-- Returns what an export consists of: {document, left_out: [{path, message}]}. Agents and workflows
-- are deleted softly, and rows that refer to them stay, so a document may contain references to
-- deleted objects.
create or replace function howdah_private.exported_system(name text) returns jsonb
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_system howdah.agent_systems;
begin
  perform howdah_private.permit('agent_systems', 'read');
  if exported_system.name is null then
    return howdah_private.without_deleted_references(howdah_private.system_document(null, (
      select jsonb_build_object('name', t.slug) from howdah.tenants as t
      where t.id = howdah.current_tenant())));
  end if;
  select s.* into v_system from howdah.agent_systems as s
  where s.name = exported_system.name and s.tenant_id = howdah.current_tenant();
  if not found then
    raise exception using errcode = 'HWNTF',
      message = format('there is no agent system %s', to_jsonb(exported_system.name)),
      detail = jsonb_build_object('agent_system', exported_system.name)::text,
      hint = coalesce(
        (select 'The agent systems of this tenant: ' || string_agg(s.name, ', ' order by s.name)
          || '.' from howdah.agent_systems as s
        where s.tenant_id = howdah.current_tenant()),
          'This tenant has no agent systems yet: howdah apply FILE.');
  end if;
  return howdah_private.without_deleted_references(
    howdah_private.system_document(v_system.id, howdah_private.system_heading(v_system)));
end $$;

-- Removes references to deleted objects. A tool that stands for a deleted agent is removed too, and
-- then the references to that tool; hence the loop.
create or replace function howdah_private.without_deleted_references(document jsonb) returns jsonb
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_document jsonb := without_deleted_references.document;
  v_lost_tools text[] := '{}';
  v_left_out jsonb[] := '{}';
  v_use record;
begin
  loop
    for v_use in
      select u.path, u.name, u.what as kind,
        case u.what when 'member' then 'agent or workflow' else u.what end as what,
        p.parts
      from howdah_private.system_uses(v_document) as u
      cross join lateral (
        select array_agg(replace(replace(x.part, '~1', '/'), '~0', '~') order by x.place) as parts
        from string_to_table(substr(u.path, 2), '/') with ordinality as x (part, place)
      ) as p
      where (u.what = 'tool' and u.name = any (v_lost_tools))
        or not exists (select from howdah_private.known_names(v_document) as k
          where (k.what, k.name) = (u.what, u.name))
      -- the last element first, so that other indexes stay valid
      order by length(u.path) desc, u.path desc
    loop
      v_left_out := v_left_out || jsonb_build_object('path', v_use.path,
        'message', format(
          case when howdah_private.is_deleted_part(v_use.kind, v_use.name)
            or v_use.name = any (v_lost_tools)
            then '%s %s was deleted and is left out'
            else 'there is no %s %s; the reference is left out' end,
          v_use.what, to_jsonb(v_use.name)));
      v_document := howdah_private.without_reference(v_document, v_use.parts, v_use.name);
      if v_use.parts[1] = 'tools' and v_use.parts[3] <> 'compensation' then
        v_lost_tools := v_lost_tools || v_use.parts[2];
      end if;
    end loop;
    exit when not found;
  end loop;
  return jsonb_build_object('document', v_document, 'left_out', to_jsonb(v_left_out));
end $$;

-- Returns whether an object of this name was deleted softly. Other kinds of objects leave no trace.
create or replace function howdah_private.is_deleted_part(kind text, name text) returns boolean
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select from (
      select 'agent' as kind, a.name, a.tenant_id, a.deleted_at from howdah.agents as a
      union all
      select 'workflow', w.name, w.tenant_id, w.deleted_at from howdah.workflows as w
      union all
      select 'prompt', p.name, p.tenant_id, p.deleted_at from howdah.prompts as p
      union all
      select 'skill', s.name, s.tenant_id, s.deleted_at from howdah.skills as s
    ) as d
    where d.tenant_id = howdah.current_tenant() and d.name = is_deleted_part.name
      and d.deleted_at is not null
      and (d.kind = is_deleted_part.kind
        or (is_deleted_part.kind = 'member' and d.kind in ('agent', 'workflow')))
  )
$$;

-- Returns the document without one reference and without the settings that belong to it.
create or replace function howdah_private.without_reference(document jsonb, parts text[], name text)
  returns jsonb
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_document jsonb := without_reference.document #- without_reference.parts;
  v_tools jsonb;
begin
  if parts[1] = 'tools' and parts[3] <> 'compensation' then
    v_document := v_document #- parts[1:2];
    return case when v_document -> 'tools' = '{}' then v_document - 'tools' else v_document end;
  elsif parts[1] = 'agents' and parts[3] = 'prompt' then
    return v_document #- array['agents', parts[2], 'prompt_values'];
  elsif parts[1] = 'agents' and parts[3] = 'tools' then
    v_tools := howdah_private.sparse(
      v_document #> parts[1:3] #- array['configuration',
        without_reference.name] #- array['requires_approval', without_reference.name],
      '{"allow": [], "configuration": {}, "requires_approval": {}}');
    return case v_tools when '{}' then v_document #- parts[1:3]
      else jsonb_set(v_document, parts[1:3], v_tools) end;
  end if;
  -- an empty value is a default and is left out, except for the members of a workflow
  return case when parts[3] <> 'members' and v_document #> parts[1:3] in ('[]', '{}')
    then v_document #- parts[1:3]
    else v_document end;
end $$;
