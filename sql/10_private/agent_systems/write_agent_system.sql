-- Writes an agent system in steps, in an order in which every reference already exists. A fault in
-- one part does not hide faults in other parts: all are collected and reported in one error, and
-- then nothing is written.

create or replace function howdah_private.system_steps(document jsonb)
  returns table (step int, what text, name text, entry jsonb, path text)
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select s.step, s.what, e.name, e.entry, howdah_private.json_pointer('functions', e.name)
  from howdah_private.system_entries(document, 'functions') as e
  cross join (values (0, 'function'), (1, 'function body')) as s (step, what)
  union all
  select 1, 'model', e.name, e.entry, howdah_private.json_pointer('models', e.name)
  from howdah_private.system_entries(document, 'models') as e
  union all
  select 1, 'prompt', e.name, e.entry, howdah_private.json_pointer('prompts', e.name)
  from howdah_private.system_entries(document, 'prompts') as e
  union all
  select 1, 'skill', e.name, e.entry, howdah_private.json_pointer('skills', e.name)
  from howdah_private.system_entries(document, 'skills') as e
  union all
  select 2, 'mcp_server', e.name, e.entry, howdah_private.json_pointer('mcp_servers', e.name)
  from howdah_private.system_entries(document, 'mcp_servers') as e
  union all
  select case when e.entry ->> 'kind' in ('agent', 'workflow') then 5 else 2 end, 'tool', e.name,
    e.entry, howdah_private.json_pointer('tools', e.name)
  from howdah_private.system_entries(document, 'tools') as e
  union all
  select 3, 'agent', e.name, e.entry, howdah_private.json_pointer('agents', e.name)
  from howdah_private.system_entries(document, 'agents') as e
  union all
  select 4, 'workflow', e.name, e.entry, howdah_private.json_pointer('workflows', e.name)
  from howdah_private.system_entries(document, 'workflows') as e
  union all
  select 6, 'compensation', e.name, e.entry -> 'compensation',
    howdah_private.json_pointer('tools', e.name, 'compensation')
  from howdah_private.system_entries(document, 'tools') as e
  union all
  select 7, 'models', e.name, e.entry, howdah_private.json_pointer('agents', e.name)
  from howdah_private.system_entries(document, 'agents') as e
  union all
  select 8, u.what || ' of agent', e.name,
    jsonb_build_object('tool', u.name, 'configuration', u.configuration,
    'requires_approval', u.requires_approval),
      howdah_private.json_pointer(variadic array['agents', e.name] || u.place)
  from howdah_private.system_entries(document, 'agents') as e
  cross join howdah_private.entry_tools(e.entry) as u
  union all
  select 7, s.what, e.name, e.entry, howdah_private.json_pointer('agents', e.name)
  from howdah_private.system_entries(document, 'agents') as e
  cross join (values ('agent prompt', 'prompt'), ('agent skills', 'skills'),
    ('agent servers', 'servers')) as s (what, key)
  where e.entry ? s.key
  union all
  select s.step, s.what, e.name, e.entry,
    howdah_private.json_pointer('workflows', e.name, 'members')
  from howdah_private.system_entries(document, 'workflows') as e
  cross join (values (9, 'no members'), (10, 'members')) as s (step, what)
$$;

