-- Returns the tools that the MCP server of Howdah offers to the caller: each agent and workflow
-- that the caller may run is a tool.
--
-- Names of agents are free text, names of tools are not (fit_the_wire), so every other character
-- becomes _. If two would get the same name, the one with exactly this name keeps it, then an agent
-- before a workflow (as in howdah.run), then the older one. The other is named by its kind and a
-- digest. Only agents that the caller sees take part in this, so a name reveals nothing about
-- hidden ones.
--
-- An agent whose engine is a tool (engines.sql) takes the arguments of that tool, and `calls` is
-- the name of the tool. `tool` selects one name, `after` the names after one.
create or replace function howdah_private.offered_tools(
  tool text default null, after text default null, at_most int default 1000
)
  returns table (
    tool text, kind text, id uuid, name text, description text, parameters jsonb, calls text
  )
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  with visible as (
    select 'agent' as kind, a.id, a.name, a.description, a.is_active, a.prompt_id, a.prompt_values,
      a.engine_configuration ->> 'tool' as calls
    from howdah.agents as a
    where a.tenant_id = (select howdah.current_tenant()) and a.deleted_at is null
      and a.id <> all ((select howdah_private.hidden_agents())::uuid[])
    union all
    select 'workflow', w.id, w.name, w.description, w.is_active, null, null, null
    from howdah.workflows as w
    where w.tenant_id = (select howdah.current_tenant()) and w.deleted_at is null
      and w.id <> all ((select howdah_private.hidden_agents())::uuid[])
    union all
    select 'builtin', null, 'answer_question', null, false, null, null, null
  ),
  encoded as (
    select s.*, left(regexp_replace(s.name, '[^A-Za-z0-9_-]', '_', 'g'), 64) as wire
    from visible as s
  ),
  ranked as (
    select w.*, row_number() over (
      partition by w.wire order by w.kind <> 'builtin', w.wire <> w.name, w.kind, w.id) as place
    from encoded as w
    where offered_tools.tool is null or w.wire = offered_tools.tool
      or offered_tools.tool ~ '^(agent|workflow)__'
  ),
  named as (
    select r.*, case when r.place = 1 then r.wire
      else r.kind || '__' || left(r.wire, 40) || '__' || left(md5(r.kind || r.name), 8) end as tool
    from ranked as r
    order by tool collate "C"
    offset 0
  )
  select c.tool, c.kind, c.id, c.name, coalesce(nullif(c.description, ''), t.description),
    coalesce(t.parameters, howdah_private.run_parameters(
      (select p.variables from howdah.prompts as p where p.id = c.prompt_id), c.prompt_values)),
    t.name
  from named as c
  left join lateral (
    select t.name, t.description, t.parameters
    from howdah.agent_tools as g join howdah.tools as t on t.id = g.tool_id
    where g.agent_id = c.id and t.name = c.calls and howdah_private.is_offered(t)
  ) as t on true
  where c.is_active and (c.calls is null or t.name is not null)
    and (select howdah_private.may('executions', 'run'))
    and (offered_tools.tool is null or c.tool = offered_tools.tool)
    and (offered_tools.after is null or c.tool > offered_tools.after collate "C")
    and ((select howdah_private.is_trusted()) or howdah_private.agent_permission(c.id) >= 'run')
  limit offered_tools.at_most
$$;

-- Returns the JSON Schema of the input of a run: its message, and for an agent with a prompt the
-- values of its variables. Values that neither the agent nor the prompt sets are required. A
-- workflow takes any JSON.
create or replace function howdah_private.run_parameters(variables jsonb, known jsonb) returns jsonb
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_required jsonb := '["message"]';
  v_data jsonb;
  v_missing jsonb;
begin
  if run_parameters.known is null then
    v_data := jsonb_build_object('description', 'Data to work on, such as the list that a map '
      'runs over. Any JSON; omit it if there is none.');
  elsif run_parameters.variables <> '{}' then
    select coalesce(to_jsonb(array_agg(v.key order by v.key)), '[]') into v_missing
    from jsonb_each(run_parameters.variables) as v
    where not v.value ? 'default' and not run_parameters.known ? v.key;
    v_data := jsonb_build_object('type', 'object', 'description', 'Values for its prompt.',
      'properties', run_parameters.variables, 'required', v_missing);
    v_required := v_required
      || case when v_missing = '[]' then '[]' else '["input_data"]' end::jsonb;
  end if;
  return jsonb_build_object('type', 'object', 'required', v_required, 'additionalProperties', false,
    'properties', '{"message": {"type": "string", "description": "What to say or ask."}}'::jsonb
      || case when v_data is null then '{}' else jsonb_build_object('input_data', v_data) end);
end $$;

-- Notifies the process that sent an elicitation when it got no valid answer. The answer arrives in
-- a request of its own, which may reach another process. If the notification is lost, the question
-- simply stays open.
create or replace function howdah_private.announce_unanswered(
  execution_id uuid, question_id uuid, fault text
) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select pg_notify(c.name, jsonb_build_object('execution_id', announce_unanswered.execution_id,
    'question_id', announce_unanswered.question_id,
    'fault', left(announce_unanswered.fault, 1000))::text)
  from howdah_private.channel('unanswered') as c (name)
$$;
