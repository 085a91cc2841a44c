-- Sets the parts of an agent by name: models in order, tools and MCP servers. Runs with the
-- privileges of the caller. Parts that do not change are not written, so they create no new
-- version.

-- Refuses the first unknown name, with a suggestion.
create or replace function howdah_private.check_part_exists(
  field text, names text[], known text[], aliases text[] default '{}'
) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_name text;
begin
  select n.name into v_name from unnest(check_part_exists.names)
    with ordinality as n (name, place)
  where n.name <> all (known || aliases) order by n.place limit 1;
  if v_name is null then
    return;
  end if;
  raise exception using errcode = 'HWNTF',
    message = format('there is no %s named %L', replace(rtrim(field, 's'), '_', ' '), v_name),
    detail = jsonb_build_object('field', field, 'name', v_name)::text,
    hint = coalesce('Did you mean ' || howdah_private.nearest_word(left(v_name, 60), known) || '?',
      'There are: ' || howdah_private.list_names(known, 12) || '.', 'There is none yet.');
end $$;

-- Sets the models of one purpose in this order. `request_params` belong to the first model; null
-- keeps the parameters of each.
create or replace function howdah_private.set_agent_models(
  agent_id uuid, purpose howdah.model_purpose, names text[], request_params jsonb default null
) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_current jsonb;
  v_wanted jsonb;
begin
  perform howdah_private.check_part_exists('models', set_agent_models.names, array(
    select m.name from howdah.models as m where m.tenant_id = howdah.current_tenant()
    order by m.name));
  select coalesce(to_jsonb(array_agg(jsonb_build_object('model_id', x.model_id,
    'request_params', x.request_params) order by x.position)), '[]')
  into v_current
  from howdah.agent_models as x
  where x.agent_id = set_agent_models.agent_id and x.purpose = set_agent_models.purpose;
  select coalesce(to_jsonb(array_agg(
    jsonb_build_object('model_id', m.id, 'request_params', coalesce(
      case when n.place = 1 then set_agent_models.request_params end,
      (select t.one -> 'request_params' from jsonb_array_elements(v_current) as t (one)
        where t.one ->> 'model_id' = m.id::text limit 1),
      '{}')) order by n.place)), '[]')
  into v_wanted
  from unnest(set_agent_models.names) with ordinality as n (name, place)
  join howdah.models as m on m.tenant_id = howdah.current_tenant() and m.name = n.name;
  if v_wanted = v_current then
    return;
  end if;
  delete from howdah.agent_models as x
  where x.agent_id = set_agent_models.agent_id and x.purpose = set_agent_models.purpose;
  insert into howdah.agent_models (agent_id, purpose, position, model_id, request_params)
  select set_agent_models.agent_id, set_agent_models.purpose, w.place, (w.one ->> 'model_id')::uuid,
    w.one -> 'request_params'
  from jsonb_array_elements(v_wanted) with ordinality as w (one, place);
end $$;

-- Sets the parameters of the first model that answers.
create or replace function howdah_private.set_request_params(agent_id uuid, request_params jsonb)
  returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  update howdah.agent_models as x set request_params = set_request_params.request_params
  where x.agent_id = set_request_params.agent_id and x.purpose = 'llm'
    and x.position = (
      select min(y.position) from howdah.agent_models as y
      where y.agent_id = set_request_params.agent_id and y.purpose = 'llm');
  if not found and set_request_params.request_params <> '{}' then
    perform howdah_private.set_agent_models(set_request_params.agent_id, 'llm', '{default}',
      set_request_params.request_params);
  end if;
end $$;

-- Sets the tools by name or alias. Tools that stay keep their configuration.
create or replace function howdah_private.set_agent_tools(agent_id uuid, names text[]) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tools uuid[];
begin
  perform howdah_private.check_part_exists('tools', set_agent_tools.names,
    array(select t.name from howdah.tools as t where t.tenant_id = howdah.current_tenant()
      order by t.name),
    array(select unnest(t.aliases) from howdah.tools as t
      where t.tenant_id = howdah.current_tenant()));
  v_tools := array(select howdah_private.tool_named(n.name)
    from unnest(set_agent_tools.names) as n (name));
  delete from howdah.agent_tools as x
  where x.agent_id = set_agent_tools.agent_id and x.tool_id <> all (v_tools);
  insert into howdah.agent_tools (agent_id, tool_id)
  select distinct set_agent_tools.agent_id, t.id from unnest(v_tools) as t (id)
  where not exists (
    select from howdah.agent_tools as x
    where x.agent_id = set_agent_tools.agent_id and x.tool_id = t.id);
end $$;

-- Sets the MCP servers by name. Servers that stay keep their allowed tools.
create or replace function howdah_private.set_agent_servers(agent_id uuid, names text[])
  returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_servers uuid[];
begin
  perform howdah_private.check_part_exists('servers', set_agent_servers.names,
    array(select s.name from howdah.mcp_servers as s where s.tenant_id = howdah.current_tenant()
      order by s.name));
  v_servers := array(
    select s.id from howdah.mcp_servers as s
    where s.tenant_id = howdah.current_tenant() and s.name = any (set_agent_servers.names));
  delete from howdah.agent_servers as x
  where x.agent_id = set_agent_servers.agent_id and x.server_id <> all (v_servers);
  insert into howdah.agent_servers (agent_id, server_id)
  select set_agent_servers.agent_id, s.id from unnest(v_servers) as s (id)
  where not exists (
    select from howdah.agent_servers as x
    where x.agent_id = set_agent_servers.agent_id and x.server_id = s.id);
end $$;

-- Sets the skills by name, in the order of the names.
create or replace function howdah_private.set_agent_skills(agent_id uuid, names text[])
  returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.check_part_exists('skills', set_agent_skills.names,
    array(select s.name from howdah.skills as s
      where s.tenant_id = howdah.current_tenant() and s.deleted_at is null order by s.name));
  delete from howdah.agent_skills as x using howdah.skills as s
  where x.agent_id = set_agent_skills.agent_id and s.id = x.skill_id
    and s.name <> all (set_agent_skills.names);
  insert into howdah.agent_skills (agent_id, skill_id, position)
  select set_agent_skills.agent_id, s.id, min(n.place)::int
  from unnest(set_agent_skills.names) with ordinality as n (name, place)
  join howdah.skills as s on s.name = n.name and s.tenant_id = howdah.current_tenant()
    and s.deleted_at is null
  group by s.id
  on conflict on constraint agent_skills_pkey do update set position = excluded.position
    where agent_skills.position <> excluded.position;
end $$;

-- Sets the knowledge bases by name. Bases that stay keep their k and weight.
create or replace function howdah_private.set_agent_knowledge_bases(agent_id uuid, names text[])
  returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.check_part_exists('knowledge_bases', set_agent_knowledge_bases.names,
    array(select b.name from howdah.knowledge_bases as b
      where b.tenant_id = howdah.current_tenant() order by b.name));
  delete from howdah.agent_knowledge_bases as x using howdah.knowledge_bases as b
  where x.agent_id = set_agent_knowledge_bases.agent_id and b.id = x.knowledge_base_id
    and b.name <> all (set_agent_knowledge_bases.names);
  insert into howdah.agent_knowledge_bases (agent_id, knowledge_base_id)
  select set_agent_knowledge_bases.agent_id, b.id from howdah.knowledge_bases as b
  where b.tenant_id = howdah.current_tenant() and b.name = any (set_agent_knowledge_bases.names)
  on conflict on constraint agent_knowledge_bases_pkey do nothing;
end $$;
