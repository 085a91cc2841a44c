-- Overrides: how one run differs from its agent. The caller may give a lower budget, and in
-- `overrides` another model, other request parameters or fewer tools. Each needs a permission:
--
--   max_cost: lowers the limit of the agent or workflow and never raises it (bounded_max_cost)
--   allowed_tools, suppress_markdown, sampling parameters, models of the agent: any user who may
--     run the agent
--   any other model of the tenant, any other parameter, mission_override (another instruction),
--     tool (one call in place of the model): only a user who may edit the agent, who could also
--     write the value into agent_models, agents or agent_tools
--
-- The run keeps a copy of the model, as a version does. Later changes of the model's row do not
-- affect runs that have begun. A retry is refused if an admin has since changed the model's
-- endpoint, and a fork looks up the model again (check_override_model, forked_overrides). The
-- engine writes the overrides of child runs from configurations; they are not checked here.

-- Returns the budget of a run after a check against `maximum`, the limit of its agent or workflow.
-- Forks and child runs keep the budget that they were given.
create or replace function howdah_private.bounded_max_cost(e howdah.executions, maximum numeric)
  returns numeric
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if coalesce(e.parent_execution_id, e.forked_from_execution_id,
    e.compensates_execution_id) is not null then
    return e.max_cost;
  end if;
  if (e.max_cost > 0 and e.max_cost < 'infinity') is not true then
    raise exception using errcode = 'HWINV', message = 'max_cost must be a finite number above 0',
      detail = jsonb_build_object('field', 'max_cost')::text,
      hint = 'Omit max_cost to use the limit of the agent or workflow, if it has one.';
  elsif e.max_cost > bounded_max_cost.maximum and not howdah_private.is_trusted() then
    raise exception using errcode = 'HWDEN',
      message = format('max_cost %s exceeds the limit of its %s, %s', e.max_cost,
        case when e.workflow_id is null then 'agent' else 'workflow' end,
        trim_scale(bounded_max_cost.maximum)),
      detail = jsonb_build_object('field', 'max_cost', 'most', bounded_max_cost.maximum)::text,
      hint = format(
        'A run can lower this limit but not raise it: use at most %s, or omit max_cost.',
        trim_scale(bounded_max_cost.maximum)
      );
  end if;
  return e.max_cost;
end $$;

-- Returns the request parameters that any user who may run an agent can choose, with their JSON
-- types. Other parameters (a service tier, a list of models for a router) decide what a call costs
-- or where it goes.
create or replace function howdah_private.sampling_params() returns table (name text, types text[])
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  values ('temperature', '{number}'::text[]), ('top_p', '{number}'), ('top_k', '{number}'),
    ('seed', '{number}'), ('max_tokens', '{number}'), ('max_completion_tokens', '{number}'),
    ('frequency_penalty', '{number}'), ('presence_penalty', '{number}'),
    ('stop', '{string,array}'), ('reasoning_effort', '{string}'), ('verbosity', '{string}')
$$;

-- Returns the fields of overrides, with their JSON types and the words for a value of another type.
create or replace function howdah_private.override_fields()
  returns table (key text, type text, fault text)
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  values ('model', 'string', 'must be the name of a model'),
    ('request_params', 'object', 'must be an object'),
    ('allowed_tools', 'array', 'must be a list of names'),
    ('suppress_markdown', 'boolean', 'must be true or false'),
    ('mission_override', 'string', 'must be a text'),
    ('tool', 'string', 'must be the name of a tool')
$$;

-- Returns the first fault in the shape of overrides, or no row.
create or replace function howdah_private.overrides_fault(overrides jsonb)
  returns table (field text, fault text, fix text)
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  with root as (
    select case jsonb_typeof(overrides_fault.overrides)
      when 'object' then overrides_fault.overrides else '{}' end as o
  )
  select x.field, x.fault, x.fix from (
    select 1 as place, '' as field, 'must be an object' as fault,
      'Use an object such as {"model": "careful", "request_params": {"temperature": 0}}.' as fix
    where jsonb_typeof(overrides_fault.overrides) is distinct from 'object'
    union all
    select 2, '', 'has ' || octet_length(g.o::text) || ' bytes, at most 65536 are allowed',
      'Put long text into input.'
    from root as g where octet_length(g.o::text) > 65536
    union all
    select 3, '.' || k.key, 'is unknown',
      coalesce(
        'Did you mean ' || howdah_private.nearest_word(left(k.key, 60), w.known) || '? ', ''
      ) || format('Known fields: %s.', array_to_string(w.known, ', '))
    from root as g cross join lateral jsonb_object_keys(g.o) as k (key)
    cross join (select array(select f.key from howdah_private.override_fields() as f)) as w (known)
    where k.key <> all (w.known)
    union all
    select 4, '.' || t.key, t.fault, 'Omit the field to use the configuration of the agent.'
    from root as g cross join howdah_private.override_fields() as t
    where g.o ? t.key and (jsonb_typeof(g.o -> t.key) <> t.type
      or t.key = 'allowed_tools' and jsonb_path_exists(
        g.o, 'strict $.allowed_tools[*] ? (@.type() != "string")', '{}', true
      ))
    union all
    select 4, '.mission_override', 'must not be empty', 'Omit the field to use the agent''s own.'
    from root as g where g.o -> 'mission_override' = '""'
    union all
    select 5, '.request_params.' || p.name,
      'must be a ' || array_to_string(array_replace(p.types, 'array', 'list'), ' or a '),
      'The value is sent to the model unchanged.'
    from root as g cross join howdah_private.sampling_params() as p
    where jsonb_typeof(g.o -> 'request_params') = 'object' and g.o -> 'request_params' ? p.name
      and jsonb_typeof(g.o -> 'request_params' -> p.name) <> all (p.types)
    union all
    select 6, '.' || k.key, 'cannot be combined with tool',
      'Omit the field, or omit tool.'
    from root as g cross join jsonb_object_keys(g.o) as k (key)
    where g.o ? 'tool' and k.key <> 'tool'
  ) as x
  order by x.place, x.field limit 1
