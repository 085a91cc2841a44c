-- Restores the models, tools, servers and skills of an agent from a version. A tool that the agent
-- still has keeps its current configuration. For a tool that is added back, the agent configuration
-- holds only what differs from the tool itself.
create or replace function howdah_private.restore_parts(agent_id uuid, definition jsonb)
  returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  delete from howdah.agent_models as m
  where m.agent_id = restore_parts.agent_id and m.purpose = 'llm';
  insert into howdah.agent_models (agent_id, model_id, position, request_params)
  select restore_parts.agent_id, (m.model ->> 'id')::uuid, m.position,
    case when definition #> '{agent,engine}' is null
      then coalesce(m.model -> 'request_params', '{}') else '{}' end
  from jsonb_array_elements(restore_parts.definition -> 'models')
    with ordinality as m (model, position)
  -- an agent without models uses the one named default, which is not a model of its own
  where m.model ->> 'id' is not null
    and (restore_parts.definition #>> '{models,0,name}' <> 'default'
      or jsonb_array_length(restore_parts.definition -> 'models') > 1);
  if definition #> '{agent,engine}' is not null then
    return; -- versions with an engine contain no tools
  end if;
  delete from howdah.agent_tools as t where t.agent_id = restore_parts.agent_id and not exists (
    select from jsonb_array_elements(restore_parts.definition -> 'tools') as d
    where d ->> 'id' = t.tool_id::text
  );
  insert into howdah.agent_tools (agent_id, tool_id, configuration, requires_approval)
  select restore_parts.agent_id, t.id, coalesce((
      select json_object_agg(k.key, k.value)::jsonb from jsonb_each(d -> 'configuration') as k
      where t.configuration -> k.key is distinct from k.value
    ), '{}'), nullif((d ->> 'requires_approval')::boolean, t.requires_approval)
  from jsonb_array_elements(restore_parts.definition -> 'tools') as d
  join howdah.tools as t on t.id = (d ->> 'id')::uuid
  where not exists (
      select from howdah.agent_tools as o
      where o.agent_id = restore_parts.agent_id and o.tool_id = t.id
    )
    and not (t.kind = 'builtin' and t.name = 'ask_user'
      and exists (select from howdah.agents as a
        where a.id = restore_parts.agent_id and a.human_input))
    and not (t.kind = 'builtin' and t.name = 'load_skill' and restore_parts.definition ? 'skills')
    and not exists (
      select from jsonb_array_elements(coalesce(restore_parts.definition -> 'servers', '[]')) as s
      where s ->> 'id' = t.server_id::text
    );
  delete from howdah.agent_servers as g where g.agent_id = restore_parts.agent_id;
  insert into howdah.agent_servers (agent_id, server_id, allowed_tools)
  select restore_parts.agent_id, s.id,
    case jsonb_typeof(d -> 'allowed_tools')
      when 'array' then array(select jsonb_array_elements_text(d -> 'allowed_tools')) end
  from jsonb_array_elements(coalesce(restore_parts.definition -> 'servers', '[]')) as d
  join howdah.mcp_servers as s on s.id = (d ->> 'id')::uuid;
  delete from howdah.agent_skills as s where s.agent_id = restore_parts.agent_id;
  insert into howdah.agent_skills (agent_id, skill_id, position)
  select restore_parts.agent_id, (s.skill ->> 'id')::uuid, s.position
  from jsonb_array_elements(coalesce(restore_parts.definition -> 'skills', '[]'))
    with ordinality as s (skill, position);
end $$;
