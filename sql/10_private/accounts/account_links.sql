-- Links by which a person connects an account, and the authorization that a link begins:
--
--   link      in the answer of connect_account, or in the question of a run. It shows a page that
--             names the account. Every person who opens it can give an account, and see none.
--   flow      begun by that page, for one browser and ten minutes: state, PKCE verifier, issuer
--   callback  takes the flow, exchanges the code and stores the tokens, if the flow is still there

-- Stores the address at which browsers reach the API.
create or replace function howdah_private.set_public_address(url text) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  insert into howdah_private.public_address as p (url) values (set_public_address.url)
  on conflict (is_only) do update set url = excluded.url, updated_at = now()
  where p.url <> excluded.url
$$;

-- Creates a link to connect an account. An account has at most 20 links.
create or replace function howdah_private.create_account_link(
  account howdah.connected_accounts, valid_for interval
) returns text
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_address text := (select p.url from howdah_private.public_address as p);
  v_part text := howdah_private.base62(howdah_private.random_bytes(), 43);
begin
  if v_address is null then
    raise exception using errcode = 'HWCNF',
      message = 'the address of the API is not known, so no link can be made',
      detail = jsonb_build_object('variable', 'HOWDAH_PUBLIC_URL')::text,
      hint = 'Start the API once (npm start, or howdah admin api). Set HOWDAH_PUBLIC_URL if '
        'browsers reach it at another address.';
  end if;
  delete from howdah_private.account_links as l
  where l.tenant_id = account.tenant_id and l.account_id = account.id
    and (l.expires_at < now() or l.digest not in (
      select n.digest from howdah_private.account_links as n
      where n.tenant_id = account.tenant_id and n.account_id = account.id
      order by n.expires_at desc limit 19));
  insert into howdah_private.account_links (digest, tenant_id, account_id, expires_at)
  values (sha256(convert_to(v_part, 'UTF8')), account.tenant_id, account.id,
    now() + create_account_link.valid_for);
  perform howdah_private.audit_account(account, 'request_connect');
  return v_address || '/oauth/connect/' || v_part;
end $$;

-- Creates the link in the question of a run. Such a question may stay open for days.
create or replace function howdah_private.consent_link(account_id uuid) returns text
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.create_account_link(a, interval '7 days')
  from howdah.connected_accounts as a where a.id = consent_link.account_id
$$;

-- Returns the account of a link. Null if the link is unknown or expired.
create or replace function howdah_private.account_of_link(digest bytea) returns jsonb
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.account_document(a) || jsonb_build_object(
    'address', (select p.url from howdah_private.public_address as p))
  from howdah_private.account_links as l
  join howdah.connected_accounts as a on a.id = l.account_id
  join howdah.integrations as c on c.id = a.integration_id
  where l.digest = account_of_link.digest and l.expires_at > now() and c.is_active
$$;

-- Begins an authorization for ten minutes. Returns false if its document was sealed with an
-- outdated key; the caller then seals it again.
create or replace function howdah_private.begin_account_flow(
  account_id uuid, state_digest bytea, browser_digest bytea, document jsonb
) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_id uuid := (begin_account_flow.document ->> 'id')::uuid;
begin
  delete from howdah_private.account_flows as f where f.id in (
    select o.id from howdah_private.account_flows as o where o.expires_at < now()
    order by o.id limit 100 for update skip locked);
  insert into howdah_private.account_flows (
    id, tenant_id, account_id, state_digest, browser_digest, expires_at)
  select v_id, a.tenant_id, a.id, begin_account_flow.state_digest,
    begin_account_flow.browser_digest, now() + interval '10 minutes'
  from howdah.connected_accounts as a where a.id = begin_account_flow.account_id;
  if howdah_private.put_document('flow', begin_account_flow.document) then
    return true;
  end if;
  delete from howdah_private.account_flows as f where f.id = v_id;
  return false;
end $$;

-- Takes an authorization and returns its account and its sealed document. Null if the state is
-- unknown, used, expired, or of another browser. Its row stays for five minutes, in which the code
-- is exchanged. A disconnected account and a changed integration lose the row.
create or replace function howdah_private.take_account_flow(
  state_digest bytea, browser_digest bytea
) returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_flow howdah_private.account_flows;
  v_document jsonb;
begin
  update howdah_private.account_flows as f
  set taken_at = now(), expires_at = now() + interval '5 minutes'
  where f.state_digest = take_account_flow.state_digest
    and f.browser_digest = take_account_flow.browser_digest and f.expires_at > now()
    and f.taken_at is null
  returning f.* into v_flow;
  if not found then
    return null;
  end if;
  v_document := howdah_private.oauth_document(v_flow.id);
  delete from howdah_private.sealed_documents as d where d.id = v_flow.id;
  return howdah_private.account_by_id(v_flow.account_id) || jsonb_build_object('flow', v_document,
    'address', (select p.url from howdah_private.public_address as p));
end $$;

-- Records that an attempt to connect failed. A connected account stays connected, and so does the
-- state of an account whose authorization (flow_id) was ended by another caller. A null flow_id
-- stands for an authorization that has not begun.
create or replace function howdah_private.fail_account(account_id uuid, error text, flow_id uuid)
  returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform from howdah.connected_accounts as a where a.id = fail_account.account_id
  for no key update;
  delete from howdah_private.account_flows as f where f.id = fail_account.flow_id;
  if fail_account.flow_id is null or found then
    update howdah.connected_accounts as a
    set status = 'failed', error = left(fail_account.error, 1000)
    where a.id = fail_account.account_id and a.status <> 'connected';
  end if;
end $$;
