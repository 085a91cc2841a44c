-- Describes what tools can do, for people and programs that choose among them: capabilities,
-- subject, and the actions of sub-agents. All functions run with the privileges of the caller, so
-- they show nothing of an agent that the caller may not see. Versions do not pin any of this.

-- Returns the capabilities of a tool. A tool that calls an agent and has none of its own has those
-- of the agent.
create or replace function howdah_private.tool_capabilities(tool howdah.tools) returns text[]
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(nullif(tool.capabilities, '{}'),
    (select a.capabilities from howdah.agents as a where a.id = tool.agent_id), '{}')
$$;

-- Returns the subject of a tool, or that of the agent it calls.
create or replace function howdah_private.tool_domain(tool howdah.tools) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(tool.domain,
    (select a.domain from howdah.agents as a where a.id = tool.agent_id))
$$;

-- Returns the actions of an agent, which are the tools that its current version may call, one level
-- deep: [{name, description, parameters}]. `configuration` is that of the tool that calls the
-- agent, and may allow some of the tools only. Returns at most 100 actions. Schemas beyond the
-- first 64 KB are null, so that a list of many sub-agents stays small.
create or replace function howdah_private.agent_actions(agent_id uuid, configuration jsonb)
  returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  with actions as (
    select p.tool, p.place,
      sum(octet_length((p.tool -> 'parameters')::text)) over (order by p.place) as total
    from howdah.agents as a
    join howdah.agent_versions as v on v.id = a.current_version_id
    cross join lateral jsonb_array_elements(v.definition -> 'tools') with ordinality as p (tool,
      place)
    where a.id = agent_actions.agent_id and a.deleted_at is null
      and coalesce(agent_actions.configuration -> 'allowed_tools' ? (p.tool ->> 'name'), true)
    order by p.place limit 100
  )
  select coalesce(to_jsonb(array_agg(jsonb_build_object('name', x.tool -> 'name',
    'description', left(x.tool ->> 'description', 500),
    'parameters', case when x.total <= 65536 then x.tool -> 'parameters' end
  ) order by x.place)), '[]')
  from actions as x
$$;

-- Returns capabilities and subject of a tool, and for a sub-agent its actions. `configuration` is
-- the configuration of the tool for one agent; null means that of the tool itself.
create or replace function howdah_private.tool_profile(tool howdah.tools, configuration jsonb)
  returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object('capabilities', howdah_private.tool_capabilities(tool),
    'domain', howdah_private.tool_domain(tool)
  ) || case tool.kind when 'agent' then jsonb_build_object('actions',
    howdah_private.agent_actions(tool.agent_id,
      coalesce(tool_profile.configuration, tool.configuration))) else '{}' end
$$;

-- Adds capabilities and subject to the tools of a definition.
create or replace function howdah_private.tools_with_capabilities(tools jsonb) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(to_jsonb(array_agg(
    p.tool || case when t.id is null then '{}' else jsonb_build_object(
    'capabilities', howdah_private.tool_capabilities(t), 'domain', howdah_private.tool_domain(t)
  ) end order by p.place)), '[]')
  from jsonb_array_elements(tools_with_capabilities.tools) with ordinality as p (tool, place)
  left join howdah.tools as t on t.id = (p.tool ->> 'id')::uuid
$$;