$$;

-- Refuses overrides that are malformed, or that have no meaning for the agent of the run.
create or replace function howdah_private.check_overrides(
  e howdah.executions, engine text, tools jsonb
) returns void
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_names text[] := array(
    select t.tool ->> 'name' from jsonb_array_elements(check_overrides.tools) as t (tool)
    order by 1);
  v_fault record;
begin
  select f.* into v_fault from (
    select '' as field, 'apply to runs of an agent, not of a workflow' as fault,
      'Run an agent, or configure the members of the workflow.' as fix
    where e.workflow_id is not null
    union all
    select f.field, f.fault, f.fix from howdah_private.overrides_fault(e.overrides) as f
    union all
    select '.' || k.key,
      format('does not apply to an agent with an external engine (%s)', check_overrides.engine),
      'Omit the field. Requests to the engine are configured in agents.engine_configuration.'
    from (values ('model'), ('request_params'), ('mission_override'), ('tool')) as k (key)
    where check_overrides.engine is not null and e.overrides ? k.key
    union all
    select t.field, format('names %s, which is not a tool of the agent', t.name),
      coalesce(
        'The agent has ' || howdah_private.list_names(v_names, 20) || '.',
        'The agent has no tools.'
      )
    from (
      select '.allowed_tools', a.name
      from jsonb_array_elements_text(case jsonb_typeof(e.overrides -> 'allowed_tools')
        when 'array' then e.overrides -> 'allowed_tools' else '[]' end) as a (name)
      union all
      select '.tool', e.overrides ->> 'tool' where e.overrides ? 'tool'
    ) as t (field, name)
    where t.name <> all (v_names)
    union all
    select '.tool', format('names %s, which hands the run over', t.tool ->> 'name'),
      'Run the agent to which the tool hands over.'
    from jsonb_array_elements(check_overrides.tools) as t (tool)
    where t.tool ->> 'name' = e.overrides ->> 'tool'
      and t.tool #> '{configuration,handoff}' = 'true'
    union all
    select '.tool', 'cannot be combined with ' || d.name, 'Write the arguments into input, as JSON.'
    from (values ('input_data', e.input_data), ('input_parts', e.input_parts)) as d (name, value)
    where e.overrides ? 'tool' and d.value is not null
  ) as f limit 1;
  if found then
    raise exception using errcode = 'HWINV',
      message = format('overrides%s %s', v_fault.field, v_fault.fault),
      detail = jsonb_build_object('field', 'overrides' || v_fault.field)::text, hint = v_fault.fix;
  end if;
end $$;

-- Returns a copy of the overriding model with its parameters for this agent. The model is one of
-- the agent's version, or any other model of the tenant.
create or replace function howdah_private.model_of_run(tenant_id uuid, name text, own jsonb)
  returns jsonb
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_model jsonb := (
    select m.model from jsonb_array_elements(model_of_run.own) with ordinality as m (model, place)
    where m.model ->> 'name' = model_of_run.name order by m.place limit 1
  );
  v_row howdah.models;
begin
  if v_model is not null then
    return v_model;
  end if;
  select m.* into v_row from howdah.models as m
  where m.tenant_id = model_of_run.tenant_id and m.name = model_of_run.name;
  if v_row.id is null or v_row.purpose <> 'llm' then
    raise exception using errcode = case when v_row.id is null then 'HWNTF' else 'HWINV' end,
      message = case when v_row.id is null then format('there is no model %L', model_of_run.name)
        else format('model %L has purpose %s and cannot run an agent',
          v_row.name, v_row.purpose) end,
      detail = jsonb_build_object('field', 'overrides.model', 'model', model_of_run.name)::text,
      hint = coalesce(
          'Did you mean ' || howdah_private.nearest_word(left(model_of_run.name, 60), array(
            select m.name from howdah.models as m
            where m.tenant_id = model_of_run.tenant_id and m.purpose = 'llm' order by m.name
          )) || '? ', ''
        ) || 'See howdah.models for the models that exist.';
  end if;
  return howdah_private.model_definition(v_row, '{}');
