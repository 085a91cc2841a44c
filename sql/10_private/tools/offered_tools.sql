-- What our MCP server offers whoever asks: the agents and workflows that he may run, each as a tool. Names of agents are free texts,
-- those of tools are not (fit_the_wire): what does not fit is written with _. Where two would have one name, the one that has it to the
-- letter keeps it, then an agent before a workflow (as howdah.run has it), then the older one; the other is called by its kind and a digest.
-- An agent that is a tool called without a model (engines.sql) takes what that tool takes, and `calls` has its name.
-- Only what he sees has a say in that, so a name tells nothing of what is hidden. `tool` asks for one, `after` for those behind one.
create or replace function howdah_private.offered_tools(tool text default null, after text default null, at_most int default 1000)
  returns table (tool text, kind text, id uuid, name text, description text, parameters jsonb, calls text)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  with seen as (
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
  written as (
    select s.*, left(regexp_replace(s.name, '[^A-Za-z0-9_-]', '_', 'g'), 64) as wire from seen as s
  ),
  ranked as (
    select w.*, row_number() over (
      partition by w.wire order by w.kind <> 'builtin', w.wire <> w.name, w.kind, w.id) as place
    from written as w
    where offered_tools.tool is null or w.wire = offered_tools.tool or offered_tools.tool ~ '^(agent|workflow)__'
  ),
  called as (
    select r.*, case when r.place = 1 then r.wire
      else r.kind || '__' || left(r.wire, 40) || '__' || left(md5(r.kind || r.name), 8) end as tool
    from ranked as r
    order by tool collate "C"
    offset 0
  )
  select c.tool, c.kind, c.id, c.name, coalesce(nullif(c.description, ''), t.description), coalesce(t.parameters,
    howdah_private.run_parameters((select p.variables from howdah.prompts as p where p.id = c.prompt_id), c.prompt_values)), t.name
  from called as c
  left join lateral (
    select t.name, t.description, t.parameters
    from howdah.agent_tools as g join howdah.tools as t on t.id = g.tool_id
    where g.agent_id = c.id and t.name = c.calls and howdah_private.is_offered(t)
  ) as t on true
  where c.is_active and (c.calls is null or t.name is not null) and (select howdah_private.may('executions', 'run'))
    and (offered_tools.tool is null or c.tool = offered_tools.tool)
    and (offered_tools.after is null or c.tool > offered_tools.after collate "C")
    and ((select howdah_private.is_trusted()) or howdah_private.agent_permission(c.id) >= 'run')
  limit offered_tools.at_most
$$;

-- What a run takes, as a JSON Schema: its message, and of an agent with a prompt the values of its variables; those that neither the
-- agent nor the prompt knows have to be given. A workflow takes any JSON.
create or replace function howdah_private.run_parameters(variables jsonb, known jsonb) returns jsonb
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_required jsonb := '["message"]';
  v_data jsonb;
  v_lacking jsonb;
begin
  if run_parameters.known is null then
    v_data := '{"description": "Data to work on, such as the list that a map goes over. Any JSON; leave it out where there is none."}';
  elsif run_parameters.variables <> '{}' then
    select coalesce(jsonb_agg(v.key order by v.key), '[]') into v_lacking from jsonb_each(run_parameters.variables) as v
    where not v.value ? 'default' and not run_parameters.known ? v.key;
    v_data := jsonb_build_object('type', 'object', 'description', 'Values for its prompt.',
      'properties', run_parameters.variables, 'required', v_lacking);
    v_required := v_required || case when v_lacking = '[]' then '[]' else '["input_data"]' end::jsonb;
  end if;
  return jsonb_build_object('type', 'object', 'required', v_required, 'additionalProperties', false,
    'properties', '{"message": {"type": "string", "description": "What to say or ask."}}'::jsonb
      || case when v_data is null then '{}' else jsonb_build_object('input_data', v_data) end);
end $$;

-- An elicitation is answered in a request of its own, which may reach another process than the one that asked: it is told here what came of
-- it when that was no answer. A lost announcement leaves the question open, as it is.
create or replace function howdah_private.announce_unanswered(execution_id uuid, question_id uuid, fault text) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select pg_notify(c.name, jsonb_build_object('execution_id', announce_unanswered.execution_id,
    'question_id', announce_unanswered.question_id, 'fault', left(announce_unanswered.fault, 1000))::text)
  from howdah_private.channel('unanswered') as c (name)
$$;