create or replace function howdah_private.apply_step(system_name text, what text, name text,
  entry jsonb) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  case what
    when 'function' then perform howdah_private.apply_function(system_name, name, entry);
    when 'function body' then perform howdah_private.check_function_body(system_name, name);
    when 'model' then perform howdah_private.apply_model(system_name, name, entry);
    when 'tool' then perform howdah_private.apply_tool(system_name, name, entry);
    when 'prompt' then perform howdah_private.apply_prompt(system_name, name, entry);
    when 'skill' then perform howdah_private.apply_skill(system_name, name, entry);
    when 'mcp_server' then perform howdah_private.apply_mcp_server(system_name, name, entry);
    when 'agent' then perform howdah_private.apply_agent(system_name, name, entry);
    when 'workflow' then perform howdah_private.apply_workflow(system_name, name, entry);
    when 'compensation' then perform howdah_private.apply_compensation(name, entry #>> '{}');
    when 'models' then perform howdah_private.apply_agent_models(name, entry);
    when 'agent prompt' then perform howdah_private.apply_agent_prompt(name, entry);
    when 'agent skills' then perform howdah_private.apply_agent_skills(name, entry);
    when 'agent servers' then perform howdah_private.apply_agent_servers(name, entry);
    when 'no members' then perform howdah_private.apply_members(name, entry, true);
    when 'members' then perform howdah_private.apply_members(name, entry, false);
    else perform howdah_private.apply_agent_tool(name, split_part(what, ' ', 1), entry ->> 'tool',
      entry -> 'configuration', (entry ->> 'requires_approval')::boolean);
  end case;
end $$;

-- Returns the place in the entry of an MCP server that an error about its row belongs to. The keys
-- of its configuration are keys of the entry.
create or replace function howdah_private.server_place(entry jsonb, detail jsonb) returns text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select case
    when detail ? 'secret' and entry ->> 'secret_name' = detail ->> 'secret' then '/secret_name'
    when detail ? 'secret' then (
      select howdah_private.json_pointer('secrets', s.key)
      from jsonb_each_text(coalesce(entry -> 'secrets', '{}')) as s
      where s.value = detail ->> 'secret' order by s.key limit 1)
    when detail ->> 'path' like 'configuration.%' then (
      -- use the field if the exact place does not exist; the arguments of a preset are shifted
      select case when not entry ? p.parts[1] then '/secrets'
        when entry #> p.parts is null or (p.parts[1] = 'args' and entry ->> 'type' <> 'stdio')
          then howdah_private.json_pointer(p.parts[1])
        else howdah_private.json_pointer(variadic p.parts) end
      from (select string_to_array(translate(substr(detail ->> 'path', 15), '[]', '.'),
        '.') as parts) as p)
    when detail ->> 'field' = 'sampling_model_id' then '/sampling_model'
    when entry ? (detail ->> 'field') then howdah_private.json_pointer(detail ->> 'field')
    else '' end
$$;

-- Returns the place in the entry that an error about its row belongs to: the field of the error, by
-- its name in a document.
create or replace function howdah_private.fault_path(path text, what text, entry jsonb,
  detail jsonb) returns text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select case
    when what = 'members' and detail ? 'member' then coalesce((
      select path || howdah_private.json_pointer((m.place - 1)::text)
      from howdah_private.entry_members(entry) as m
      where m.name = detail ->> 'member' order by m.place limit 1), path)
    when what = 'mcp_server' then path || howdah_private.server_place(entry, detail)
    when f.field is null
      or what not in ('function', 'function body', 'model', 'tool', 'prompt', 'skill', 'agent',
        'agent prompt', 'workflow') then path
    when f.field like 'max\_%' and entry -> 'budget' ? f.field
      then path || howdah_private.json_pointer('budget', f.field)
    when f.field = 'instruction' and entry ? 'mission' then path || '/mission'
    when not entry ? f.field then path
    when detail ->> 'path' like f.field || '.%'
      then path || '/' || replace(detail ->> 'path', '.', '/')
    else path || howdah_private.json_pointer(f.field) end
  from (select coalesce(detail ->> 'field',
    case jsonb_typeof(detail -> 'fields') when 'array' then detail #>> '{fields,0}' end,
    case when detail ? 'secret' then 'secret_name' end) as field) as f
$$;

-- Removes tools from agents that the document no longer gives them.
create or replace function howdah_private.remove_unlisted_tools(document jsonb) returns void
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $$
  with granted_tools as (
    select a.id as agent_id, case u.what when 'tool' then howdah_private.tool_named(u.name)
      else howdah_private.tool_named(
        howdah_private.sub_run_tool_name(u.what, u.name)) end as tool_id
    from howdah_private.system_entries(document, 'agents') as e
    join howdah.agents as a on a.name = e.name and a.tenant_id = howdah.current_tenant()
      and a.deleted_at is null
    left join lateral howdah_private.entry_tools(e.entry) as u on true
  )
  delete from howdah.agent_tools as t
  where t.agent_id in (select g.agent_id from granted_tools as g)
    and not exists (
      select from granted_tools as g where (g.agent_id, g.tool_id) = (t.agent_id, t.tool_id))
$$;

-- Removes skills from agents that the document no longer gives them.
create or replace function howdah_private.remove_unlisted_skills(document jsonb) returns void
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $$
  delete from howdah.agent_skills as g
  using howdah_private.system_entries(document, 'agents') as e, howdah.agents as a,
    howdah.skills as s
  where a.name = e.name and a.tenant_id = howdah.current_tenant() and a.deleted_at is null
    and g.agent_id = a.id and s.id = g.skill_id
    and not coalesce(e.entry -> 'skills' ? s.name, false)
$$;

-- Removes MCP servers from agents that the document no longer gives them.
create or replace function howdah_private.remove_unlisted_servers(document jsonb) returns void
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $$
  delete from howdah.agent_servers as g
  using howdah_private.system_entries(document, 'agents') as e, howdah.agents as a,
    howdah.mcp_servers as s
  where a.name = e.name and a.tenant_id = howdah.current_tenant() and a.deleted_at is null
    and g.agent_id = a.id and s.id = g.server_id
    and not exists (select from howdah_private.entry_servers(e.entry) as u where u.name = s.name)
$$;

-- Reports keys in the source, which is kept for ever, even in comments. Recognizes a key by its
-- form or by its name.
create or replace function howdah_private.source_faults(source text) returns jsonb[]
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select array(
    select howdah_private.system_fault('',
      'this line contains a key; files must not contain keys',
      'Store the key with howdah admin secret set NAME, and write secret_name: NAME in the model.')
        || jsonb_build_object('line', l.number)
    from string_to_table(source, E'\n') with ordinality as l (line, number)
    where howdah_private.prose_contains_secret(l.line) or howdah_private.line_assigns_secret(l.line)
    limit 20)
$$;

-- Returns the active workflows of these names that cannot run, with the reason.
create or replace function howdah_private.faulty_workflows(names text[])
  returns table (name text, fault text)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select w.name, f.fault
  from howdah.workflows as w
  cross join lateral (
    select howdah_private.workflow_fault(howdah_private.workflow_definition(w.id))) as f (fault)
  where w.tenant_id = howdah.current_tenant() and w.name = any (names) and w.deleted_at is null
    and w.is_active
    and f.fault is not null and howdah_private.sees_agent(w.id)
  order by w.name collate "C"
$$;

-- Returns the entry to try next after a row refused the value at `path`: the entry without that
-- field, else the minimal entry of that kind. The next attempt then reports faults of other fields
-- and of references. Returns null if the entry is already minimal.
create or replace function howdah_private.reduced_entry(what text, entry jsonb, part text,
  path text) returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select case
    when what = 'mcp_server' and f.field not in ('', 'type', 'command', 'url')
      and reduced_entry.entry ? f.field
      then reduced_entry.entry - f.field
    when f.field <> '' and what in ('model', 'skill', 'agent', 'tool')
        and reduced_entry.entry -> f.field is distinct from l.entry -> f.field
      then l.entry || (
        reduced_entry.entry - f.field - case when f.field in ('engine', 'engine_configuration')
        then array['engine', 'engine_configuration'] else '{}'::text[] end)
    else nullif(l.entry, reduced_entry.entry) end
  from (values (
    split_part(substr(reduced_entry.path, length(reduced_entry.part) + 2), '/', 1))) as f (field)
  cross join lateral (select case what
    when 'model' then '{"provider": "local", "model": "extractive"}'
    when 'skill' then '{"description": "any", "content": "any"}'
    when 'mcp_server' then '{"type": "http", "url": "https://localhost/"}'
    when 'prompt' then '{"template": "any"}'
    when 'agent' then '{}'
    when 'workflow' then '{"type": "chain", "members": []}'
    when 'tool' then (select json_object_agg(e.key, e.value)::jsonb
      from jsonb_each(reduced_entry.entry) as e
      where e.key in ('kind', 'agent', 'workflow', 'function'))
      || case reduced_entry.entry ->> 'kind' when 'http'
        then '{"configuration": {"url": "https://localhost/"}}' else '{}' end::jsonb
    end::jsonb as entry) as l
$$;

-- Writes one part and returns all its faults. is_made says whether other parts can refer to it.
create or replace function howdah_private.write_part(
  system_name text, what text, name text, entry jsonb, path text, out is_made boolean,
  out faults jsonb[]
)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_entry jsonb := write_part.entry;
  v_place text;
  v_code text;
  v_message text;
  v_detail text;
  v_hint text;
begin
  is_made := false;
  faults := '{}';
  loop
    begin
      perform howdah_private.apply_step(system_name, what, write_part.name, v_entry);
      is_made := true;
      return;
    exception when sqlstate 'HWINV' or sqlstate 'HWCNF' or sqlstate 'HWNTF' or sqlstate 'HWDEN'
      or data_exception or integrity_constraint_violation then
      get stacked diagnostics v_code = returned_sqlstate, v_message = message_text,
        v_detail = pg_exception_detail,
        v_hint = pg_exception_hint;
    end;
    v_place := howdah_private.fault_path(write_part.path, what, v_entry,
      case when left(v_code, 2) = 'HW' then nullif(v_detail, '')::jsonb end);
    -- an error without a field, after a field was removed, may only be a consequence
    if faults = '{}' or v_place <> write_part.path then
      faults := faults || howdah_private.system_fault(v_place, v_message, nullif(v_hint, ''),
        case when left(v_code, 2) = 'HW' then v_code else 'HWINV' end);
    end if;
    v_entry := howdah_private.reduced_entry(what, v_entry, write_part.path, v_place);
    exit when v_entry is null;
  end loop;
end $$;

-- Writes all parts, or raises one error with all faults.
create or replace function howdah_private.write_parts(document jsonb, source text) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_faults jsonb[] := howdah_private.system_use_faults(document);
  v_faulty_paths text[] := array(select f ->> 'path' from unnest(v_faults) as f);
  v_step record;
  v_part record;
begin
  perform howdah_private.detach_prompts(document);
  perform howdah_private.drop_aliases(document), howdah_private.remove_unlisted_tools(document),
    howdah_private.remove_unlisted_skills(document),
    howdah_private.remove_unlisted_servers(document);
  for v_step in
    select * from howdah_private.system_steps(document) as s order by s.step, s.name collate "C",
      s.path collate "C"
  loop
    continue when v_step.path = any (v_faulty_paths)
      or (v_step.what = 'agent prompt'
        and howdah_private.json_pointer('prompts', v_step.entry ->> 'prompt') = any (
          v_faulty_paths))
      or (v_step.what = 'tool'
        and array[v_step.path || '/agent', v_step.path || '/workflow',
          howdah_private.json_pointer('functions',
        split_part(split_part(v_step.entry ->> 'function', '(', 1), '.', 2))] && v_faulty_paths);
    v_part := howdah_private.write_part(document ->> 'name', v_step.what, v_step.name, v_step.entry,
      v_step.path);
    v_faults := v_faults || v_part.faults;
    if v_part.faults <> '{}'
      and (v_step.what = 'prompt' or (v_step.step < 6 and not v_part.is_made)) then
      -- later steps of a part that could not be created would only fail for the same reason
      v_faulty_paths := v_faulty_paths || v_step.path
        || array(select s.path from howdah_private.system_steps(document) as s
        where s.step > v_step.step and starts_with(s.path, v_step.path || '/'));
    end if;
  end loop;
  -- a fault of a field already points to the line of its key
  if not exists (
    select from unnest(v_faults) as f where f ->> 'message' like '%contains a key%'
  ) then
    v_faults := v_faults || howdah_private.source_faults(source);
  end if;
  perform howdah_private.raise_system(
    array(select f from unnest(v_faults) with ordinality as x (f, place)
    order by f ->> 'path' collate "C", x.place)) where cardinality(v_faults) > 0;
end $$;

create or replace function howdah_private.raise_system(faults jsonb[]) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_codes text[] := array(select distinct f ->> 'code' from unnest(faults) as f);
begin
  raise exception using
    errcode = case when 'HWDEN' = any (v_codes) then 'HWDEN' when cardinality(v_codes) = 1
      then v_codes[1] else 'HWINV' end,
    message = (select string_agg(concat_ws(': ', nullif(f.one ->> 'path', ''), f.one ->> 'message'),
      E'\n' order by f.place)
      from unnest(faults) with ordinality as f (one, place)),
    detail = jsonb_build_object('field', 'document', 'faults', to_jsonb(faults))::text,
    hint = coalesce((select f ->> 'hint' from unnest(faults) as f where f ? 'hint' limit 1),
      'See docs/files.md for the format of agent systems.');
end $$;

-- Deletes what a system owns and its document no longer has. Agents and workflows are deleted
-- softly. Tools, models and MCP servers are deleted, and prompts and skills softly, if nothing that
-- is not deleted uses them. Rows that every tenant starts with are only released.
create or replace function howdah_private.prune_system(system_id uuid, document jsonb) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  -- delete parents before their members
  perform howdah.delete_workflow(o.id) from (
    with recursive doomed as (
      select w.id from howdah.workflows as w
      where w.tenant_id = howdah.current_tenant() and w.agent_system_id = prune_system.system_id
        and w.deleted_at is null
        and w.name <> 'manager' and not coalesce(document -> 'workflows' ? w.name, false)
    ),
    levels as (
      select d.id, 0 as level from doomed as d
      union
      select d.id, l.level + 1
      from levels as l
      join howdah.workflow_agents as x on x.workflow_id = l.id
      join doomed as d on d.id = x.member_workflow_id
    )
    select l.id from levels as l group by l.id order by max(l.level)
  ) as o;
  perform howdah.delete_agent(a.id) from howdah.agents as a
  where a.tenant_id = howdah.current_tenant() and a.agent_system_id = prune_system.system_id
    and a.deleted_at is null
    and a.name <> 'development' and not coalesce(document -> 'agents' ? a.name, false);
  delete from howdah.agent_tools as u using howdah.agents as a
  where a.id = u.agent_id and a.tenant_id = howdah.current_tenant()
    and a.agent_system_id = prune_system.system_id
    and a.deleted_at is not null;
  delete from howdah.agent_models as u using howdah.agents as a
  where a.id = u.agent_id and a.tenant_id = howdah.current_tenant()
    and a.agent_system_id = prune_system.system_id
    and a.deleted_at is not null;
  delete from howdah.tools as t
  where t.tenant_id = howdah.current_tenant() and t.agent_system_id = prune_system.system_id
    and not coalesce(document -> 'tools' ? t.name, false)
    and not exists (select from howdah.agent_tools as u where u.tool_id = t.id)
    and not exists (select from howdah.tools as c where c.compensation_tool_id = t.id
      and c.tenant_id = t.tenant_id);
  perform howdah.delete_prompt(p.id) from howdah.prompts as p
  where p.tenant_id = howdah.current_tenant() and p.agent_system_id = prune_system.system_id
    and p.deleted_at is null
    and not coalesce(document -> 'prompts' ? p.name, false)
    and not exists (select from howdah.agents as a where a.prompt_id = p.id
      and a.deleted_at is null);
  perform howdah.delete_skill(s.id) from howdah.skills as s
  where s.tenant_id = howdah.current_tenant() and s.agent_system_id = prune_system.system_id
    and s.deleted_at is null
    and not coalesce(document -> 'skills' ? s.name, false)
    and not exists (select from howdah.agent_skills as g
      join howdah.agents as a on a.id = g.agent_id
      where g.skill_id = s.id and a.deleted_at is null);
  delete from howdah.mcp_servers as s
  where s.tenant_id = howdah.current_tenant() and s.agent_system_id = prune_system.system_id
    and not coalesce(document -> 'mcp_servers' ? s.name, false)
    and not exists (select from howdah.agent_servers as g
      join howdah.agents as a on a.id = g.agent_id
      where g.server_id = s.id and a.deleted_at is null)
    and not exists (select from howdah.tools as t join howdah.agent_tools as u on u.tool_id = t.id
      join howdah.agents as a on a.id = u.agent_id
      where t.server_id = s.id and a.deleted_at is null)
    and not exists (select from howdah.tools as t
      join howdah.tools as c on c.compensation_tool_id = t.id
      where t.server_id = s.id and c.server_id is distinct from s.id and c.tenant_id = t.tenant_id);
  perform howdah_private.drop_functions(prune_system.system_id, document);
  -- the model named default serves all agents without a model
  delete from howdah.models as m
  where m.name <> 'default' and m.tenant_id = howdah.current_tenant()
    and m.agent_system_id = prune_system.system_id
    and not coalesce(document -> 'models' ? m.name, false)
    and not exists (select from howdah.agent_models as u where u.model_id = m.id)
    and not exists (select from howdah.mcp_servers as s where s.tenant_id = m.tenant_id
      and s.sampling_model_id = m.id)
    and not exists (select from howdah.workflows as w where w.tenant_id = m.tenant_id
      and w.deleted_at is null
      and howdah_private.deciding_model(w.tenant_id, w.configuration) = m.id);
end $$;

-- Writes the row of a system after its parts: ownership, digest, resolved document, and a new
-- version if anything changed. Digest and resolved document are computed from the rows, so no
-- caller can forge them.
create or replace function howdah_private.save_system_row(document jsonb, source text, own jsonb,
  release boolean)
  returns howdah.agent_systems
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id uuid := howdah.current_tenant();
  v_system howdah.agent_systems;
  v_digest text;
begin
  perform howdah_private.permit('agent_systems', 'manage');
  insert into howdah.agent_systems as s (tenant_id, name, description, orchestrator, source, digest)
  values (v_tenant_id, save_system_row.document ->> 'name',
    coalesce(save_system_row.document ->> 'description', ''),
    save_system_row.document ->> 'orchestrator', save_system_row.source, '')
  on conflict (tenant_id, name) do nothing;
  select s.* into v_system from howdah.agent_systems as s
  where s.tenant_id = v_tenant_id and s.name = save_system_row.document ->> 'name';
  perform howdah_private.claim_parts(v_system.id, save_system_row.own, save_system_row.document,
    save_system_row.release);
  if howdah_private.is_operator() then
    v_system.functions := array(
      select f.name
      from howdah_private.functions_of(v_system.name,
        howdah_private.text_array(save_system_row.own -> 'functions')) as f
      where coalesce(save_system_row.document -> 'functions' ? f.name, false)
        or not save_system_row.release
        or not exists (select from howdah.agent_systems as o
          where o.name = v_system.name and o.id <> v_system.id and f.name = any (o.functions))
      order by f.name collate "C");
    update howdah.agent_systems as s set functions = v_system.functions
    where s.id = v_system.id and s.functions <> v_system.functions;
  end if;
  v_system.description := coalesce(save_system_row.document ->> 'description', '');
  v_system.orchestrator := save_system_row.document ->> 'orchestrator';
  v_digest := encode(sha256(convert_to(
    howdah_private.system_document(v_system.id, howdah_private.system_heading(v_system))::text,
    'UTF8')), 'hex');
  if v_digest <> v_system.digest then
    -- the resolved document needs versions of prompts and skills, normally written at commit
    perform howdah_private.write_text_versions_of(a.id) from howdah.agents as a
    where a.tenant_id = v_tenant_id and a.agent_system_id = v_system.id and a.deleted_at is null;
    update howdah.agent_systems as s
    set description = v_system.description, orchestrator = v_system.orchestrator,
      source = save_system_row.source,
      version = s.version + (s.digest <> '')::int, digest = v_digest,
      resolved = howdah_private.resolved_system(v_system)
    where s.id = v_system.id
    returning s.* into v_system;
    insert into howdah.agent_system_versions (tenant_id, agent_system_id, version, source,
      digest, resolved)
    values (v_tenant_id, v_system.id, v_system.version, v_system.source, v_system.digest,
      v_system.resolved);
  end if;
  return v_system;
end $$;

create or replace function howdah_private.system_heading(s howdah.agent_systems) returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.sparse(
    jsonb_build_object('name', s.name, 'description', s.description,
      'orchestrator', s.orchestrator),
    '{"description": ""}')
$$;

-- Claims the parts named in `own`. With `release`, also releases parts that the document no longer
-- has.
create or replace function howdah_private.claim_parts(system_id uuid, own jsonb, document jsonb,
  release boolean) returns void
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $$
  with tenant as materialized (select howdah.current_tenant() as id),
  sub_run_tools as materialized (
    select distinct howdah_private.sub_run_tool_name(u.what, u.name) as name
    from howdah_private.system_entries(document, 'agents') as e
    cross join howdah_private.entry_tools(e.entry) as u
    where u.what <> 'tool'
  ),
  models as (
    update howdah.models as m
    set agent_system_id = case when m.agent_system_id is null then system_id end
    where m.tenant_id = (select id from tenant)
      and ((own -> 'models' ? m.name and m.agent_system_id is null)
        or (release and m.agent_system_id = claim_parts.system_id
          and not coalesce(document -> 'models' ? m.name, false)))
  ),
  mcp_servers as (
    update howdah.mcp_servers as s
    set agent_system_id = case when s.agent_system_id is null then system_id end
    where s.tenant_id = (select id from tenant)
      and ((own -> 'mcp_servers' ? s.name and s.agent_system_id is null)
        or (release and s.agent_system_id = claim_parts.system_id
          and not coalesce(document -> 'mcp_servers' ? s.name, false)))
  ),
  prompts as (
    update howdah.prompts as p
    set agent_system_id = case when p.agent_system_id is null then system_id end
    where p.tenant_id = (select id from tenant) and p.deleted_at is null
      and ((own -> 'prompts' ? p.name and p.agent_system_id is null)
        or (release and p.agent_system_id = claim_parts.system_id
          and not coalesce(document -> 'prompts' ? p.name, false)))
  ),
  skills as (
    update howdah.skills as s
    set agent_system_id = case when s.agent_system_id is null then system_id end
    where s.tenant_id = (select id from tenant) and s.deleted_at is null
      and ((own -> 'skills' ? s.name and s.agent_system_id is null)
        or (release and s.agent_system_id = claim_parts.system_id
          and not coalesce(document -> 'skills' ? s.name, false)))
  ),
  agents as (
    update howdah.agents as a
    set agent_system_id = case when a.agent_system_id is null then system_id end
    where a.tenant_id = (select id from tenant) and a.deleted_at is null
      and ((own -> 'agents' ? a.name and a.agent_system_id is null)
        or (release and a.agent_system_id = claim_parts.system_id
          and not coalesce(document -> 'agents' ? a.name, false)))
  ),
  workflows as (
    update howdah.workflows as w
    set agent_system_id = case when w.agent_system_id is null then system_id end
    where w.tenant_id = (select id from tenant) and w.deleted_at is null
      and ((own -> 'workflows' ? w.name and w.agent_system_id is null)
        or (release and w.agent_system_id = claim_parts.system_id
          and not coalesce(document -> 'workflows' ? w.name, false)))
  )
  update howdah.tools as t
  set agent_system_id = case when t.agent_system_id is null then claim_parts.system_id end
  where t.tenant_id = (select id from tenant) and (
    (t.agent_system_id is null
      and (own -> 'tools' ? t.name or t.name in (select s.name from sub_run_tools as s)))
    or (release and t.agent_system_id = claim_parts.system_id
      and not coalesce(document -> 'tools' ? t.name, false)
      and howdah_private.sub_run_target(t) is null))
$$;

-- Returns the system prompt of an agent as the runtime builds it (src/runtime/messages). A variable
-- that only a run can fill stays as {{name}}, and so do all variables of a prompt that would be
-- larger than 1 MB.
create or replace function howdah_private.final_system_prompt(definition jsonb) returns text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select concat_ws(E'\n\n', nullif(d.agent ->> 'system_prompt', ''),
    nullif(case
      when howdah_private.filled_template_bytes(v.template, v.vals) > 1048576 then v.template
      else howdah_private.fill_template(v.template, v.vals) end, ''),
    nullif(d.agent ->> 'instruction', ''), (
      select E'Your skills. Read one by load_skill before you do what it is about:\n'
        || string_agg(format('- %s: %s', s.one ->> 'name', s.one ->> 'description'), E'\n'
          order by s.place)
      from jsonb_array_elements(definition -> 'skills') with ordinality as s (one, place)
      where definition -> 'tools' @> '[{"kind": "builtin", "name": "load_skill"}]'
      having count(*) > 0))
  from (select definition -> 'agent' as agent) as d
  cross join lateral (
    select d.agent #>> '{prompt,template}' as template, howdah_private.prompt_values(
      d.agent #> '{prompt,variables}', d.agent #> '{prompt,values}', null) as vals
  ) as v
$$;

-- Returns what the runtime uses: for each agent the system prompt, the models and the tools of its
-- version, and for each workflow its members.
create or replace function howdah_private.resolved_system(s howdah.agent_systems) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object('orchestrator', s.orchestrator,
    'agents', coalesce((
      select json_object_agg(a.name, jsonb_build_object('id', a.id, 'final_system_prompt',
        howdah_private.final_system_prompt(d.definition),
        'models', d.definition -> 'models',
        'tools', howdah_private.tools_with_capabilities(d.definition -> 'tools')))::jsonb
      from howdah.agents as a
      cross join lateral (select howdah_private.agent_definition(a.id) as definition offset 0) as d
      where a.tenant_id = s.tenant_id and a.agent_system_id = s.id and a.deleted_at is null), '{}'),
    'workflows', coalesce((
      select json_object_agg(w.name, jsonb_build_object('id', w.id, 'type', w.type,
        'members', howdah_private.workflow_definition(w.id) #> '{workflow,members}'))::jsonb
      from howdah.workflows as w
      where w.tenant_id = s.tenant_id and w.agent_system_id = s.id and w.deleted_at is null), '{}'))
$$;
