-- Everything a run of the agent needs, by value: what stands in a version can never change under a run.
-- Prices are left out on purpose, they are read when a step commits.
create or replace function howdah_private.agent_definition(agent_id uuid) returns jsonb
  language sql stable security definer
  set search_path = ''
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
    select m.*, c.position, c.request_params
    from chosen_models as c join howdah.models as m on m.id = c.model_id
    union all
    select m.*, 1, '{}'::jsonb
    from agent as a join howdah.models as m on m.tenant_id = a.tenant_id and m.name = 'default'
    where not exists (select from chosen_models)
  ),
  tools as (
    select t.*, t.configuration || at.configuration as merged,
      coalesce(at.requires_approval, t.requires_approval) as must_be_approved
    from agent as a
    join howdah.agent_tools as at on at.agent_id = a.id
    join howdah.tools as t on t.id = at.tool_id
    where t.is_active
  )
  select jsonb_build_object(
    'agent', jsonb_build_object(
      'name', a.name, 'description', a.description, 'capabilities', a.capabilities, 'domain', a.domain,
      'instruction', a.instruction, 'system_prompt', a.system_prompt,
      'use_history', a.use_history, 'output_schema', a.output_schema, 'max_steps', a.max_steps,
      'max_tokens', a.max_tokens, 'max_cost', a.max_cost, 'max_seconds', a.max_seconds
    ),
    'models', coalesce((
      select jsonb_agg(jsonb_build_object(
        'id', m.id, 'name', m.name, 'provider', m.provider, 'model', m.model, 'base_url', m.base_url,
        'context_tokens', m.context_tokens, 'request_params', m.request_params
      ) order by m.position) from models as m
    ), '[]'),
    'tools', coalesce((
      select jsonb_agg(jsonb_build_object(
        'id', t.id, 'name', t.name, 'aliases', t.aliases, 'description', t.description, 'kind', t.kind,
        'parameters', t.parameters, 'configuration', t.merged, 'effect', t.effect,
        'timeout_ms', t.timeout_ms, 'requires_approval', t.must_be_approved
      ) order by t.name) from tools as t
    ), '[]')
  )
  from agent as a
$$;
