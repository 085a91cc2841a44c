-- Finds agents and tools by words, for the built-in tool discover_agents. The log shows the result
-- to more users than the user of the run, so agents with grants are left out, and so are the tools
-- that call them.

-- Returns the words of a search, at most 20, in lower case.
create or replace function howdah_private.search_words(query text) returns text[]
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select array(
    select distinct w.word
    from regexp_split_to_table(lower(search_words.query), '[^[:alnum:]]+') as w (word)
    where w.word <> '' limit 20
  )
$$;

-- Counts the words that a text contains.
create or replace function howdah_private.count_words(words text[], content text) returns bigint
  language sql immutable
  return (select count(*) from unnest(count_words.words) as w (word)
    where strpos(lower(count_words.content), w.word) > 0);

-- Lists the agents that the run may write to. Agents that match most of the words come first.
create or replace function howdah_private.discovered_agents(run howdah.executions, words text[])
  returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(to_jsonb(array_agg(jsonb_build_object('name', f.name,
    'description', left(f.description, 1000), 'capabilities', f.capabilities, 'domain', f.domain
  ) order by f.hits desc, f.name)), '[]')
  from (
    select a.name, a.description, a.capabilities, a.domain, h.hits
    from howdah.agents as a
    cross join lateral (
      select howdah_private.count_words(discovered_agents.words, concat_ws(' ', a.name, a.domain,
        a.description, array_to_string(a.capabilities, ' '))) as hits
    ) as h
    where a.tenant_id = run.tenant_id and a.id <> run.agent_id
      and howdah_private.can_write_to(run, a)
      and not a.is_restricted
      and (h.hits > 0 or discovered_agents.words = '{}')
    order by h.hits desc, a.name limit 20
  ) as f
$$;

-- Lists the tools of the tenant that match the words. The tools that the run may call come first
-- and are `usable`. The description of an MCP tool is written by its server, so it is shown only to
-- an agent that has the tool.
create or replace function howdah_private.discovered_tools(run howdah.executions, words text[])
  returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  with own as (
    select d.tool ->> 'name' as name
    from howdah.agent_versions as v
    cross join lateral jsonb_array_elements(v.definition -> 'tools') as d (tool)
    cross join howdah_private.call_rules(run.id) as r
    where v.id = run.agent_version_id
      and coalesce(run.overrides -> 'allowed_tools' ? (d.tool ->> 'name'), true)
      and not r.withdrawn ? (d.tool ->> 'name')
  ),
  found as (
    select t as tool, h.hits, t.name in (select o.name from own as o) as usable
    from howdah.tools as t
    left join howdah.agents as a on a.id = t.agent_id
    left join howdah.workflows as w on w.id = t.workflow_id
    cross join lateral (
      select howdah_private.count_words(discovered_tools.words, concat_ws(' ', t.name,
        howdah_private.tool_domain(t), t.description,
        array_to_string(howdah_private.tool_capabilities(t), ' '))) as hits
    ) as h
    where t.tenant_id = run.tenant_id and howdah_private.is_offered(t) and h.hits > 0
      and coalesce(a.is_active and a.deleted_at is null and not a.is_restricted, true)
      and coalesce(w.is_active and w.deleted_at is null and not w.is_restricted, true)
    order by usable desc, h.hits desc, t.name limit 20
  )
  select coalesce(to_jsonb(array_agg(
    jsonb_build_object('name', (f.tool).name, 'kind', (f.tool).kind,
    'description', case when f.usable or (f.tool).kind <> 'mcp'
      then left((f.tool).description, 500) else '' end,
    'capabilities', howdah_private.tool_capabilities(f.tool),
    'domain', howdah_private.tool_domain(f.tool), 'usable', f.usable
  ) order by f.usable desc, f.hits desc, (f.tool).name)), '[]')
  from found as f
$$;

-- Answers a call of discover_agents. Without words it lists agents only, because the agent knows
-- its own tools.
create or replace function howdah_private.call_discover_agents(execution_id uuid, arguments jsonb)
  returns jsonb
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_run howdah.executions := howdah_private.calling_run(call_discover_agents.execution_id);
  v_words text[] := howdah_private.search_words(arguments ->> 'capability');
begin
  return jsonb_build_object('agents', howdah_private.discovered_agents(v_run, v_words))
    || case v_words when '{}' then '{}'
      else jsonb_build_object('tools', howdah_private.discovered_tools(v_run, v_words)) end;
end $$;
