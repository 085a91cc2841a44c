-- Returns the objects that refer to a secret by name: models, engines, MCP servers, integrations,
-- webhooks, inbound hooks, and tools that send requests or query a database. None of them works
-- without the secret.
create or replace function howdah_private.users_of_secret(tenant_id uuid, name text)
  returns table (used_by text, agent_system_id uuid)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select 'model ' || m.name, m.agent_system_id from howdah.models as m
  where m.tenant_id = users_of_secret.tenant_id and m.secret_name = users_of_secret.name
  union all
  select 'agent ' || a.name, a.agent_system_id from howdah.agents as a
  where a.tenant_id = users_of_secret.tenant_id and a.deleted_at is null
    and a.engine_configuration ->> 'secret_name' = users_of_secret.name
  union all
  select 'MCP server ' || s.name, s.agent_system_id from howdah.mcp_servers as s
  where s.tenant_id = users_of_secret.tenant_id
    and users_of_secret.name = any (howdah_private.mcp_secrets(s.configuration))
  union all
  select 'integration ' || c.name, null from howdah.integrations as c
  where c.tenant_id = users_of_secret.tenant_id and c.secret_name = users_of_secret.name
  union all
  select 'webhook ' || w.url, null from howdah.webhooks as w
  where w.tenant_id = users_of_secret.tenant_id
    and users_of_secret.name in (w.secret_name, w.previous_secret_name)
  union all
  select 'inbound hook ' || h.name, null from howdah.inbound_hooks as h
  where h.tenant_id = users_of_secret.tenant_id and users_of_secret.name
    in (h.secret_name, h.previous_secret_name, h.reply ->> 'secret_name')
  union all
  select 'tool ' || t.name || coalesce(' of agent ' || x.agent, ''), t.agent_system_id
  from howdah.tools as t
  cross join lateral (
    select null as agent, t.configuration
    union all
    select a.name, g.configuration from howdah.agent_tools as g
    join howdah.agents as a on a.id = g.agent_id
    where g.tool_id = t.id and a.deleted_at is null
  ) as x
  where t.tenant_id = users_of_secret.tenant_id and (
    ((t.kind = 'http' or (t.kind = 'builtin' and t.name = 'http_request'))
      and jsonb_path_exists(x.configuration, 'lax $.secrets.*.secret_name ? (@ == $name)',
        jsonb_build_object('name', users_of_secret.name)))
    or (t.kind = 'builtin' and t.name = 'sql_query'
      and x.configuration ->> 'database' = users_of_secret.name))
$$;

-- Returns those of these secrets that something else than this agent system uses, each with one of
-- its users. An import asks before it sends a secret to a further server.
create or replace function howdah_private.secrets_used_elsewhere(names text[], system text)
  returns table (name text, used_by text)
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.permit('agent_systems', 'manage');
  return query
    select distinct on (n.name) n.name, u.used_by
    from unnest(secrets_used_elsewhere.names) as n (name)
    cross join lateral howdah_private.users_of_secret(howdah.current_tenant(), n.name) as u
    where u.agent_system_id is null or u.agent_system_id is distinct from (
      select s.id from howdah.agent_systems as s
      where s.tenant_id = howdah.current_tenant() and s.name = secrets_used_elsewhere.system)
    order by n.name, u.used_by;
end $$;

-- Refuses to delete a secret that is in use.
create or replace function howdah_private.check_secret_unused(secret howdah.secrets) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_users text[] := array(
    select u.used_by from howdah_private.users_of_secret(secret.tenant_id, secret.name) as u
    order by 1);
begin
  if v_users <> '{}' then
    raise exception using errcode = 'HWCNF',
      message = format('secret %L is used by %s', secret.name, array_to_string(v_users, ', ')),
      detail = jsonb_build_object('secret', secret.name, 'used_by', v_users)::text,
      hint = 'Change them to another secret first. Use --force to delete the secret anyway: '
        'calls that need the secret then fail.';
  end if;
end $$;
