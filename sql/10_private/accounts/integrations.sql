-- Integrations: what MCP servers and HTTP tools refer to by name, so that requests carry an OAuth
-- token of the account of the tenant or of the user of the run.

-- Raises the error for a name that no integration of the tenant has.
create or replace function howdah_private.raise_unknown_integration(name text) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using errcode = 'HWNTF',
    message = format('there is no integration %L', raise_unknown_integration.name),
    detail = jsonb_build_object('integration', raise_unknown_integration.name)::text,
    hint = 'See howdah.integrations for the integrations that exist. An admin adds one with a row '
      'there: docs/connected-accounts.md.';
end $$;

-- Returns scheme, host and port of a URL, in which requests with a token must agree with the
-- resource of the integration. Null for anything else.
create or replace function howdah_private.origin_of(url text) returns text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select lower(p.parts[1]) || '://' || lower(p.parts[2]) || ':'
    || coalesce(p.parts[3], case lower(p.parts[1]) when 'https' then '443' else '80' end)
  from (
    select regexp_match(origin_of.url,
      '^(https?)://(\[[0-9A-Fa-f.:]+\]|[^/?#\s@:]+)(?::(\d+))?', 'i')
  ) as p (parts)
$$;

-- Refuses a configuration whose integration does not exist, or is for another server than its URL.
-- Locks the integration, so that it cannot be deleted before the configuration is committed.
create or replace function howdah_private.lock_integration(tenant_id uuid, configuration jsonb)
  returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_name text := lock_integration.configuration ->> 'integration';
  v_url text := lock_integration.configuration ->> 'url';
  v_resource text;
begin
  if v_name is null or not howdah_private.can_act_for(lock_integration.tenant_id) then
    return;
  end if;
  select c.resource_url into v_resource from howdah.integrations as c
  where c.tenant_id = lock_integration.tenant_id and c.name = v_name for key share;
  if not found then
    perform howdah_private.raise_unknown_integration(v_name);
  end if;
  if howdah_private.origin_of(v_url) <> howdah_private.origin_of(v_resource) then
    raise exception using errcode = 'HWINV',
      message = format('integration %L is for %s, not for %s', v_name,
        howdah_private.origin_of(v_resource), howdah_private.origin_of(v_url)),
      detail = jsonb_build_object('field', 'configuration', 'path', 'configuration.integration',
        'integration', v_name)::text,
      hint = 'Tokens are sent only to the scheme, host and port of the resource_url of an '
        'integration. Name another integration.';
  end if;
end $$;

-- Returns the objects that refer to an integration by name. None of them works without it.
create or replace function howdah_private.users_of_integration(tenant_id uuid, name text)
  returns setof text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select 'MCP server ' || s.name from howdah.mcp_servers as s
  where s.tenant_id = users_of_integration.tenant_id
    and s.configuration ->> 'integration' = users_of_integration.name
  union all
  select 'tool ' || t.name || coalesce(' of agent ' || x.agent, '')
  from howdah.tools as t
  cross join lateral (
    select null as agent, t.configuration
    union all
    select a.name, g.configuration from howdah.agent_tools as g
    join howdah.agents as a on a.id = g.agent_id
    where g.tool_id = t.id and a.deleted_at is null
  ) as x
  where t.tenant_id = users_of_integration.tenant_id
    and (t.kind = 'http' or (t.kind = 'builtin' and t.name = 'http_request'))
    and x.configuration ->> 'integration' = users_of_integration.name
  order by 1
$$;

-- Returns an integration as the process that talks to its authorization server reads it.
create or replace function howdah_private.integration_document(c howdah.integrations) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object('id', c.id, 'tenant_id', c.tenant_id, 'name', c.name,
    'resource_url', c.resource_url, 'account_scope', c.account_scope, 'grant_type', c.grant_type,
    'scopes', c.scopes, 'issuer', c.issuer, 'endpoints', c.endpoints, 'client_id', c.client_id,
    'secret_name', c.secret_name, 'sends_resource', c.sends_resource)
$$;

-- Returns the active integration of this name in the tenant of the caller. Raises HWNTF.
create or replace function howdah_private.find_integration(name text) returns howdah.integrations
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_integration howdah.integrations;
begin
  select c.* into v_integration from howdah.integrations as c
  where c.tenant_id = howdah.current_tenant() and c.name = find_integration.name;
  if not found then
    perform howdah_private.raise_unknown_integration(find_integration.name);
  elsif not v_integration.is_active then
    raise exception using errcode = 'HWCNF',
      message = format('integration %L is not active', find_integration.name),
      detail = jsonb_build_object('integration', find_integration.name)::text,
      hint = 'An admin sets is_active of the integration to true.';
  end if;
  return v_integration;
end $$;
