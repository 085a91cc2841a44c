-- What the client of an MCP session asked to be told of: how grave a log message has to be, and which runs. A session is the digest of an id
-- that no other caller can have made, so whoever names it may write it. The mark of a run says how it stood when it was asked for: a stream
-- that begins later, in whatever process, knows by it what the client has not heard. What nobody has read for a day is forgotten.
create or replace function howdah_private.set_mcp_log_level(session text, log_level text) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  delete from howdah_private.mcp_sessions as s where s.expires_at < now() and s.session <> set_mcp_log_level.session;
  insert into howdah_private.mcp_sessions as s (tenant_id, session, log_level, expires_at)
  values (howdah.current_tenant(), set_mcp_log_level.session, set_mcp_log_level.log_level, now() + interval '1 day')
  on conflict on constraint mcp_sessions_pkey do update set log_level = excluded.log_level, expires_at = excluded.expires_at
$$;

-- The caller has looked whether he may see the run; nobody is told of one that he may not see any more.
create or replace function howdah_private.subscribe_mcp(session text, execution_id uuid, mark text) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.subscribe_mcp_to(subscribe_mcp.session, subscribe_mcp.execution_id::text, subscribe_mcp.mark)
$$;

-- `resource` is the id of a run, or the address of a file.
create or replace function howdah_private.subscribe_mcp_to(session text, resource text, mark text) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  delete from howdah_private.mcp_sessions as s where s.expires_at < now();
  insert into howdah_private.mcp_sessions as s (tenant_id, session, subscriptions, expires_at)
  values (howdah.current_tenant(), subscribe_mcp_to.session,
    jsonb_build_object(subscribe_mcp_to.resource, subscribe_mcp_to.mark), now() + interval '1 day')
  on conflict on constraint mcp_sessions_pkey do update
  set subscriptions = s.subscriptions || excluded.subscriptions, expires_at = excluded.expires_at
  where (select count(*) from jsonb_object_keys(s.subscriptions)) < 100 or s.subscriptions ? subscribe_mcp_to.resource;
  if not found then
    raise exception using errcode = 'HWINV', message = 'a session is told of at most 100 resources',
      detail = jsonb_build_object('field', 'uri')::text, hint = 'Unsubscribe from those whose runs have ended.';
  end if;
end $$;

create or replace function howdah_private.unsubscribe_mcp(session text, execution_id uuid) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.unsubscribe_mcp_from(unsubscribe_mcp.session, unsubscribe_mcp.execution_id::text)
$$;

create or replace function howdah_private.unsubscribe_mcp_from(session text, resource text) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  update howdah_private.mcp_sessions as s
  set subscriptions = s.subscriptions - unsubscribe_mcp_from.resource
  where s.tenant_id = howdah.current_tenant() and s.session = unsubscribe_mcp_from.session
$$;

create or replace function howdah_private.mcp_log_level(session text) returns text
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select s.log_level from howdah_private.mcp_sessions as s
  where s.tenant_id = howdah.current_tenant() and s.session = mcp_log_level.session
$$;

-- What the streams of one process look for, all at once, and so keep.
create or replace function howdah_private.mcp_subscriptions(tenants uuid[], sessions text[])
  returns table (place bigint, subscriptions jsonb)
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  with asked as (
    select a.* from unnest(mcp_subscriptions.tenants, mcp_subscriptions.sessions) with ordinality as a (tenant_id, session, place)
  ),
  kept as (
    update howdah_private.mcp_sessions as s set expires_at = now() + interval '1 day'
    from asked as a
    where s.tenant_id = a.tenant_id and s.session = a.session and s.expires_at < now() + interval '12 hours'
  )
  select a.place, s.subscriptions
  from asked as a
  join howdah_private.mcp_sessions as s on s.tenant_id = a.tenant_id and s.session = a.session
$$;
