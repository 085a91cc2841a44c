-- Applies a document: reads the state before, writes the parts and returns the changes.
create or replace function howdah_private.write_system(document jsonb, source text, prune boolean)
  returns jsonb
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_name text := write_system.document ->> 'name';
  v_system_id uuid := (select s.id from howdah.agent_systems as s
    where s.name = v_name and s.tenant_id = howdah.current_tenant());
  -- a new system owns nothing yet, and a fresh id matches no row
  v_owner_id uuid := coalesce(v_system_id, howdah.uuid_v7());
  v_before jsonb := howdah_private.system_state(v_owner_id, write_system.document);
  v_heading jsonb := (select howdah_private.system_heading(s) from howdah.agent_systems as s
    where s.id = v_system_id);
  v_after jsonb;
  v_system howdah.agent_systems;
begin
  perform howdah_private.write_parts(write_system.document, write_system.source);
  if write_system.prune then
    perform howdah_private.prune_system(v_system_id, write_system.document);
  end if;
  perform howdah_private.drop_unused_sub_runs(v_system_id, write_system.document);
  v_after := howdah_private.system_state(v_owner_id, write_system.document);
  v_system := howdah_private.save_system_row(write_system.document, write_system.source, (
    select coalesce(json_object_agg(k.kind, k.names)::jsonb, '{}')
    from (
      select n.kind, to_jsonb(array_agg(r.name)) as names
      from jsonb_each(v_after) as n (kind, entries)
      cross join lateral jsonb_each(n.entries) as r (name, state)
      -- a model that another system describes identically is shared and keeps its owner
      where n.kind <> 'models' or r.state is distinct from v_before -> n.kind -> r.name
      group by n.kind
    ) as k
  ), write_system.prune);
  return jsonb_build_object('id', v_system.id, 'name', v_system.name, 'version', v_system.version,
    'digest', v_system.digest, 'warnings', howdah_private.system_warnings(write_system.document),
    'kept', (
      select coalesce(to_jsonb(array_agg(
        jsonb_build_object('kind', left(s.kind, -1), 'name', n.name)
        order by s.place, n.name collate "C")), '[]')
      from unnest(howdah_private.system_sections()) with ordinality as s (kind, place)
      cross join lateral jsonb_each(v_after -> s.kind) as n (name, state)
      where not coalesce(write_system.prune, false) and n.state ->> 'owner_id' = v_system_id::text
        and not coalesce(write_system.document -> s.kind ? n.name, false)
    ),
    'objects', jsonb_build_array(
      howdah_private.change_of('system', v_name, v_heading,
        howdah_private.system_heading(v_system)))
      || howdah_private.system_changes(v_before, howdah_private.system_state(v_system.id, (
      select json_object_agg(s.kind, coalesce(v_before -> s.kind, '{}')
        || coalesce(v_after -> s.kind, '{}'))::jsonb
      from unnest(howdah_private.system_sections()) as s (kind)))));
end $$;

-- Returns what will fail of a document that has been written: workflows that cannot run, models of
-- its agents that no process can run, and tools whose secrets do not exist yet.
create or replace function howdah_private.system_warnings(document jsonb) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(to_jsonb(array_agg(w.warning order by w.place, w.name)), '[]')
  from (
    select 1 as place, f.name, format('workflow %s cannot run: %s', f.name, f.fault) as warning
    from howdah_private.faulty_workflows(array(
      select n.name
      from jsonb_object_keys(coalesce(system_warnings.document -> 'workflows', '{}')) as n (name)
    )) as f
    union all
    select 2, f.name, format('calls of the model %s will fail: %s', f.name, f.fault)
    from howdah_private.unusable_models(array(
      select n.name
      from jsonb_object_keys(coalesce(system_warnings.document -> 'agents', '{}')) as n (name)
    )) as f
    union all
    select 3, m.name, format('%s cannot be called before the secret is stored: '
      'howdah admin secret set %s', m.tools, m.name)
    from howdah_private.missing_secrets(array(
      select n.name
      from jsonb_object_keys(coalesce(system_warnings.document -> 'tools', '{}')) as n (name)
    )) as m
  ) as w
$$;

-- Returns the models of these agents that no process can run, with the reason. An agent without a
-- model has the model named default.
create or replace function howdah_private.unusable_models(agents text[])
  returns table (name text, fault text)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select m.name, f.fault ->> 'message'
  from howdah.models as m
  cross join lateral (select howdah_private.model_fault(m)) as f (fault)
  where m.tenant_id = howdah.current_tenant()
    and exists (
      select from howdah.agents as a
      where a.tenant_id = m.tenant_id and a.name = any (unusable_models.agents)
        and a.deleted_at is null and a.engine = 'builtin'
        and case when m.name = 'default' and not exists (
            select from howdah.agent_models as x where x.agent_id = a.id and x.purpose = 'llm')
          then true
          else exists (
            select from howdah.agent_models as x where x.agent_id = a.id and x.model_id = m.id) end
    )
    and f.fault is not null
