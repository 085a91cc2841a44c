-- Accounts: from the first need to the consent of a person, the tokens, and their end.
--
--   pending ──consent──▶ connected ──refresh refused──▶ expired
--      │                  │     ▲                         │
--      └─refused▶ failed  └─────│──disconnect──▶ revoked   │
--                    └──────────┴────── consent ◀──────────┘
--
-- A transaction locks the account before the runs that wait for it. Nobody who has the row of a run
-- locks an account.

-- Returns the account of a user, or of the tenant, for an integration. Creates the row at first
-- need.
create or replace function howdah_private.account_of(
  integration howdah.integrations, user_id uuid
) returns howdah.connected_accounts
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_account howdah.connected_accounts;
begin
  loop
    select a.* into v_account from howdah.connected_accounts as a
    where a.tenant_id = integration.tenant_id and a.integration_id = integration.id
      and a.user_id is not distinct from account_of.user_id;
    exit when found;
    insert into howdah.connected_accounts (tenant_id, integration_id, user_id)
    values (integration.tenant_id, integration.id, account_of.user_id)
    on conflict do nothing;
  end loop;
  return v_account;
end $$;

-- Returns an account with its integration, its tokens and the client of the integration, the last
-- two encrypted.
create or replace function howdah_private.account_document(a howdah.connected_accounts)
  returns jsonb
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object('id', a.id, 'tenant_id', a.tenant_id, 'status', a.status,
    'user', u.username, 'tenant', t.name, 'expires_at', a.expires_at, 'error', a.error,
    'integration', howdah_private.integration_document(c),
    'tokens', case when a.status = 'connected'
      then howdah_private.oauth_document(a.id) end,
    'client', howdah_private.oauth_document(c.id))
  from howdah.integrations as c
  join howdah.tenants as t on t.id = c.tenant_id
  left join howdah.users as u on u.id = a.user_id
  where c.tenant_id = a.tenant_id and c.id = a.integration_id
$$;

-- Returns an account as account_document does. Null if it does not exist.
create or replace function howdah_private.account_by_id(id uuid) returns jsonb
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.account_document(a) from howdah.connected_accounts as a
  where a.id = account_by_id.id
$$;

-- Returns the account that a run uses: that of the tenant, or that of the user of the run. The
-- database knows whose run it is, so a worker cannot ask for the account of another user. `fault`
-- says why there is none.
create or replace function howdah_private.account_for_run(execution_id uuid, integration text)
  returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_run howdah.executions;
  v_integration howdah.integrations;
begin
  select e.* into v_run from howdah.executions as e where e.id = account_for_run.execution_id;
  select c.* into v_integration from howdah.integrations as c
  where c.tenant_id = v_run.tenant_id and c.name = account_for_run.integration;
  if not found then
    return jsonb_build_object('fault', 'it does not exist');
  elsif not v_integration.is_active then
    return jsonb_build_object('fault', 'it is not active');
  elsif v_integration.account_scope = 'user' and v_run.user_id is null then
    return jsonb_build_object('fault', 'each user has an own account there, '
      'and this run has no user');
  end if;
  return howdah_private.account_document(howdah_private.account_of(v_integration,
    case v_integration.account_scope when 'user' then v_run.user_id end));
end $$;

-- Returns the account with which the tools of an MCP server are listed: that of the tenant, or the
-- account of a user that was connected last.
create or replace function howdah_private.account_for_discovery(tenant_id uuid, integration text)
  returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_integration howdah.integrations;
  v_account howdah.connected_accounts;
begin
  select c.* into v_integration from howdah.integrations as c
  where c.tenant_id = account_for_discovery.tenant_id
    and c.name = account_for_discovery.integration and c.is_active;
  if not found then
    return jsonb_build_object('fault', 'it does not exist or is not active');
  elsif v_integration.account_scope = 'tenant' then
    return howdah_private.account_document(howdah_private.account_of(v_integration, null));
  end if;
  select a.* into v_account from howdah.connected_accounts as a
  where a.tenant_id = v_integration.tenant_id and a.integration_id = v_integration.id
    and a.status = 'connected' and a.user_id is not null
  order by a.connected_at desc limit 1;
  if not found then
    return jsonb_build_object('fault', 'no user has connected an account yet');
  end if;
  return howdah_private.account_document(v_account);
end $$;

