-- Reads the references of an agent system document and reports faults in them. Each reference and
-- fault has its place in the document as a JSON pointer.

create or replace function howdah_private.json_pointer(variadic parts text[]) returns text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(
    string_agg('/' || replace(replace(p.part, '~', '~0'), '/', '~1'), '' order by p.place), '')
  from unnest(json_pointer.parts) with ordinality as p (part, place)
$$;

-- Returns the entries of a section. A section that is not an object has been refused before.
create or replace function howdah_private.system_entries(document jsonb, section text)
  returns table (name text, entry jsonb)
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select e.key, e.value
  from jsonb_each(coalesce(system_entries.document -> system_entries.section, '{}')) as e
  order by e.key collate "C"
$$;

-- Returns the models of an agent in their order: one under `model`, or a list under `models`.
create or replace function howdah_private.entry_models(entry jsonb)
  returns table (name text, purpose howdah.model_purpose, "position" int, request_params jsonb,
    place text[])
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(u.one ->> 'model', u.one #>> '{}'), p.purpose,
    (row_number() over (partition by p.purpose order by u.place))::int,
    coalesce(u.one -> 'request_params', '{}'),
    case when entry_models.entry ? 'model' then array['model']
      else array['models', (u.place - 1)::text] end
  from jsonb_array_elements(case
    when entry_models.entry ? 'model' then jsonb_build_array(jsonb_strip_nulls(jsonb_build_object(
      'model', entry_models.entry -> 'model')) || case when entry_models.entry ? 'request_params'
        then jsonb_build_object('request_params', entry_models.entry -> 'request_params')
        else '{}' end)
    else coalesce(entry_models.entry -> 'models', '[]') end) with ordinality as u (one, place)
  cross join lateral (
    select coalesce(case jsonb_typeof(u.one) when 'object' then u.one ->> 'purpose' end,
      'llm')::howdah.model_purpose
    as purpose) as p
$$;

-- Returns what an agent may call: tools, and agents and workflows as tools.
create or replace function howdah_private.entry_tools(entry jsonb)
  returns table (what text, name text, configuration jsonb, requires_approval boolean, place text[])
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select 'tool', t.name,
    coalesce(entry_tools.entry #> array['tools', 'configuration', t.name], '{}'),
    (entry_tools.entry #>> array['tools', 'requires_approval', t.name])::boolean,
    array['tools', 'allow', (t.place - 1)::text]
  from jsonb_array_elements_text(
    coalesce(entry_tools.entry #> '{tools,allow}', '[]')) with ordinality as t (name, place)
  union all
  select k.what, s.name, s.configuration - 'requires_approval',
    (s.configuration ->> 'requires_approval')::boolean, array[k.section, s.place]
  from (values ('agent', 'agents'), ('workflow', 'workflows')) as k (what, section)
  cross join lateral (
    select x.name, '{}'::jsonb as configuration, (x.place - 1)::text as place
    from jsonb_array_elements_text(case jsonb_typeof(entry_tools.entry -> k.section)
      when 'array' then entry_tools.entry -> k.section end) with ordinality as x (name, place)
    union all
    select o.key, o.value, o.key
    from jsonb_each(case jsonb_typeof(entry_tools.entry -> k.section)
      when 'object' then entry_tools.entry -> k.section end) as o
  ) as s
$$;

-- Returns the members of a workflow in their order. A plain name means an agent, else a workflow.
create or replace function howdah_private.entry_members(entry jsonb)
  returns table (what text, name text, question jsonb, role text, configuration jsonb, place int)
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select case when jsonb_typeof(m.one) = 'string' then 'member' when m.one ? 'agent' then 'agent'
      when m.one ? 'workflow' then 'workflow' else 'question' end,
    coalesce(m.one ->> 'agent', m.one ->> 'workflow',
      case jsonb_typeof(m.one) when 'string' then m.one #>> '{}' end),
    m.one -> 'question', m.one ->> 'role', coalesce(m.one -> 'configuration', '{}'), m.place::int
  from jsonb_array_elements(
    coalesce(entry_members.entry -> 'members', '[]')) with ordinality as m (one, place)
$$;

-- Returns the skills of an agent in their order.
create or replace function howdah_private.entry_skills(entry jsonb)
  returns table (name text, place int)
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select s.name, s.place::int
  from jsonb_array_elements_text(
    coalesce(entry_skills.entry -> 'skills', '[]')) with ordinality as s (name, place)
$$;

-- Returns the MCP servers of an agent with the allowed tools of each; null means all tools.
create or replace function howdah_private.entry_servers(entry jsonb)
  returns table (name text, allowed_tools text[], place text)
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select s.name, null::text[], (s.place - 1)::text
  from jsonb_array_elements_text(case jsonb_typeof(entry_servers.entry -> 'servers')
    when 'array' then entry_servers.entry -> 'servers' end) with ordinality as s (name, place)
  union all
  select o.key,
    case when o.value ? 'allowed_tools'
      then howdah_private.text_array(o.value -> 'allowed_tools') end,
      o.key
  from jsonb_each(case jsonb_typeof(entry_servers.entry -> 'servers')
    when 'object' then entry_servers.entry -> 'servers' end) as o
$$;

-- Returns every reference in a document with its kind: model, tool, mcp_server, prompt, skill,
-- agent, workflow, or member, which means an agent or a workflow.
create or replace function howdah_private.system_uses(document jsonb)
  returns table (what text, name text, path text)
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select 'model', u.name, howdah_private.json_pointer(variadic array['agents', a.name] || u.place)
  from howdah_private.system_entries(document, 'agents') as a
  cross join howdah_private.entry_models(a.entry) as u
  union all
  select u.what, u.name, howdah_private.json_pointer(variadic array['agents', a.name] || u.place)
  from howdah_private.system_entries(document, 'agents') as a
  cross join howdah_private.entry_tools(a.entry) as u
  union all
  select 'prompt', a.entry ->> 'prompt', howdah_private.json_pointer('agents', a.name, 'prompt')
  from howdah_private.system_entries(document, 'agents') as a where a.entry ? 'prompt'
  union all
  select 'skill', s.name,
    howdah_private.json_pointer('agents', a.name, 'skills', (s.place - 1)::text)
  from howdah_private.system_entries(document, 'agents') as a
  cross join howdah_private.entry_skills(a.entry) as s
  union all
  select 'mcp_server', s.name, howdah_private.json_pointer('agents', a.name, 'servers', s.place)
  from howdah_private.system_entries(document, 'agents') as a
  cross join howdah_private.entry_servers(a.entry) as s
  union all
  select k.what, t.entry ->> k.key, howdah_private.json_pointer('tools', t.name, k.key)
  from howdah_private.system_entries(document, 'tools') as t
  cross join (values ('agent', 'agent'), ('workflow', 'workflow'),
    ('tool', 'compensation')) as k (what, key)
  where t.entry ? k.key
  union all
  select m.what, m.name,
    howdah_private.json_pointer('workflows', w.name, 'members', (m.place - 1)::text)
  from howdah_private.system_entries(document, 'workflows') as w
  cross join howdah_private.entry_members(w.entry) as m
  where m.what <> 'question'
  union all
  select 'model', w.entry ->> 'model', howdah_private.json_pointer('workflows', w.name, 'model')
  from howdah_private.system_entries(document, 'workflows') as w where w.entry ? 'model'
  union all
  select 'model', w.entry #>> '{configuration,model}',
    howdah_private.json_pointer('workflows', w.name, 'configuration', 'model')
  from howdah_private.system_entries(document, 'workflows') as w
  where w.entry -> 'configuration' ? 'model'
  union all
  select 'model', s.entry ->> 'sampling_model',
    howdah_private.json_pointer('mcp_servers', s.name, 'sampling_model')
  from howdah_private.system_entries(document, 'mcp_servers') as s where s.entry ? 'sampling_model'
  union all
  select 'member', document ->> 'orchestrator', '/orchestrator' where document ? 'orchestrator'
$$;

-- Returns the known names of each kind: those of the document and those of the tenant.
create or replace function howdah_private.known_names(document jsonb)
  returns table (what text, name text)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  with known as (
    select 'model' as what, m.name from howdah.models as m
    where m.tenant_id = howdah.current_tenant()
    union
    select 'tool', n.name
    from howdah.tools as t cross join lateral unnest(t.name || t.aliases) as n (name)
    where t.tenant_id = howdah.current_tenant()
    union
    select 'tool', n.name from howdah_private.system_entries(document, 'tools') as t
    cross join lateral jsonb_array_elements_text(coalesce(t.entry -> 'aliases', '[]')) as n (name)
    union
    select 'prompt', p.name from howdah.prompts as p where p.tenant_id = howdah.current_tenant()
      and p.deleted_at is null
    union
    select 'skill', s.name from howdah.skills as s where s.tenant_id = howdah.current_tenant()
      and s.deleted_at is null
    union
    select 'mcp_server', s.name from howdah.mcp_servers as s
    where s.tenant_id = howdah.current_tenant()
    union
    select 'agent', a.name from howdah.agents as a where a.tenant_id = howdah.current_tenant()
      and a.deleted_at is null
    union
    select 'workflow', w.name from howdah.workflows as w where w.tenant_id = howdah.current_tenant()
      and w.deleted_at is null
    union
    select left(s.section, -1), e.name
    from unnest(howdah_private.system_sections()) as s (section)
    cross join lateral howdah_private.system_entries(document, s.section) as e
  )
  select k.what, k.name from known as k
  union
  select 'member', k.name from known as k where k.what in ('agent', 'workflow')
$$;

create or replace function howdah_private.system_fault(path text, message text,
  hint text default null, code text default 'HWINV')
  returns jsonb
  language sql immutable
  return jsonb_strip_nulls(
    jsonb_build_object('path', path, 'message', message, 'hint', hint, 'code', code));

-- Returns the faults of references: unknown names, settings of a tool that is not allowed, and
-- names that an agent lists twice.
create or replace function howdah_private.system_use_faults(document jsonb) returns jsonb[]
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  with known as materialized (
    select * from howdah_private.known_names(document)
  ),
  unknown as (
    select u.path,
      case u.what when 'member' then 'agent or workflow' when 'mcp_server' then 'MCP server'
        else u.what end as what, u.name,
      (select howdah_private.nearest_word(u.name, coalesce(array_agg(k.name order by k.name), '{}'))
        from known as k where k.what = u.what) as nearest,
      howdah_private.list_names(
        array(select x.name from known as x where x.what = u.what order by x.name limit 13), 12
      ) as some
    from howdah_private.system_uses(document) as u
    where not exists (select from known as k where (k.what, k.name) = (u.what, u.name))
  ),
  faults as (
    select u.path, format('unknown %s %s', u.what, to_jsonb(u.name))
      || coalesce(', did you mean ' || to_jsonb(u.nearest)::text || '?', '') as message,
      case when u.nearest is null
        then coalesce('Known names: ' || u.some || '.', 'None exists yet.') end as hint
    from unknown as u
    union all
    select howdah_private.json_pointer('agents', a.name, 'tools', k.key, o.name),
      format('%s is not among tools.allow', to_jsonb(o.name)),
      'Add the tool to tools.allow; this key only overrides its settings for this agent.'
    from howdah_private.system_entries(document, 'agents') as a
    cross join (values ('configuration'), ('requires_approval')) as k (key)
    cross join lateral jsonb_object_keys(
      coalesce(a.entry #> array['tools', k.key], '{}')) as o (name)
    where not coalesce(a.entry #> '{tools,allow}' ? o.name, false)
    union all
    select howdah_private.json_pointer(variadic array['agents', a.name] || t.place),
      format('%s is listed twice', to_jsonb(t.name)), null
    from howdah_private.system_entries(document, 'agents') as a
    cross join lateral (
      select u.name, u.place,
        row_number() over (partition by u.what, u.name order by u.place) as times
      from howdah_private.entry_tools(a.entry) as u
      union all
      select s.name, array['skills', (s.place - 1)::text],
        row_number() over (partition by s.name order by s.place)
      from howdah_private.entry_skills(a.entry) as s
      union all
      select s.name, array['servers', s.place],
        row_number() over (partition by s.name order by s.place)
      from howdah_private.entry_servers(a.entry) as s
    ) as t
    where t.times > 1
    union all
    select howdah_private.json_pointer('agents', a.name, k.key), k.fault, null
    from howdah_private.system_entries(document, 'agents') as a
    cross join lateral (values
      ('models', 'set either model or models, not both',
        a.entry ? 'model' and a.entry ? 'models'),
      ('request_params', 'request_params go with model; in a list of models each has its own',
        a.entry ? 'request_params' and not a.entry ? 'model'),
      ('prompt_values', 'prompt_values go with prompt',
        coalesce(a.entry -> 'prompt_values', '{}') <> '{}' and not a.entry ? 'prompt')
    ) as k (key, fault, is_there)
    where k.is_there
  )
  select coalesce(
    array_agg(howdah_private.system_fault(f.path, f.message, f.hint) order by f.path), '{}')
  from faults as f
$$;
