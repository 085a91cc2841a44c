-- Builds the entries of an agent system document (docs/files.md) from models, tools, MCP servers,
-- prompts, skills, agents and workflows. An entry leaves out what equals its default. Exports write
-- these entries and applies compare them, so both agree on the meaning.

-- Returns the sections of a document, in the order in which they are written.
create or replace function howdah_private.system_sections() returns text[]
  language sql immutable
  return array['models', 'functions', 'tools', 'mcp_servers', 'prompts', 'skills', 'agents',
    'workflows'];

-- Returns the document without nulls and defaults. Numbers get one form: 0.250 and 0.25 are the
-- same price.
create or replace function howdah_private.sparse(document jsonb, defaults jsonb) returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  -- Only a fraction with a trailing zero needs another form. Searching for one is cheaper than
  -- rewriting every value.
  select coalesce(json_object_agg(e.key, case when e.value::text ~ '\.[0-9]*0([^0-9]|$)'
    then howdah_private.plain_numbers(e.value) else e.value end)::jsonb, '{}')
  from jsonb_each(sparse.document) as e
  where e.value <> 'null' and e.value is distinct from sparse.defaults -> e.key
$$;

-- Returns the value with trailing zeros removed from all its numbers.
create or replace function howdah_private.plain_numbers(value jsonb) returns jsonb
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case jsonb_typeof(plain_numbers.value)
    when 'number' then to_jsonb(trim_scale((plain_numbers.value #>> '{}')::numeric))
    when 'object' then (
      select coalesce(json_object_agg(e.key, howdah_private.plain_numbers(e.value))::jsonb, '{}')
      from jsonb_each(plain_numbers.value) as e)
    when 'array' then (
      select coalesce(to_jsonb(array_agg(
        howdah_private.plain_numbers(e.one) order by e.place)), '[]')
      from jsonb_array_elements(plain_numbers.value) with ordinality as e (one, place))
    else plain_numbers.value end;
end $$;

-- Returns the entry of a model. Facts from the catalogue are not part of it: where the file is
-- applied, the catalogue may know newer ones.
create or replace function howdah_private.model_entry(m howdah.models) returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.sparse(jsonb_build_object(
    'provider', o.provider, 'model', o.model, 'purpose', o.purpose, 'domain', o.domain,
    'base_url', o.base_url,
    'secret_name', o.secret_name, 'capabilities', o.capabilities, 'input_price', o.input_price,
    'output_price', o.output_price, 'cached_input_price', o.cached_input_price,
    'cache_write_price', o.cache_write_price, 'unit_price', o.unit_price,
    'price_unit', o.price_unit, 'context_tokens', o.context_tokens,
    'request_params', o.request_params, 'fallback_position', o.fallback_position
  ), howdah_private.model_defaults())
  from howdah_private.without_catalog(m) as o
$$;

-- Returns the default fields of a model.
create or replace function howdah_private.model_defaults() returns jsonb
  language sql immutable
  return '{"purpose": "llm", "capabilities": {}, "request_params": {}}'::jsonb;

-- Returns the entry of a model as it will be stored: without defaults, with the vendor and the
-- address of its provider, and with the id of the model instead of an alias of that vendor.
create or replace function howdah_private.stored_model_entry(entry jsonb) returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.sparse(
    (stored_model_entry.entry - 'base_url') || jsonb_strip_nulls(jsonb_build_object(
      'provider', r.name, 'base_url', r.url,
      'model', howdah_private.model_id_of(r.name, entry ->> 'model'))),
    howdah_private.model_defaults())
  from howdah_private.resolve_provider(entry ->> 'provider', entry ->> 'base_url') as r
$$;

-- Returns the default fields of a tool. A SQL tool gets description, effect and parameters from the
-- catalogue, so its entry has no default for description and effect.
create or replace function howdah_private.tool_defaults(kind text) returns jsonb
  language sql immutable
  return case kind when 'sql' then '{}'::jsonb
    else '{"description": "", "effect": "idempotent"}' end
    || '{"aliases": [], "capabilities": [], "configuration": {}, "requires_approval": false,
      "timeout_ms": 60000, "is_active": true}'
    || jsonb_build_object('parameters', case when kind in ('agent', 'workflow')
      then '{"type": "object", "properties": {"message": {"type": "string"}},
        "required": ["message"]}'::jsonb
      else '{"type": "object", "properties": {}}' end);

create or replace function howdah_private.tool_entry(t howdah.tools) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.sparse(jsonb_build_object(
    'kind', t.kind, 'aliases', t.aliases, 'description', t.description,
    'capabilities', t.capabilities, 'domain', t.domain, 'effect', t.effect,
    'parameters', case when t.kind <> 'sql' then t.parameters end,
    'configuration', case when t.kind <> 'sql' then t.configuration end,
    'function', case when t.kind = 'sql' then t.configuration -> 'signature' end,
    'requires_approval', t.requires_approval, 'timeout_ms', t.timeout_ms, 'is_active', t.is_active,
    'cache_answers_for', t.cache_answers_for,
    'agent', (select a.name from howdah.agents as a where a.id = t.agent_id),
    'workflow', (select w.name from howdah.workflows as w where w.id = t.workflow_id),
    'compensation', (select c.name from howdah.tools as c where c.id = t.compensation_tool_id)
  ), howdah_private.tool_defaults(t.kind::text))
$$;

-- Returns the name of the tool that stands for an agent or workflow in the list `agents` or
-- `workflows` of an agent.
create or replace function howdah_private.sub_run_tool_name(what text, name text) returns text
  language sql immutable
  return left(what || '__' || regexp_replace(name, '[^A-Za-z0-9_-]', '_', 'g'), 64);

-- Returns the name of the agent or workflow that a tool stands for. Returns null if the tool has
-- settings of its own and needs an entry under `tools`.
create or replace function howdah_private.sub_run_target(t howdah.tools) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select x.name
  from (
    select a.name from howdah.agents as a where a.id = t.agent_id
    union all
    select w.name from howdah.workflows as w where w.id = t.workflow_id
  ) as x
  where t.kind in ('agent', 'workflow')
    and t.name = howdah_private.sub_run_tool_name(t.kind::text, x.name)
    and (t.aliases, t.capabilities, t.configuration, t.effect, t.requires_approval, t.timeout_ms,
      t.is_active) = ('{}'::text[], '{}'::text[], '{}'::jsonb, 'idempotent'::howdah.tool_effect,
      false, 60000, true)
    and num_nonnulls(t.compensation_tool_id::text, t.domain) = 0
    and t.parameters = howdah_private.tool_defaults(t.kind::text) -> 'parameters'
$$;

create or replace function howdah_private.prompt_entry(p howdah.prompts) returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.sparse(jsonb_build_object(
    'template', p.template, 'description', p.description, 'variables', p.variables
  ), '{"description": "", "variables": {}}')
$$;

create or replace function howdah_private.skill_entry(s howdah.skills) returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.sparse(jsonb_build_object(
    'description', s.description, 'content', s.content, 'is_active', s.is_active
  ), '{"is_active": true}')
$$;

-- Returns the entry of an MCP server. The keys of its configuration are keys of the entry, as for a
-- workflow.
create or replace function howdah_private.mcp_server_entry(s howdah.mcp_servers) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.sparse(s.configuration || jsonb_build_object(
    'type', s.type, 'description', s.description, 'trusts_annotations', s.trusts_annotations,
    'is_active', s.is_active,
    'sampling_model',
    (select m.name from howdah.models as m where m.tenant_id = s.tenant_id
      and m.id = s.sampling_model_id),
    'allows_elicitation', s.allows_elicitation
  ), '{"description": "", "trusts_annotations": false, "allows_elicitation": false,
    "is_active": true}')
$$;

-- Returns the MCP servers of an agent: a list of names, or an object if an agent may not use all
-- tools of a server.
create or replace function howdah_private.agent_servers_entry(agent_id uuid) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select case when bool_and(g.allowed_tools is null) then to_jsonb(array_agg(
    s.name order by s.name))
    else json_object_agg(s.name, case when g.allowed_tools is null then '{}'
      else jsonb_build_object('allowed_tools', g.allowed_tools) end)::jsonb end
  from howdah.agent_servers as g join howdah.mcp_servers as s on s.id = g.server_id
  where g.agent_id = agent_servers_entry.agent_id
$$;

create or replace function howdah_private.agent_entry(a howdah.agents) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.sparse(jsonb_build_object(
    'mission', a.instruction, 'system_prompt', a.system_prompt, 'description', a.description,
    'prompt', (select p.name from howdah.prompts as p where p.id = a.prompt_id),
    'prompt_values', a.prompt_values, 'skills', (
      select to_jsonb(array_agg(s.name order by g.position, s.name))
      from howdah.agent_skills as g join howdah.skills as s on s.id = g.skill_id
      where g.agent_id = a.id),
    'servers', howdah_private.agent_servers_entry(a.id),
    'use_history', a.use_history, 'human_input', a.human_input, 'context_policy', a.context_policy,
    'allow_empty', a.allow_empty,
    'capabilities', a.capabilities, 'domain', a.domain, 'output_schema', a.output_schema,
    'is_active', a.is_active, 'is_default', a.is_default, 'engine', a.engine,
    'engine_configuration', a.engine_configuration,
    'budget', howdah_private.sparse(
      jsonb_build_object('max_steps', a.max_steps, 'max_tokens', a.max_tokens,
      'max_cost', a.max_cost, 'max_seconds', a.max_seconds), '{}'),
    'retry_for', a.retry_for, 'cache_answers_for', a.cache_answers_for,
    'models', (
      select to_jsonb(array_agg(
        case when u.purpose = 'llm' and u.request_params = '{}' then to_jsonb(m.name)
        else howdah_private.sparse(
          jsonb_build_object('model', m.name, 'purpose', u.purpose,
            'request_params', u.request_params),
          '{"purpose": "llm", "request_params": {}}') end order by u.purpose, u.position))
      from howdah.agent_models as u join howdah.models as m on m.id = u.model_id
      where u.agent_id = a.id)
  ) || howdah_private.agent_tools_entry(a.id), '{
    "mission": "", "description": "", "use_history": true, "human_input": false,
    "context_policy": "trim", "allow_empty": false,
    "capabilities": [], "is_active": true, "is_default": false, "budget": {}, "tools": {},
    "agents": [], "workflows": [],
    "engine": "builtin", "engine_configuration": {}, "prompt_values": {}
  }')
$$;

create or replace function howdah_private.agent_tools_entry(agent_id uuid) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  with granted_tools as (
    select t.name, t.kind::text as kind, u.configuration, u.requires_approval,
      howdah_private.sub_run_target(t) as target
    from howdah.agent_tools as u join howdah.tools as t on t.id = u.tool_id
    where u.agent_id = agent_tools_entry.agent_id
  ),
  sub_runs as (
    select g.kind, case when bool_and(o.one = '{}') then to_jsonb(array_agg(
      g.target order by g.target))
      else json_object_agg(g.target, o.one)::jsonb end as entry
    from granted_tools as g
    cross join lateral (select g.configuration || case when g.requires_approval is null then '{}'
      else jsonb_build_object('requires_approval', g.requires_approval) end as one) as o
    where g.target is not null
    group by g.kind
  )
  select jsonb_build_object(
    'tools', (
      select howdah_private.sparse(jsonb_build_object(
        'allow', coalesce(to_jsonb(array_agg(g.name order by g.name)), '[]'),
        'configuration',
        coalesce(json_object_agg(
          g.name, g.configuration) filter (where g.configuration <> '{}')::jsonb,
          '{}'),
        'requires_approval', coalesce(
          json_object_agg(g.name, g.requires_approval) filter (
            where g.requires_approval is not null)::jsonb, '{}')
      ), '{"allow": [], "configuration": {}, "requires_approval": {}}')
      from granted_tools as g where g.target is null),
    'agents', (select s.entry from sub_runs as s where s.kind = 'agent'),
    'workflows', (select s.entry from sub_runs as s where s.kind = 'workflow'))
$$;

create or replace function howdah_private.workflow_entry(w howdah.workflows) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  -- the key `members` of a configuration would clash with the list of members
  select howdah_private.sparse(w.configuration || jsonb_build_object(
    'configuration',
    case when w.configuration ? 'members'
      then jsonb_build_object('members', w.configuration -> 'members') end,
    'type', w.type, 'description', w.description, 'instruction', w.instruction,
    'is_active', w.is_active,
    'budget', howdah_private.sparse(
      jsonb_build_object('max_steps', w.max_steps, 'max_tokens', w.max_tokens,
      'max_cost', w.max_cost, 'max_seconds', w.max_seconds), '{}'),
    'members', coalesce((
      select to_jsonb(array_agg(
        case when o.one - 'agent' = '{}' then o.one -> 'agent' else o.one end
        order by m.sequence_order))
      from howdah.workflow_agents as m
      cross join lateral (select howdah_private.sparse(jsonb_build_object(
        'agent', (select a.name from howdah.agents as a where a.id = m.agent_id),
        'workflow', (select x.name from howdah.workflows as x where x.id = m.member_workflow_id),
        'question', m.question, 'role', m.role, 'configuration', m.configuration
      ), '{"configuration": {}}') as one) as o
      where m.workflow_id = w.id), '[]')
  ), '{"description": "", "instruction": "", "is_active": true, "budget": {}}')
$$;

-- Returns the rows of the tenant that are not deleted and that a system owns (no system without a
-- system_id), or that `named` lists in its sections. A caller who may read systems may read all
-- these rows.
create or replace function howdah_private.system_rows(system_id uuid, named jsonb)
  returns table (kind text, name text, id uuid, owner_id uuid, entry jsonb)
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id uuid := howdah.current_tenant();
begin
  perform howdah_private.permit('agent_systems', 'read');
  return query
  select 'models', m.name, m.id, m.agent_system_id, howdah_private.model_entry(m)
  from howdah.models as m
  where m.tenant_id = v_tenant_id and (system_rows.named -> 'models' ? m.name
    or (m.agent_system_id is not distinct from system_id and not m.from_environment))
  union all
  select distinct on (f.id) 'functions', f.name, null::uuid, o.id,
    howdah_private.function_entry(f.id)
  from (
    select s.name, s.functions from howdah.agent_systems as s where s.id = system_rows.system_id
      and s.tenant_id = v_tenant_id
    union
    select system_rows.named ->> 'name',
      array(select e.name from howdah_private.system_entries(system_rows.named, 'functions') as e)
    where system_rows.named ? 'functions' and howdah_private.is_operator()
  ) as x
  cross join lateral howdah_private.functions_of(x.name, x.functions) as f
  left join howdah.agent_systems as o on o.tenant_id = v_tenant_id and o.name = x.name
    and f.name = any (o.functions)
  union all
  select 'tools', t.name, t.id, t.agent_system_id, howdah_private.tool_entry(t)
  from howdah.tools as t
  where t.tenant_id = v_tenant_id and (system_rows.named -> 'tools' ? t.name
    or (t.agent_system_id is not distinct from system_id and t.kind not in ('builtin', 'mcp')
      and howdah_private.sub_run_target(t) is null))
  union all
  select 'mcp_servers', s.name, s.id, s.agent_system_id, howdah_private.mcp_server_entry(s)
  from howdah.mcp_servers as s
  where s.tenant_id = v_tenant_id
    and (system_rows.named -> 'mcp_servers' ? s.name
      or s.agent_system_id is not distinct from system_id)
  union all
  select 'prompts', p.name, p.id, p.agent_system_id, howdah_private.prompt_entry(p)
  from howdah.prompts as p
  where p.tenant_id = v_tenant_id and p.deleted_at is null
    and (system_rows.named -> 'prompts' ? p.name
      or p.agent_system_id is not distinct from system_id)
  union all
  select 'skills', s.name, s.id, s.agent_system_id, howdah_private.skill_entry(s)
  from howdah.skills as s
  where s.tenant_id = v_tenant_id and s.deleted_at is null
    and (system_rows.named -> 'skills' ? s.name or s.agent_system_id is not distinct from system_id)
  union all
  select 'agents', a.name, a.id, a.agent_system_id, howdah_private.agent_entry(a)
  from howdah.agents as a
  where a.tenant_id = v_tenant_id and a.deleted_at is null
    and (system_rows.named -> 'agents' ? a.name or a.agent_system_id is not distinct from system_id)
  union all
  select 'workflows', w.name, w.id, w.agent_system_id, howdah_private.workflow_entry(w)
  from howdah.workflows as w
  where w.tenant_id = v_tenant_id and w.deleted_at is null
    and (system_rows.named -> 'workflows' ? w.name
      or w.agent_system_id is not distinct from system_id);
end $$;

-- Returns the whole document of a system, or of all rows without a system. Includes the models that
-- its parts use, so that the document can be applied elsewhere. Leaves out the rows that every
-- tenant starts with.
create or replace function howdah_private.system_document(system_id uuid, about jsonb) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  with own as (
    select r.* from howdah_private.system_rows(system_document.system_id, '{}') as r
    where system_id is not null
      or r.entry is distinct from howdah_private.seeded_parts() -> r.kind -> r.name
  ),
  used as (
    select coalesce(json_object_agg(u.name, true)::jsonb, '{}') as models
    from (
      select coalesce(m ->> 'model', m #>> '{}') as name
      from own as o cross join lateral jsonb_array_elements(o.entry -> 'models') as m
      where o.kind = 'agents'
      union
      select o.entry ->> 'model' from own as o where o.kind = 'workflows' and o.entry ? 'model'
      union
      select o.entry ->> 'sampling_model' from own as o
      where o.kind = 'mcp_servers' and o.entry ? 'sampling_model'
    ) as u
  ),
  rows as (
    select o.kind, o.name, o.entry from own as o
    union
    select 'models', m.name, howdah_private.model_entry(m)
    from used as u join howdah.models as m on u.models ? m.name
    where m.tenant_id = howdah.current_tenant() and not m.from_environment
  )
  select system_document.about || '{"version": "v1"}' || coalesce((
    select json_object_agg(s.kind, s.entries)::jsonb
    from (select r.kind, json_object_agg(r.name, r.entry)::jsonb as entries from rows as r
      group by r.kind) as s
  ), '{}')
$$;
