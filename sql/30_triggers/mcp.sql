-- Checks MCP servers and keeps their tools and agents up to date.
--
-- A change of a server queues a discovery of its tools and prompts. A change of a server or of an
-- accepted tool marks the agents that have the server stale. Only the engine inserts and redefines
-- rows of tools with kind mcp, when a tool is accepted.

-- Refuses a command, or an address of the machine, from a caller who may not name it. The same
-- configuration may be written again.
create or replace function howdah_private.tg_mcp_servers__guard() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'INSERT' or (new.type, new.configuration) is distinct from
      (old.type, old.configuration) then
    if new.type = 'stdio' then
      perform howdah_private.check_machine('type', null, is_command => true);
      new.is_guarded := true; -- it has no address
    else
      new.is_guarded :=
        howdah_private.check_machine('configuration.url', new.configuration ->> 'url');
    end if;
  end if;
  return new;
end $$;

create or replace function howdah_private.tg_mcp_servers__check() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.check_mcp_server(new);
  return new;
end $$;

-- Locks the secrets of the configuration, so that they cannot be deleted before this server is
-- visible.
create or replace function howdah_private.tg_mcp_servers__lock_secrets() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.lock_secrets(
    new.tenant_id, howdah_private.mcp_secrets(new.configuration));
  return new;
end $$;

-- Updates the tools of a server. Their names include the name of the server. Their effects come
-- from its annotations only while trusts_annotations is true.
create or replace function howdah_private.tg_mcp_servers__change_tools() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  update howdah.tools as t
  set name = case when t.name = howdah_private.short_mcp_tool_name(old.name, m.name)
      then howdah_private.short_mcp_tool_name(new.name, m.name)
      else howdah_private.mcp_tool_name(new.name, m.name) end,
    effect = case when new.trusts_annotations <> old.trusts_annotations
      then howdah_private.mcp_effect(m.annotations, new.trusts_annotations) else t.effect end
  from howdah.mcp_tools as m
  where t.server_id = new.id and m.server_id = new.id and m.name = t.configuration ->> 'tool';
  perform howdah_private.mark_server_agents_stale(new.id);
  return null;
end $$;

create or replace function howdah_private.tg_mcp_servers__discover() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.enqueue_discovery(new.tenant_id, new.id, 1);
  return null;
end $$;

create or replace function howdah_private.tg_mcp_servers__mark_stale() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.mark_server_agents_stale(new.id);
  return null;
end $$;

drop trigger if exists _200_refuse_command on howdah.mcp_servers;
create or replace trigger _400_guard
  before insert or update of type, configuration on howdah.mcp_servers
  for each row execute function howdah_private.tg_mcp_servers__guard();
create or replace trigger _300_check
  before insert or update of type, configuration, sampling_model_id on howdah.mcp_servers
  for each row execute function howdah_private.tg_mcp_servers__check();
create or replace trigger _310_refuse_keys
  before insert or update of name, description on howdah.mcp_servers
  for each row execute function howdah_private.tg__refuse_keys_in_texts('name', 'description');
create or replace trigger _320_lock_secrets
  before insert or update of configuration on howdah.mcp_servers
  for each row execute function howdah_private.tg_mcp_servers__lock_secrets();

-- Locks the integration of the configuration, as above.
create or replace function howdah_private.tg_mcp_servers__lock_integration() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.lock_integration(new.tenant_id, new.configuration);
  return new;
end $$;
create or replace trigger _330_lock_integration
  before insert or update of configuration on howdah.mcp_servers
  for each row when (new.configuration ? 'integration')
  execute function howdah_private.tg_mcp_servers__lock_integration();
create or replace trigger _500_change_tools
  after update of name, trusts_annotations on howdah.mcp_servers
  for each row when (
    (old.name, old.trusts_annotations) is distinct from (new.name, new.trusts_annotations))
  execute function howdah_private.tg_mcp_servers__change_tools();
create or replace trigger _510_mark_stale after update of is_active on howdah.mcp_servers
  for each row when (old.is_active <> new.is_active)
  execute function howdah_private.tg_mcp_servers__mark_stale();
create or replace trigger _900_discover
  after insert or update of type, configuration, is_active, sampling_model_id, allows_elicitation
  on howdah.mcp_servers
  for each row when (new.is_active)
  execute function howdah_private.tg_mcp_servers__discover();

create or replace function howdah_private.tg_mcp_tools__mark_stale() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.mark_server_agents_stale(new.server_id);
  return null;
end $$;
create or replace trigger _500_mark_stale after update of status on howdah.mcp_tools
  for each row when (old.status <> new.status)
  execute function howdah_private.tg_mcp_tools__mark_stale();

-- Locks a server that is given to an agent: the transaction waits for a discovery that is not
-- committed yet (agents.sql).
create or replace function howdah_private.tg_agent_servers__await_edit() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform from howdah.mcp_servers as s where s.id = new.server_id and s.tenant_id = new.tenant_id
  for share;
  return new;
end $$;
create or replace trigger _100_await_edit
  before insert or update of server_id on howdah.agent_servers
  for each row execute function howdah_private.tg_agent_servers__await_edit();
create or replace trigger _500_mark_stale after insert or update or delete on howdah.agent_servers
  for each row execute function howdah_private.tg_agent_parts__mark_stale();

-- Refuses direct writes of MCP tools. Their definition comes from the server and was accepted by a
-- person.
create or replace function howdah_private.tg_tools__refuse_mcp() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if current_user <> 'howdah_engine' and (tg_op = 'INSERT'
    or (old.kind, old.name, old.description, old.parameters, old.configuration, old.server_id)
      is distinct from
      (new.kind, new.name, new.description, new.parameters, new.configuration, new.server_id)) then
    raise exception using errcode = 'HWDEN',
      message = 'tools of MCP servers cannot be inserted or redefined directly',
      detail = jsonb_build_object('tool', new.name)::text,
      hint = 'Insert the server into howdah.mcp_servers and accept its tools with '
        'howdah.accept_mcp_tool(server, tool). You may set aliases, effect, requires_approval, '
        'timeout_ms, cache_answers_for and is_active.';
  end if;
  return new;
end $$;
create or replace trigger _200_refuse_mcp before insert or update on howdah.tools
  for each row when (new.kind = 'mcp')
  execute function howdah_private.tg_tools__refuse_mcp();