-- Stores new tokens of an account, and lets everything that waits for it go on. `tokens` says what
-- they are for: `flow_id` of a consent, `replaces` of the version that was refreshed, neither for a
-- client that is itself the account, and the `integration` that they were asked for.
--
-- Returns `stored`. Or `outdated`, if they were sealed for another version or key: the caller seals
-- them again. Or `ended`, if they are for nothing any more, because the account was disconnected,
-- connected anew or led to another server meanwhile.
create or replace function howdah_private.store_tokens(document jsonb, tokens jsonb) returns text
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_account howdah.connected_accounts;
  v_is_first boolean;
  v_expires_at timestamptz := (store_tokens.tokens ->> 'expires_at')::timestamptz;
begin
  perform from howdah.integrations as c
  where c.id = (store_tokens.tokens #>> '{integration,id}')::uuid for share;
  select a.* into v_account from howdah.connected_accounts as a
  where a.id = (store_tokens.document ->> 'id')::uuid for no key update;
  if not howdah_private.can_store_tokens(v_account, store_tokens.tokens) then
    return 'ended';
  elsif not howdah_private.put_document('tokens', store_tokens.document) then
    return 'outdated';
  end if;
  delete from howdah_private.account_flows as f
  where f.id = (store_tokens.tokens ->> 'flow_id')::uuid;
  v_is_first := found or v_account.status <> 'connected';
  update howdah.connected_accounts as a
  set status = 'connected', expires_at = v_expires_at, error = null, refreshed_at = now(),
    scopes = array(select jsonb_array_elements_text(store_tokens.tokens -> 'scopes')),
    connected_at = case when v_is_first then now() else a.connected_at end
  where a.id = v_account.id;
  if v_expires_at is not null and (store_tokens.tokens ->> 'is_refreshable')::boolean then
    perform howdah_private.enqueue_refresh(v_account.tenant_id, v_account.id, v_expires_at);
  else
    perform graphile_worker.remove_job('account ' || v_account.id);
  end if;
  if v_is_first then
    delete from howdah_private.account_links as l
    where l.tenant_id = v_account.tenant_id and l.account_id = v_account.id;
    perform howdah_private.discover_with_account(v_account);
    perform howdah_private.answer_consent(v_account.id);
  end if;
  return 'stored';
end $$;

-- Returns whether new tokens may be stored: the integration is unchanged since they were requested,
-- and the account still expects them. The caller has locked the integration and the account, so no
-- concurrent transaction changes them.
create or replace function howdah_private.can_store_tokens(
  account howdah.connected_accounts, tokens jsonb
) returns boolean
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select from howdah.integrations as c
    cross join lateral jsonb_populate_record(
      null::howdah.integrations, can_store_tokens.tokens -> 'integration') as o
    where c.tenant_id = account.tenant_id and c.id = account.integration_id
      and (c.resource_url, c.issuer, c.endpoints, c.client_id, c.grant_type, c.account_scope)
        is not distinct from
        (o.resource_url, o.issuer, nullif(o.endpoints, 'null'), o.client_id, o.grant_type,
          o.account_scope)
  ) and case
    when can_store_tokens.tokens ->> 'flow_id' is not null then exists (
      select from howdah_private.account_flows as f
      where f.id = (can_store_tokens.tokens ->> 'flow_id')::uuid and f.tenant_id = account.tenant_id
        and f.account_id = account.id and f.taken_at is not null)
    when can_store_tokens.tokens ->> 'replaces' is not null then account.status = 'connected'
      and exists (
        select from howdah_private.sealed_documents as d
        where d.id = account.id and d.version = (can_store_tokens.tokens ->> 'replaces')::bigint)
    else account.status <> 'revoked'
  end
$$;

-- Enqueues the refresh of an account: after four fifths of the life of its token, at most five
-- minutes before the end.
create or replace function howdah_private.enqueue_refresh(
  tenant_id uuid, account_id uuid, expires_at timestamptz
) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select graphile_worker.add_job('refresh_account',
    json_build_object('id', enqueue_refresh.account_id, 'tenant_id', enqueue_refresh.tenant_id),
    run_at => enqueue_refresh.expires_at - least(interval '5 minutes',
      greatest(enqueue_refresh.expires_at - clock_timestamp(), interval '0') / 5),
    job_key => 'account ' || enqueue_refresh.account_id, max_attempts => 10)
$$;

-- Enqueues the discovery of the MCP servers whose tools could not be listed before.
create or replace function howdah_private.discover_with_account(account howdah.connected_accounts)
  returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.enqueue_discovery(s.tenant_id, s.id, 1)
  from howdah.mcp_servers as s
  join howdah.integrations as c
    on c.tenant_id = s.tenant_id and c.name = s.configuration ->> 'integration'
  where c.id = account.integration_id and s.is_active
    and (s.discovered_at is null or s.error is not null)
$$;