$$;

-- Returns the rows that a system owns or a document names: {"agents": {name: {"owner_id",
-- "entry"}}, …}.
create or replace function howdah_private.system_state(system_id uuid, named jsonb) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(json_object_agg(k.kind, k.entries)::jsonb, '{}')
  from (
    select r.kind,
      json_object_agg(r.name,
        jsonb_build_object('owner_id', r.owner_id, 'entry', r.entry))::jsonb as entries
    from howdah_private.system_rows(system_id, named) as r group by r.kind
  ) as k
$$;

-- Returns the action on each object, in the order of the sections. A change of ownership counts as
-- a change.
create or replace function howdah_private.system_changes(before jsonb, after jsonb) returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(to_jsonb(array_agg(
    howdah_private.change_of(left(s.kind, -1), n.name, before -> s.kind -> n.name -> 'entry',
      after -> s.kind -> n.name -> 'entry')
      || case when before -> s.kind -> n.name <> after -> s.kind -> n.name
        then '{"action": "change"}'::jsonb else '{}' end
      || case when before #> array[s.kind, n.name, 'owner_id'] = after #> array[s.kind, n.name,
        'owner_id'] then '{}'::jsonb
        when before #> array[s.kind, n.name, 'owner_id'] = 'null' then '{"ownership": "taken"}'
        when after #> array[s.kind, n.name, 'owner_id'] = 'null' then '{"ownership": "released"}'
        else '{}' end
    order by s.place, n.name collate "C")), '[]')
  from unnest(howdah_private.system_sections()) with ordinality as s (kind, place)
  cross join lateral jsonb_object_keys(coalesce(before -> s.kind, '{}')
    || coalesce(after -> s.kind, '{}')) as n (name)
$$;

create or replace function howdah_private.change_of(kind text, name text, before jsonb, after jsonb)
  returns jsonb
  language sql immutable
  return jsonb_build_object('kind', kind, 'name', name, 'before', before, 'after', after,
    'action', case when before is null then 'create' when after is null then 'delete'
      when before <> after then 'change' else 'unchanged' end);

-- Deletes tools that stand for an agent or a workflow and that no agent uses any more.
create or replace function howdah_private.drop_unused_sub_runs(system_id uuid, document jsonb)
  returns void
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $$
  delete from howdah.tools as t
  where t.tenant_id = howdah.current_tenant() and t.agent_system_id = drop_unused_sub_runs.system_id
    and t.kind in ('agent', 'workflow') and howdah_private.sub_run_target(t) is not null
    and not coalesce(document -> 'tools' ? t.name, false)
    and not exists (select from howdah.agent_tools as u where u.tool_id = t.id)
    and not exists (select from howdah.tools as c where c.compensation_tool_id = t.id
      and c.tenant_id = t.tenant_id)
$$;

-- Refuses documents that do not match the published schema (agent_system_schema.sql), with the same
-- errors on every interface. Each object is checked by itself, which bounds the cost for a large
-- system. Places are computed only for objects that fail, because that is slower.
create or replace function howdah_private.check_system_shape(document jsonb, source text)
  returns void
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_schema constant jsonb := howdah_private.agent_system_schema();
  v_sections constant text[] := howdah_private.system_sections();
  v_heading constant jsonb := v_schema || jsonb_build_object('properties', (
    select json_object_agg(p.key,
      case when p.key = any (v_sections) then p.value - 'additionalProperties' else p.value
      end)::jsonb
    from jsonb_each(v_schema -> 'properties') as p));
  v_faults jsonb[];
  v_object record;
begin
  if greatest(octet_length(document::text), octet_length(source)) > 1048576 then
    raise exception using errcode = 'HWINV', message = 'the agent system is larger than 1 MB',
      detail = '{"field": "document"}',
      hint = 'Split it into several systems with different names.';
  end if;
  v_faults := howdah_private.located_faults(v_heading, coalesce(document, 'null'),
    'the document', '{}');
  for v_object in
    select s.section, e.key as name, e.value as entry
    from unnest(v_sections) with ordinality as s (section, place)
    cross join lateral jsonb_each(
      case jsonb_typeof(document -> s.section) when 'object' then document -> s.section end) as e
    order by s.place, e.key collate "C"
  loop
    v_faults := v_faults || howdah_private.located_faults(
      v_schema #> array['properties', v_object.section, 'additionalProperties'], v_object.entry,
      v_object.name, array[v_object.section, v_object.name]);
    exit when cardinality(v_faults) >= 100; -- enough for one report
  end loop;
  v_faults := v_faults || array(
    select howdah_private.system_fault('/' || t.field,
      t.field || ' contains a key; files must not contain keys')
    from (values ('name'), ('description')) as t (field)
    where howdah_private.prose_contains_secret(document ->> t.field));
  perform howdah_private.raise_system(v_faults) where cardinality(v_faults) > 0;
end $$;
