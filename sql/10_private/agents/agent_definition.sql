-- Returns everything that a run of the agent needs, by value. A version stores this definition, so
-- nothing in it can change under a run. Prices are left out on purpose: they are read when a step
-- commits.
create or replace function howdah_private.agent_definition(agent_id uuid) returns jsonb
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  with agent as (
    select a.* from howdah.agents as a where a.id = agent_definition.agent_id
  ),
  chosen_models as (
    select am.model_id, am.position, am.request_params
    from agent as a join howdah.agent_models as am on am.agent_id = a.id
    where am.purpose = 'llm'
  ),
  models as (
    select m as model, c.position, m.request_params || c.request_params as request_params
    from chosen_models as c join howdah.models as m on m.id = c.model_id
    union all -- models of agents that name none
    select m, case m.name when 'default' then 0 else m.fallback_position end, m.request_params
    from agent as a
    join howdah.models as m on m.tenant_id = a.tenant_id
      and (m.name = 'default' or (m.fallback_position is not null and m.purpose = 'llm'))
    where not exists (select from chosen_models)
  ),
  granted_tools as (
    select t as tool, at.configuration, at.requires_approval
    from agent as a join howdah.agent_tools as at on at.agent_id = a.id
    join howdah.tools as t on t.id = at.tool_id
    where howdah_private.is_offered(t)
    union all
    select t, '{}', null from howdah_private.tools_of_servers(agent_definition.agent_id) as t
    union all -- tools that an agent has without a grant
    select t, '{}', null
    from agent as a
    join howdah.tools as t on t.tenant_id = a.tenant_id and t.kind = 'builtin' and case t.name
      when 'ask_user' then a.human_input or a.engine = 'a2a'
      when 'load_skill' then howdah_private.pinned_skills(a.id) <> '{}' end
    where t.is_active
      and not exists (select from howdah.agent_tools as at
        where at.agent_id = a.id and at.tool_id = t.id)
  )
  select jsonb_build_object(
    'agent', jsonb_build_object(
      'name', a.name, 'description', a.description, 'capabilities', a.capabilities,
      'domain', a.domain, 'instruction', a.instruction, 'system_prompt', a.system_prompt,
      'use_history', a.use_history, 'context_policy', a.context_policy,
      'output_schema', a.output_schema, 'max_steps', a.max_steps,
      'max_tokens', a.max_tokens, 'max_cost', a.max_cost, 'max_seconds', a.max_seconds
    ) || howdah_private.pinned_prompt(a)
      || case when a.allow_empty then '{"allow_empty": true}'::jsonb else '{}' end
      || jsonb_strip_nulls(jsonb_build_object( -- absent in most versions
        'retry_for', a.retry_for, 'cache_answers_for', a.cache_answers_for))
      || case a.engine when 'builtin' then '{}' else jsonb_build_object('engine', a.engine,
      'engine_configuration', a.engine_configuration, 'context_policy', 'none') end,
    'models', case when a.engine <> 'builtin' then jsonb_build_array(howdah_private.engine_model(a))
      else coalesce((
      select to_jsonb(array_agg(jsonb_build_object(
        'id', (m.model).id, 'name', (m.model).name, 'provider', (m.model).provider,
        'model', (m.model).model, 'base_url', (m.model).base_url,
        'context_tokens', (m.model).context_tokens, 'request_params', m.request_params
      ) || case when (m.model).secret_name is null then '{}' else
        jsonb_build_object('secret_name', (m.model).secret_name) end || howdah_private.guard_of(
        (m.model).is_guarded) || howdah_private.tool_modalities((m.model).capabilities)
        order by m.position, (m.model).name))
      from models as m
    ), '[]') end,
    'tools', coalesce((
      select to_jsonb(array_agg(
        howdah_private.tool_definition(g.tool, g.configuration, g.requires_approval)
          || case when c.id is null then '{}' else jsonb_build_object(
            'compensation', howdah_private.tool_definition(c, '{}', null)) end
        order by (g.tool).name))
      from granted_tools as g
      -- other engines have tools of their own, except an engine that is a tool; an A2A agent asks
      -- people by ask_user
      join agent as a on a.engine = 'builtin'
        or a.engine = 'custom' and a.engine_configuration ->> 'tool' = (g.tool).name
        or a.engine = 'a2a' and (g.tool).kind = 'builtin' and (g.tool).name = 'ask_user'
      left join howdah.tools as c on c.id = (g.tool).compensation_tool_id and c.is_active
    ), '[]')
  ) || howdah_private.pinned_skills(a.id)
    || case a.engine when 'builtin' then howdah_private.pinned_servers(a.id) else '{}' end
  from agent as a
$$;

-- Returns the definition of a tool for an agent. The configuration of the agent overrides that of
-- the tool, key by key. But only the tool itself names the database function that a SQL tool calls,
-- and the remote tool that an MCP tool calls.
create or replace function howdah_private.tool_definition(
  tool howdah.tools, configuration jsonb, requires_approval boolean
) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'id', tool.id, 'name', tool.name, 'aliases', tool.aliases, 'description', tool.description,
    'kind', tool.kind,
    'agent_id', tool.agent_id, 'workflow_id', tool.workflow_id, 'parameters', tool.parameters,
    'configuration', case when tool.kind in ('sql', 'mcp')
      then tool_definition.configuration || tool.configuration
      else tool.configuration || tool_definition.configuration end, 'effect', tool.effect,
    'timeout_ms', tool.timeout_ms,
    'requires_approval', coalesce(tool_definition.requires_approval, tool.requires_approval)
  ) || case tool.kind when 'mcp' then jsonb_build_object('server_id', tool.server_id) else '{}' end
    || case when tool.is_guarded then '{}' else '{"is_guarded": false}'::jsonb end
    || case when tool.cache_answers_for is null then '{}'
      else jsonb_build_object('cache_answers_for', tool.cache_answers_for) end
$$;
