-- Checks tools, keeps their names unique, and marks the agents that have them stale.

-- Refuses SQL tools, except from an owner of the database, because they call functions of this
-- database (register_sql_tool).
create or replace function howdah_private.tg_tools__refuse_sql() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if not howdah_private.is_operator() then
    raise exception using errcode = 'HWDEN',
      message = 'only an owner of the database may write SQL tools',
      detail = jsonb_build_object('tool', new.name)::text,
      hint = 'Ask the owner of the database to call howdah.register_sql_tool(signature).';
  end if;
  if tg_op = 'INSERT' then
    perform howdah_private.check_function_exists(new.configuration);
  elsif (new.kind, new.configuration) is distinct from (old.kind, old.configuration) then
    perform howdah_private.check_function_exists(new.configuration);
  end if;
  return new;
end $$;

-- Marks the agents stale that have the tool: directly, as a compensation, through a server, or as a
-- built-in tool that a setting of the agent implies.
create or replace function howdah_private.tg_tools__mark_stale() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.mark_agents_stale(array_agg(u.agent_id))
  from (
    select at.agent_id from howdah.agent_tools as at
    join howdah.tools as t on t.id = at.tool_id
    where new.id in (t.id, t.compensation_tool_id)
    union
    select g.agent_id from howdah.agent_servers as g where g.server_id = new.server_id
    union
    select a.id from howdah.agents as a
    where a.tenant_id = new.tenant_id and (a.human_input or a.engine = 'a2a')
      and new.kind = 'builtin' and new.name = 'ask_user'
    union
    select s.agent_id from howdah.agent_skills as s
    where s.tenant_id = new.tenant_id and new.kind = 'builtin' and new.name = 'load_skill'
  ) as u;
  return null;
end $$;

-- Reserves the names and aliases of a tool. The private table makes them unique among all tools of
-- the tenant.
create or replace function howdah_private.tg_tools__reserve_names() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_other text;
begin
  delete from howdah_private.tool_names as n where n.tool_id = new.id;
  insert into howdah_private.tool_names (tenant_id, name, tool_id)
  select new.tenant_id, x.name, new.id from unnest(new.name || new.aliases) as x (name);
  return null;
exception when unique_violation then
  select t.name into v_other
  from howdah_private.tool_names as n join howdah.tools as t on t.id = n.tool_id
  where n.tenant_id = new.tenant_id and n.name = any (new.name || new.aliases)
    and n.tool_id <> new.id;
  raise exception using errcode = 'HWCNF',
    message = case
      when v_other is null then format('tool %L has a duplicate name or alias', new.name)
      else format('a name or alias of tool %L is taken by tool %L', new.name, v_other) end,
    detail = jsonb_build_object('tool', new.name, 'aliases', new.aliases, 'other', v_other)::text,
    hint = 'Choose another name: models call tools by name and alias.';
end $$;

create or replace function howdah_private.tg_tools__check_parameters() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  -- A new built-in tool has the parameters of its definition. Each new tenant has all these tools,
  -- so their known schemas and empty configurations are not checked each time.
  if new.kind <> 'builtin' or tg_op = 'UPDATE' then
    perform howdah_private.check_schema('parameters', new.parameters);
    -- the discovery has checked the schemas of MCP tools, and the server checks arguments again
    perform howdah_private.check_references('parameters', new.parameters) where new.kind <> 'mcp';
    perform howdah_private.check_plain_secrets('parameters', new.parameters);
  end if;
  perform howdah_private.check_plain_secrets('configuration', new.configuration);
  perform howdah_private.check_question_settings(
    new.configuration, new.kind = 'builtin' and new.name = 'ask_user');
  perform howdah_private.check_result_limit(new.configuration);
  perform howdah_private.check_builtin_settings(new.name, new.configuration)
  where new.kind = 'builtin' and new.configuration <> '{}';
  perform howdah_private.check_http_tool(new.parameters, new.configuration, of_agent => false)
  where new.kind = 'http';
  return new;
end $$;

-- Refuses an address of the machine from a caller who may not name it. The same configuration may
-- be written again.
create or replace function howdah_private.tg_tools__guard() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'INSERT' or new.configuration is distinct from old.configuration then
    new.is_guarded :=
      howdah_private.check_machine('configuration.url', new.configuration ->> 'url');
  end if;
  return new;
end $$;

-- Refuses unknown built-in tools. Sets description and parameters of a new row from the definition
-- of the tool, because a model cannot call a tool without them. Capabilities that the row has stay.
create or replace function howdah_private.tg_tools__refuse_unknown_builtin() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (select from howdah_private.builtin_tools() as b where b.name = new.name) then
    raise exception using errcode = 'HWINV',
      message = format('there is no built-in tool %L', new.name),
      detail = jsonb_build_object('field', 'name', 'kind', 'builtin')::text,
      hint = (select 'The built-in tools are ' || string_agg(b.name, ', ' order by b.name)
        from howdah_private.builtin_tools() as b);
  end if;
  if tg_op = 'INSERT' then
    select b.description, b.parameters,
      case new.capabilities when '{}' then b.capabilities else new.capabilities end
    into new.description, new.parameters, new.capabilities
    from howdah_private.builtin_tools() as b where b.name = new.name;
  end if;
  return new;
end $$;

create or replace trigger _200_refuse_sql before insert or update on howdah.tools
  for each row when (new.kind = 'sql')
  execute function howdah_private.tg_tools__refuse_sql();
create or replace trigger _200_refuse_unknown_builtin
  before insert or update of name, kind on howdah.tools
  for each row when (new.kind = 'builtin')
  execute function howdah_private.tg_tools__refuse_unknown_builtin();
create or replace trigger _500_mark_stale after update on howdah.tools
  for each row when (old.* is distinct from new.*)
  execute function howdah_private.tg_tools__mark_stale();
create or replace trigger _300_check_parameters
  before insert or update of parameters, configuration on howdah.tools
  for each row execute function howdah_private.tg_tools__check_parameters();
create or replace trigger _420_guard before insert or update of configuration on howdah.tools
  for each row when (new.kind = 'http') execute function howdah_private.tg_tools__guard();
create or replace trigger _305_trim_capabilities
  before insert or update of capabilities on howdah.tools
  for each row when (new.capabilities <> '{}')
  execute function howdah_private.tg__trim_capabilities();
create or replace trigger _310_refuse_keys
  before insert or update of name, aliases, description, capabilities, domain on howdah.tools
  for each row
  execute function howdah_private.tg__refuse_keys_in_texts(
    'name', 'aliases', 'description', 'capabilities', 'domain');
create or replace trigger _400_reserve_names after insert or update of name, aliases on howdah.tools
  for each row execute function howdah_private.tg_tools__reserve_names();
