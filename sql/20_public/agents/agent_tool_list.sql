-- Returns the tool definitions that a worker sends to the models of an agent, as pinned by its
-- current version, and beside each definition what the tool can do. Includes the sub-agents and
-- workflows that the agent may call. Name and visibility are checked by howdah.agent.
create or replace function howdah.agent_tool_list(agent text) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(to_jsonb(array_agg(
    jsonb_build_object('type', 'function', 'function', jsonb_build_object(
    'name', p.tool -> 'name', 'description', p.tool -> 'description',
    'parameters', p.tool -> 'parameters'
  )) || case when t.id is null then '{}'
    else howdah_private.tool_profile(t, p.tool -> 'configuration') end order by p.place)), '[]')
  from howdah.agents as a
  join howdah.agent_versions as v on v.id = a.current_version_id
  cross join lateral jsonb_array_elements(v.definition -> 'tools') with ordinality as p (tool,
    place)
  left join howdah.tools as t on t.id = (p.tool ->> 'id')::uuid
  where a.id = howdah.agent(agent_tool_list.agent)
$$;
comment on function howdah.agent_tool_list(text) is
  'Returns the tools of an agent as its models receive them, in the format of OpenAI: [{type, '
  'function: {name, description, parameters}}]. Each entry also has capabilities and domain. The '
  'entry of a sub-agent also has actions: at most 100 tools that the sub-agent may call. Schemas '
  'beyond the first 64 KB of these tools are null. Raises HWNTF if there is no such agent.';
