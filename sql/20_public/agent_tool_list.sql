-- What the models of an agent are told of its tools, as the current version pins them and a worker sends them: also the
-- sub-agents and workflows it may hand work to. Names and rights are looked up as by howdah.agent.
create or replace function howdah.agent_tool_list(agent text) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(jsonb_agg(jsonb_build_object('type', 'function', 'function', jsonb_build_object(
    'name', t.tool -> 'name', 'description', t.tool -> 'description', 'parameters', t.tool -> 'parameters'
  )) order by t.place), '[]')
  from howdah.agents as a
  join howdah.agent_versions as v on v.id = a.current_version_id
  cross join lateral jsonb_array_elements(v.definition -> 'tools') with ordinality as t (tool, place)
  where a.id = howdah.agent(agent_tool_list.agent)
$$;
comment on function howdah.agent_tool_list(text) is
  'The tools of an agent as its models are told them, in the form of OpenAI: [{type, function: {name, description, parameters}}]; HWNTF when there is no such agent.';
