-- Stores what the client of an MCP session subscribed to: a minimum level of log messages, and runs
-- or files. A session is identified by the digest of an id that no other caller can have made, so
-- any caller that names it may write it. The mark of a run records its state at the time of the
-- subscription. With the mark, a stream that begins later, in any process, knows which changes the
-- client has not seen. A session that is not read for a day is deleted.
--
-- A transaction that writes an MCP session locks its row first and waits for no other lock
-- afterwards: other rows that it sweeps or prolongs are skipped when locked. So no two transactions
-- wait for each other.

-- Returns the maximum number of sessions of a tenant.
create or replace function howdah_private.max_mcp_sessions() returns int
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$ select 10000 $$;

-- Returns the maximum number of sessions of one caller, so that a single caller cannot use up those
-- of the tenant.
create or replace function howdah_private.max_mcp_sessions_of_caller() returns int
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$ select 1000 $$;

-- Returns the id of the user or the API key of the caller.
create or replace function howdah_private.mcp_caller() returns uuid
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$ select coalesce(a.user_id, a.api_key_id) from howdah_private.audit_actor() as a $$;

-- Refuses a new session above the maximum. New sessions of a tenant are counted one after the
-- other, before any row is locked.
create or replace function howdah_private.check_mcp_session_count(session text) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id constant uuid := howdah.current_tenant();
  v_caller constant uuid := howdah_private.mcp_caller();
  v_most constant int := howdah_private.max_mcp_sessions();
  v_share constant int := howdah_private.max_mcp_sessions_of_caller();
  v_of_all int;
  v_of_caller int;
begin
  if exists (
    select from howdah_private.mcp_sessions as s
    where s.tenant_id = v_tenant_id and s.session = check_mcp_session_count.session
  ) then
    return;
  end if;
  perform pg_advisory_xact_lock(hashtextextended('howdah.mcp_sessions ' || v_tenant_id, 0));
  select count(*), count(*) filter (where s.caller = v_caller) into v_of_all, v_of_caller
  from howdah_private.mcp_sessions as s where s.tenant_id = v_tenant_id and s.expires_at >= now();
  if v_of_all >= v_most or v_of_caller >= v_share then
    raise exception using errcode = 'HWQTA',
      message = format('maximum number of MCP sessions with subscriptions of this %s (%s) reached',
        case when v_of_all >= v_most then 'tenant' else 'caller' end,
        case when v_of_all >= v_most then v_most else v_share end),
      detail = jsonb_build_object('max_sessions',
        case when v_of_all >= v_most then v_most else v_share end)::text,
      hint = 'Reuse existing sessions. A session is deleted when no stream has read it for a day.';
  end if;
end $$;

-- Deletes up to 100 expired sessions, so that one call does not delete all sessions that others
-- left behind.
create or replace function howdah_private.sweep_mcp_sessions() returns void
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $$
  delete from howdah_private.mcp_sessions as s
  using (
    select x.tenant_id, x.session from howdah_private.mcp_sessions as x
    where x.expires_at < now() order by x.expires_at limit 100
    for update skip locked
  ) as gone
  where s.tenant_id = gone.tenant_id and s.session = gone.session
$$;

-- Limits the length of texts. A database login may call these functions with other texts than the
-- API does.
create or replace function howdah_private.check_subscription_size(
  session text, resource text, mark text
) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_large record;
begin
  select * into v_large from (values
    ('session', length(check_subscription_size.session), 200),
    ('uri', length(check_subscription_size.resource), 2000),
    ('said', length(check_subscription_size.mark), 200)
  ) as f (field, size, maximum) where f.size > f.maximum;
  if found then
    perform howdah_private.raise_large(v_large.field, v_large.size, v_large.maximum, 'characters');
  end if;
end $$;

-- Sets the minimum level of log messages of a session.
create or replace function howdah_private.set_mcp_log_level(session text, log_level text)
  returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.check_subscription_size(set_mcp_log_level.session, null,
    set_mcp_log_level.log_level);
  select howdah_private.check_mcp_session_count(set_mcp_log_level.session);
  insert into howdah_private.mcp_sessions as s (tenant_id, session, caller, log_level, expires_at)
  values (howdah.current_tenant(), set_mcp_log_level.session, howdah_private.mcp_caller(),
    set_mcp_log_level.log_level,
    now() + interval '1 day')
  on conflict on constraint mcp_sessions_pkey do update set log_level = excluded.log_level,
    expires_at = excluded.expires_at;
  select howdah_private.sweep_mcp_sessions()
$$;

-- Subscribes a session to a resource: the id of a run or the URI of a file. The caller has checked
-- that it is visible; notifications check again.
create or replace function howdah_private.subscribe_mcp_to(session text, resource text, mark text)
  returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.check_subscription_size(subscribe_mcp_to.session,
    subscribe_mcp_to.resource, subscribe_mcp_to.mark);
  perform howdah_private.check_mcp_session_count(subscribe_mcp_to.session);
  insert into howdah_private.mcp_sessions as s (tenant_id, session, caller,
    subscriptions, expires_at)
  values (howdah.current_tenant(), subscribe_mcp_to.session, howdah_private.mcp_caller(),
    jsonb_build_object(subscribe_mcp_to.resource, subscribe_mcp_to.mark), now() + interval '1 day')
  on conflict on constraint mcp_sessions_pkey do update
  set subscriptions = s.subscriptions || excluded.subscriptions, expires_at = excluded.expires_at
  where (select count(*) from jsonb_object_keys(s.subscriptions)) < 100
    or s.subscriptions ? subscribe_mcp_to.resource;
  if not found then
    raise exception using errcode = 'HWINV',
      message = 'maximum number of subscriptions of a session (100) reached',
      detail = jsonb_build_object('field', 'uri')::text,
      hint = 'Unsubscribe from runs that have ended.';
  end if;
  perform howdah_private.sweep_mcp_sessions();
end $$;

create or replace function howdah_private.unsubscribe_mcp_from(session text, resource text)
  returns void
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

-- Returns the subscriptions of the sessions that the streams of one process read, all at once, and
-- prolongs them.
create or replace function howdah_private.mcp_subscriptions(tenants uuid[], sessions text[])
  returns table (place bigint, subscriptions jsonb)
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  with requests as (
    select a.* from unnest(mcp_subscriptions.tenants, mcp_subscriptions.sessions)
      with ordinality as a (tenant_id, session, place)
  ),
  old as (
    select s.tenant_id, s.session from howdah_private.mcp_sessions as s
    where (s.tenant_id, s.session) in (select a.tenant_id, a.session from requests as a)
      and s.expires_at < now() + interval '12 hours'
    for no key update skip locked
  ),
  renewals as (
    update howdah_private.mcp_sessions as s set expires_at = now() + interval '1 day'
    from old as o
    where s.tenant_id = o.tenant_id and s.session = o.session
  )
  select a.place, s.subscriptions
  from requests as a
  join howdah_private.mcp_sessions as s on s.tenant_id = a.tenant_id and s.session = a.session
$$;
