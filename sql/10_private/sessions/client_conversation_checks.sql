-- Checks client-managed conversations: history and client_tools of a run, which a client sends with
-- the input. They are checked at the insert, because a model provider refuses the whole request if
-- one message or tool is malformed. Called by prepare_special_run (30_triggers/executions.sql).

-- Returns the fault of one message of a history, or null.
create or replace function howdah_private.history_fault(message jsonb) returns text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select case
    when jsonb_typeof(history_fault.message) is distinct from 'object' then ' must be an object'
    when (message ->> 'role' = any ('{system,user,assistant,tool}')) is not true
      then '.role must be system, user, assistant or tool'
    when message - '{role,content,parts,tool_calls,tool_call_id}'::text[] <> '{}'
      then ' may have role, content, parts, tool_calls and tool_call_id'
    when coalesce(jsonb_typeof(message -> 'content'), 'null') not in ('string', 'null')
      then '.content must be a string'
    when coalesce(message ->> 'content', message ->> 'parts', message ->> 'tool_calls') is null
      then ' must have content, parts or tool_calls'
    when message ? 'parts' and jsonb_typeof(message -> 'parts') <> 'array'
      then '.parts must be a list'
    when message ? 'parts' then (
      select format('.parts[%s].%s %s', p.position - 1, f.field, f.reason)
      from jsonb_array_elements(
        case jsonb_typeof(message -> 'parts') when 'array' then message -> 'parts' end
      ) with ordinality as p (part, position)
      cross join lateral (
        select w.field, w.reason from howdah_private.part_fault(p.part) as w
        union all
        select 'type', 'must be text, image_url, file or input_audio'
        where p.part ->> 'type' = 'resource'
      ) as f
      order by p.position limit 1)
    when (message ->> 'role' = 'tool') <> (coalesce(message ->> 'tool_call_id', '') <> '')
      then '.tool_call_id must be set in messages of role tool, and only there'
    when message ? 'tool_calls'
        and (message ->> 'role' <> 'assistant' or jsonb_typeof(message -> 'tool_calls') <> 'array')
      then '.tool_calls must be a list in a message of role assistant'
    when message ? 'tool_calls' then (
      select format(
        '.tool_calls[%s] must have id, name and arguments, each a string', c.position - 1)
      from jsonb_array_elements(
        case jsonb_typeof(message -> 'tool_calls') when 'array' then message -> 'tool_calls' end
      ) with ordinality as c (call, position)
      where jsonb_typeof(c.call -> 'id') is distinct from 'string'
        or jsonb_typeof(c.call -> 'name') is distinct from 'string'
        or jsonb_typeof(c.call -> 'arguments') is distinct from 'string'
        or c.call - '{id,name,arguments}'::text[] <> '{}'
      order by c.position limit 1)
  end
$$;

create or replace function howdah_private.check_history(history jsonb) returns void
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_fault record;
begin
  if jsonb_typeof(check_history.history) <> 'array'
    or jsonb_array_length(check_history.history) > 2000
    or octet_length(check_history.history::text) > 8388608 then
    raise exception using errcode = 'HWINV',
      message = 'history must be a list of at most 2000 messages and 8 MB',
      detail = jsonb_build_object('field', 'history')::text,
      hint = 'Omit old messages, or use a session, which stores the conversation.';
  end if;
  select m.position - 1 as index, f.fault into v_fault
  from jsonb_array_elements(check_history.history) with ordinality as m (message, position)
  cross join lateral howdah_private.history_fault(m.message) as f (fault)
  where f.fault is not null order by m.position limit 1;
  if found then
    raise exception using errcode = 'HWINV',
      message = format('history[%s]%s', v_fault.index, v_fault.fault),
      detail = jsonb_build_object('field', format('history[%s]', v_fault.index))::text,
      hint = 'A message is {"role": "user", "content": "…"}; tool_calls is a list of '
        '{"id", "name", "arguments"}.';
  end if;
end $$;

-- Returns the fault of one tool of a client, or null.
create or replace function howdah_private.client_tool_fault(tool jsonb) returns text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select case
    when jsonb_typeof(client_tool_fault.tool) is distinct from 'object' then ' must be an object'
    when (tool ->> 'name' ~ '^[A-Za-z0-9_-]{1,64}$') is not true
      then '.name must have 1 to 64 characters out of A-Z a-z 0-9 _ -'
    when tool - '{name,description,parameters}'::text[] <> '{}'
      then ' may have name, description and parameters'
    when coalesce(jsonb_typeof(tool -> 'description'), 'string') <> 'string'
      then '.description must be a string'
    when coalesce(jsonb_typeof(tool -> 'parameters'), 'object') <> 'object'
      then '.parameters must be a JSON Schema'
    when howdah_private.schema_size_fault(tool -> 'parameters') is not null
      then '.parameters is too large a JSON Schema: '
        || howdah_private.schema_size_fault(tool -> 'parameters')
  end
$$;

-- Refuses malformed tools of a client, and names that the client or the agent uses for another
-- tool.
create or replace function howdah_private.check_client_tools(e howdah.executions) returns void
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_fault record;
begin
  if e.workflow_id is not null or jsonb_typeof(e.client_tools) <> 'array'
    or jsonb_array_length(e.client_tools) > 128 or octet_length(e.client_tools::text) > 1048576 then
    raise exception using errcode = 'HWINV',
      message = case
        when e.workflow_id is not null then 'the run of a workflow cannot have client_tools'
        else 'client_tools must be a list of at most 128 tools and 1 MB' end,
      detail = jsonb_build_object('field', 'client_tools')::text,
      hint = case
        when e.workflow_id is not null
          then 'Give the tools to members of the workflow, or run an agent.'
        else 'Omit tools that are not needed.' end;
  end if;
  select t.position - 1 as index,
    coalesce(howdah_private.client_tool_fault(t.tool), format('.name: %s', n.reason)) as fault
  into v_fault
  from jsonb_array_elements(e.client_tools) with ordinality as t (tool, position)
  cross join lateral (
    select case
      when exists (
        select from jsonb_array_elements(e.client_tools) with ordinality as o (tool, position)
        where o.tool ->> 'name' = t.tool ->> 'name' and o.position < t.position
      ) then 'two tools have this name'
      when e.forked_from_execution_id is null and exists (
        select from howdah.agent_versions as v
        cross join lateral jsonb_array_elements(v.definition -> 'tools') as d (tool)
        where v.id = e.agent_version_id and v.tenant_id = e.tenant_id
          and (d.tool ->> 'name' = t.tool ->> 'name' or d.tool -> 'aliases' ? (t.tool ->> 'name'))
      ) then 'the agent already has a tool of this name'
    end as reason
  ) as n
  where howdah_private.client_tool_fault(t.tool) is not null or n.reason is not null
  order by t.position limit 1;
  if found then
    raise exception using errcode = 'HWINV',
      message = format('client_tools[%s]%s', v_fault.index, v_fault.fault),
      detail = jsonb_build_object('field', format('client_tools[%s]', v_fault.index))::text,
      hint = 'A tool is {"name": "get_weather", "description": "…", '
        '"parameters": {"type": "object", …}}.';
  end if;
end $$;
