-- What a run is told of a conversation that somebody else keeps, and the tools its client has: checked with the row, since a
-- model server would refuse the whole request for one message that is none.

-- What is wrong with one message of a history; null when nothing is.
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
    when coalesce(jsonb_typeof(message -> 'content'), 'null') not in ('string', 'null') then '.content must be a text'
    when coalesce(message ->> 'content', message ->> 'parts', message ->> 'tool_calls') is null then ' says nothing'
    when message ? 'parts' and jsonb_typeof(message -> 'parts') <> 'array' then '.parts must be a list'
    when message ? 'parts' then (
      select format('.parts[%s].%s %s', p.place - 1, f.field, f.reason)
      from jsonb_array_elements(case jsonb_typeof(message -> 'parts') when 'array' then message -> 'parts' end)
        with ordinality as p (part, place)
      cross join lateral (
        select w.field, w.reason from howdah_private.part_fault(p.part) as w
        union all select 'type', 'must be text, image_url, file or input_audio' where p.part ->> 'type' = 'resource'
      ) as f
      order by p.place limit 1)
    when (message ->> 'role' = 'tool') <> (coalesce(message ->> 'tool_call_id', '') <> '')
      then '.tool_call_id belongs to a message of role tool, and must be there'
    when message ? 'tool_calls' and (message ->> 'role' <> 'assistant' or jsonb_typeof(message -> 'tool_calls') <> 'array')
      then '.tool_calls must be a list, of a message of role assistant'
    when message ? 'tool_calls' then (
      select format('.tool_calls[%s] must have id, name and arguments, each a text', c.place - 1)
      from jsonb_array_elements(case jsonb_typeof(message -> 'tool_calls') when 'array' then message -> 'tool_calls' end)
        with ordinality as c (call, place)
      where jsonb_typeof(c.call -> 'id') is distinct from 'string' or jsonb_typeof(c.call -> 'name') is distinct from 'string'
        or jsonb_typeof(c.call -> 'arguments') is distinct from 'string'
        or c.call - '{id,name,arguments}'::text[] <> '{}'
      order by c.place limit 1)
  end
$$;

create or replace function howdah_private.refuse_history(history jsonb) returns void
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_fault record;
begin
  if jsonb_typeof(refuse_history.history) <> 'array' or jsonb_array_length(refuse_history.history) > 2000
    or octet_length(refuse_history.history::text) > 8388608 then
    raise exception using errcode = 'HWINV', message = 'history must be a list of at most 2000 messages and 8 MB',
      detail = jsonb_build_object('field', 'history')::text,
      hint = 'Leave out what was said long ago, or begin a session: it keeps what was said.';
  end if;
  select m.place - 1 as index, f.fault into v_fault
  from jsonb_array_elements(refuse_history.history) with ordinality as m (message, place)
  cross join lateral howdah_private.history_fault(m.message) as f (fault)
  where f.fault is not null order by m.place limit 1;
  if found then
    raise exception using errcode = 'HWINV', message = format('history[%s]%s', v_fault.index, v_fault.fault),
      detail = jsonb_build_object('field', format('history[%s]', v_fault.index))::text,
      hint = 'A message is {"role": "user", "content": "…"}; calls stand in tool_calls as [{"id", "name", "arguments"}].';
  end if;
end $$;

-- What is wrong with one tool of a client; null when nothing is.
create or replace function howdah_private.client_tool_fault(tool jsonb) returns text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select case
    when jsonb_typeof(client_tool_fault.tool) is distinct from 'object' then ' must be an object'
    when (tool ->> 'name' ~ '^[A-Za-z0-9_-]{1,64}$') is not true then '.name must be 1 to 64 of A-Z a-z 0-9 _ -'
    when tool - '{name,description,parameters}'::text[] <> '{}' then ' may have name, description and parameters'
    when coalesce(jsonb_typeof(tool -> 'description'), 'string') <> 'string' then '.description must be a text'
    when coalesce(jsonb_typeof(tool -> 'parameters'), 'object') <> 'object' then '.parameters must be a JSON Schema'
    when howdah_private.schema_size_fault(tool -> 'parameters') is not null
      then '.parameters is too large a JSON Schema: ' || howdah_private.schema_size_fault(tool -> 'parameters')
  end
$$;

-- A name stands for one tool: neither two of the client's have it, nor one of the agent's own.
create or replace function howdah_private.refuse_client_tools(e howdah.executions) returns void
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_fault record;
begin
  if e.workflow_id is not null or jsonb_typeof(e.client_tools) <> 'array' or jsonb_array_length(e.client_tools) > 128
    or octet_length(e.client_tools::text) > 1048576 then
    raise exception using errcode = 'HWINV',
      message = case when e.workflow_id is not null then 'client_tools are for the run of an agent, not of a workflow'
        else 'client_tools must be a list of at most 128 tools and 1 MB' end,
      detail = jsonb_build_object('field', 'client_tools')::text,
      hint = case when e.workflow_id is not null then 'Give its members the tools they need, or run an agent.'
        else 'Leave out those that are not needed.' end;
  end if;
  select t.place - 1 as index, coalesce(howdah_private.client_tool_fault(t.tool), format('.name: %s', n.reason)) as fault
  into v_fault
  from jsonb_array_elements(e.client_tools) with ordinality as t (tool, place)
  cross join lateral (
    select case when exists (
        select from jsonb_array_elements(e.client_tools) with ordinality as o (tool, place)
        where o.tool ->> 'name' = t.tool ->> 'name' and o.place < t.place) then 'two tools have this name'
      when e.forked_from_execution_id is null and exists (
        select from howdah.agent_versions as v cross join lateral jsonb_array_elements(v.definition -> 'tools') as d (tool)
        where v.id = e.agent_version_id and v.tenant_id = e.tenant_id
          and (d.tool ->> 'name' = t.tool ->> 'name' or d.tool -> 'aliases' ? (t.tool ->> 'name'))
      ) then 'the agent has a tool of its own by this name' end as reason
  ) as n
  where howdah_private.client_tool_fault(t.tool) is not null or n.reason is not null
  order by t.place limit 1;
  if found then
    raise exception using errcode = 'HWINV', message = format('client_tools[%s]%s', v_fault.index, v_fault.fault),
      detail = jsonb_build_object('field', format('client_tools[%s]', v_fault.index))::text,
      hint = 'A tool is {"name": "get_weather", "description": "…", "parameters": {"type": "object", …}}.';
  end if;
end $$;

create or replace function howdah_private.tg_executions__check_conversation() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.refuse_history(new.history) where new.history is not null;
  perform howdah_private.refuse_client_tools(new) where new.client_tools is not null;
  new.history := nullif(new.history, '[]');
  new.client_tools := nullif(new.client_tools, '[]');
  return new;
end $$;

create or replace trigger _160_check_conversation before insert on howdah.executions
  for each row when (new.history is not null or new.client_tools is not null)
  execute function howdah_private.tg_executions__check_conversation();
create or replace trigger _320_refuse_rewrite before update of history, client_tools on howdah.executions
  for each row when (old.completed_at is not null and current_user <> 'howdah_engine')
  execute function howdah_private.tg__refuse_change();
