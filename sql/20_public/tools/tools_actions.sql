-- Adds the actions of a sub-agent to its tool, as a field of GraphQL.
create or replace function howdah.tools_actions(tool howdah.tools) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select case tool.kind when 'agent'
    then howdah_private.agent_actions(tool.agent_id, tool.configuration) end
$$;
comment on function howdah.tools_actions(howdah.tools) is
  E'@behavior -filterBy -orderBy\nWhat the agent that this tool calls may call itself: [{name, '
  'description, parameters}]. Null for other tools.';
