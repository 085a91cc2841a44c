-- Returns everything that a run of the workflow needs, by value, in the form of an agent
-- definition: `agent` and `models` describe its deciding model, `workflow` the team. Members are
-- listed by name; the version of a member is chosen when the member begins.
create or replace function howdah_private.workflow_definition(workflow_id uuid) returns jsonb
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'agent', jsonb_build_object(
      'name', w.name, 'description', w.description, 'instruction', w.instruction,
      'system_prompt', null,
      'use_history', false, 'context_policy', 'none', 'output_schema', null,
      'max_steps', w.max_steps,
      'max_tokens', w.max_tokens, 'max_cost', w.max_cost, 'max_seconds', w.max_seconds
    ),
    'models', coalesce((
      select to_jsonb(array_agg(howdah_private.model_definition(m,
        coalesce(w.configuration -> 'request_params', '{}')))) from howdah.models as m
      where m.id = howdah_private.deciding_model(w.tenant_id, w.configuration)
    ), '[]'),
    'tools', '[]'::jsonb,
    'workflow', jsonb_build_object(
      'type', w.type, 'configuration', w.configuration, 'members', coalesce((
        select to_jsonb(array_agg(howdah_private.member_definition(x) order by x.sequence_order))
        from howdah.workflow_agents as x where x.workflow_id = w.id
      ), '[]')
    )
  )
  from howdah.workflows as w where w.id = workflow_definition.workflow_id
$$;

-- Returns the model that a workflow decides with: the one its configuration names, else the model
-- named default. For embeddings the model must have the purpose embedding; if none is named, the
-- oldest one is taken.
create or replace function howdah_private.deciding_model(tenant_id uuid, configuration jsonb)
  returns uuid
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select m.id from howdah.models as m
  where m.tenant_id = deciding_model.tenant_id
    and case when howdah_private.decides_by_embedding(deciding_model.configuration)
      then m.purpose = 'embedding'
        and m.name = coalesce(deciding_model.configuration ->> 'model', m.name)
      else m.name = coalesce(deciding_model.configuration ->> 'model', 'default') end
  order by m.created_at, m.name
  limit 1
$$;

-- Reports whether a workflow selects members by embeddings.
create or replace function howdah_private.decides_by_embedding(configuration jsonb) returns boolean
  language sql immutable
  return coalesce(configuration ->> 'method' = 'embedding', false);

-- Returns the definition of a model, as a version holds it. The given request_params take
-- precedence over those of the model.
create or replace function howdah_private.model_definition(m howdah.models, request_params jsonb)
  returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'id', m.id, 'name', m.name, 'provider', m.provider, 'model', m.model, 'base_url', m.base_url,
    'context_tokens', m.context_tokens,
    'request_params', m.request_params || model_definition.request_params
  ) || case when m.secret_name is null then '{}'
    else jsonb_build_object('secret_name', m.secret_name) end
    || howdah_private.guard_of(m.is_guarded)
    || howdah_private.tool_modalities(m.capabilities)
$$;

-- Returns the definition of a member: an agent, a workflow or a question to a person.
create or replace function howdah_private.member_definition(x howdah.workflow_agents) returns jsonb
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_strip_nulls(jsonb_build_object(
    'name', coalesce(x.role, a.name, w.name, 'person ' || x.sequence_order),
    'agent_id', x.agent_id, 'workflow_id', x.member_workflow_id, 'question', x.question,
    'description', coalesce(nullif(a.description, ''), nullif(w.description, ''),
      nullif(a.instruction, ''), ''),
    'capabilities', to_jsonb(a.capabilities), 'domain', a.domain
  )) || jsonb_build_object('configuration', x.configuration)
  from (values (1)) as one
  left join howdah.agents as a on a.id = x.agent_id
  left join howdah.workflows as w on w.id = x.member_workflow_id
$$;

-- Returns the current definition of a model that a built-in tool uses, by the name in its settings.
create or replace function howdah_private.answering_model(tenant_id uuid, name text) returns jsonb
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.model_definition(m, '{}') from howdah.models as m
  where m.tenant_id = answering_model.tenant_id and m.name = answering_model.name
    and m.purpose = 'llm'
$$;