end $$;

-- Refuses overrides that only a user with the permission to edit the agent may give.
create or replace function howdah_private.check_override_right(
  e howdah.executions, own_models jsonb
) returns void
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_names text[] := array(
    select m.model ->> 'name'
    from jsonb_array_elements(check_override_right.own_models) with ordinality as m (model, place)
    order by m.place
  );
  v_params text[] := array(select p.name from howdah_private.sampling_params() as p
    order by p.name);
  v_restricted text;
  v_table text; -- the table in which the caller could store the value
begin
  select x.field, x.table_name into v_restricted, v_table from (
    select 1 as place, 'model' as field, 'agent_models' as table_name
    where e.overrides ->> 'model' <> all (v_names)
    union all
    select 2, 'request_params.' || k.key, 'agent_models'
    from jsonb_object_keys(coalesce(e.overrides -> 'request_params', '{}')) as k (key)
    where k.key <> all (v_params)
    union all
    select 3, 'mission_override', 'agents' where e.overrides ? 'mission_override'
    union all
    select 4, 'tool', 'agent_tools' where e.overrides ? 'tool'
  ) as x order by x.place, x.field limit 1;
  perform howdah_private.check_request_params(
    'overrides.request_params', e.overrides -> 'request_params'
  )
  where v_restricted is null
    or coalesce(howdah_private.agent_permission(e.agent_id) >= 'edit', false);
  if v_restricted is null or howdah_private.is_trusted()
    or (howdah_private.may(v_table, 'edit')
    and coalesce(howdah_private.agent_permission(e.agent_id) >= 'edit', false)) then
    return;
  end if;
  raise exception using errcode = 'HWDEN',
    message = format('%s may not run this agent with overrides.%s',
      howdah_private.caller_label(), v_restricted),
    detail = jsonb_build_object(
      'field', 'overrides.' || v_restricted, 'agent_id', e.agent_id, 'required_permission', 'edit'
    )::text,
    hint = 'Permission to edit the agent is required.' || case
      when v_restricted = 'model'
        then format(' Models allowed without it: %s.', howdah_private.list_names(v_names, 20))
      when v_restricted in ('mission_override', 'tool') then ''
      else format(' Parameters allowed without it: %s.', array_to_string(v_params, ', ')) end;
end $$;

-- Returns the overrides with which one tool takes the place of the models. The run then goes like
-- that of an agent whose engine is a tool: its input is the arguments of the one call.
create or replace function howdah_private.overrides_of_tool(tool text) returns jsonb
  language sql immutable
  return jsonb_build_object('tool', overrides_of_tool.tool,
    'allowed_tools', jsonb_build_array(overrides_of_tool.tool),
    'model', jsonb_build_object('id', null, 'name', 'tool', 'provider', 'engine:tool',
      'model', overrides_of_tool.tool, 'base_url', null, 'context_tokens', null,
      'request_params', '{}'::jsonb));

-- Returns the overrides of a new run after all checks, with the model as a copy. A known field that
-- is null is left out.
create or replace function howdah_private.checked_overrides(e howdah.executions) returns jsonb
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_definition jsonb := (
    select v.definition from howdah.agent_versions as v
    where v.id = e.agent_version_id and v.tenant_id = e.tenant_id
  );
begin
  if jsonb_typeof(e.overrides) = 'object' then
    e.overrides := e.overrides - array(
      select f.key from howdah_private.override_fields() as f
      where e.overrides -> f.key = 'null');
  end if;
  perform howdah_private.check_overrides(
    e, v_definition #>> '{agent,engine}', v_definition -> 'tools');
  perform howdah_private.check_plain_secrets('overrides', e.overrides);
  perform howdah_private.check_override_right(e, v_definition -> 'models');
  return nullif(e.overrides || case
    when e.overrides ? 'tool' then howdah_private.overrides_of_tool(e.overrides ->> 'tool')
    when e.overrides ? 'model' then jsonb_build_object('model', howdah_private.model_of_run(
      e.tenant_id, e.overrides ->> 'model', v_definition -> 'models'
    ))
    else '{}' end, '{}');
end $$;

-- Refuses the retry of a run whose overriding model an admin has since removed or moved to another
-- endpoint or secret. An admin may retry such a run.
create or replace function howdah_private.check_override_model(e howdah.executions) returns void
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_fault text := case when e.overrides ? 'model' and not e.overrides ? 'tool' and e.handoffs = 0
    then howdah_private.changed_model_fault(e.tenant_id,
      jsonb_build_array(e.overrides -> 'model')) end;
begin
  if v_fault is not null and not howdah_private.is_trusted()
    and coalesce(howdah.current_user_role() > 'admin', true) then
    raise exception using errcode = 'HWDEN', message = format('execution %s %s', e.id, v_fault),
      detail = jsonb_build_object('field', 'overrides.model', 'execution_id', e.id)::text,
      hint = 'Fork the run to use the current settings of the model, or ask an admin to retry it.';
  end if;
end $$;