-- Answers the questions of runs that wait for an account. Runs whose question is asked a moment
-- later find the account connected, or a person opens the link of that question.
create or replace function howdah_private.answer_consent(account_id uuid) returns int
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_account howdah.connected_accounts;
  v_by text;
  v_question record;
  v_count int := 0;
begin
  select a.* into v_account from howdah.connected_accounts as a
  where a.id = answer_consent.account_id;
  v_by := coalesce((select u.username from howdah.users as u where u.id = v_account.user_id),
    howdah_private.actor());
  perform howdah_private.lock_ancestors(array(
    select q.execution_id from howdah.questions as q
    where q.tenant_id = v_account.tenant_id and q.status = 'open'
      and q.schema ->> 'x-connected-account' = v_account.id::text));
  for v_question in
    select q.id from howdah.questions as q
    where q.tenant_id = v_account.tenant_id and q.status = 'open'
      and q.schema ->> 'x-connected-account' = v_account.id::text
    order by q.id for no key update
  loop
    perform howdah_private.close_question(v_question.id, 'answered', 'accept', null, v_by);
    v_count := v_count + 1;
  end loop;
  return v_count;
end $$;

-- Claims the refresh of an account for half a minute. A refresh token may be used once: a server
-- takes a second use for a theft and ends the account. Returns false while another process
-- refreshes, or when it has already stored new tokens.
create or replace function howdah_private.begin_refresh(account_id uuid, version bigint)
  returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  update howdah_private.sealed_documents as d
  set lock_ends_at = clock_timestamp() + interval '30 seconds'
  where d.id = begin_refresh.account_id and d.version = begin_refresh.version
    and coalesce(d.lock_ends_at < clock_timestamp(), true);
  return found;
end $$;

-- Records a refresh that failed. A final error ends the account, and its tokens are deleted.
create or replace function howdah_private.fail_refresh(
  account_id uuid, version bigint, error text, is_final boolean
) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform from howdah.connected_accounts as a where a.id = fail_refresh.account_id
  for no key update;
  update howdah_private.sealed_documents as d set lock_ends_at = null
  where d.id = fail_refresh.account_id and d.version = fail_refresh.version;
  if not found then
    return; -- another process has stored newer tokens
  end if;
  update howdah.connected_accounts as a
  set error = fail_refresh.error,
    status = case when fail_refresh.is_final then 'expired' else a.status end,
    expires_at = case when fail_refresh.is_final then null else a.expires_at end
  where a.id = fail_refresh.account_id and a.status = 'connected';
  if found and fail_refresh.is_final then
    delete from howdah_private.sealed_documents as d where d.id = fail_refresh.account_id;
    perform graphile_worker.remove_job('account ' || fail_refresh.account_id);
  end if;
end $$;

-- Disconnects an account. A job tells the server.
create or replace function howdah_private.end_account(account howdah.connected_accounts)
  returns howdah.connected_accounts
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_account howdah.connected_accounts;
begin
  update howdah.connected_accounts as a set status = 'revoked', expires_at = null, error = null
  where a.id = account.id returning a.* into v_account;
  delete from howdah_private.account_links as l
  where l.tenant_id = account.tenant_id and l.account_id = account.id;
  delete from howdah_private.account_flows as f
  where f.tenant_id = account.tenant_id and f.account_id = account.id;
  perform howdah_private.enqueue_revocation(account, (
    select howdah_private.integration_document(c) from howdah.integrations as c
    where c.tenant_id = account.tenant_id and c.id = account.integration_id));
  return v_account;
end $$;

-- Records in the audit log what became of an account, with its user and its integration. A consent
-- has no login, so the user of the account is its actor: nobody else got the link.
create or replace function howdah_private.audit_account(
  account howdah.connected_accounts, action text
) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  insert into howdah_private.audit_inbox (
    tenant_id, actor, user_id, login, api_key_id, client, action, object, object_id, detail
  )
  select account.tenant_id,
    case when u.id is null then w.actor else u.username end, coalesce(u.id, w.user_id), w.login,
    w.api_key_id, w.client, audit_account.action, 'connected_accounts', account.id::text,
    jsonb_strip_nulls(jsonb_build_object('integration', c.name, 'integration_id', c.id,
      'user_id', account.user_id, 'status', account.status, 'error', account.error))
  from howdah_private.audit_actor() as w
  left join howdah.integrations as c on c.id = account.integration_id
  left join howdah.users as u on audit_account.action = 'connect' and w.user_id is null
    and u.tenant_id = account.tenant_id and u.id = account.user_id;
  insert into howdah_private.audit_pending default values on conflict do nothing;
end $$;
