-- Connecting and disconnecting accounts. The database decides whose account it is: a user connects
-- an own account, an admin that of the tenant. Only an owner of the database may name another user.

-- Returns the user whose account the caller may connect: null for the account of the tenant.
create or replace function howdah_private.account_user(
  integration howdah.integrations, username text
) returns uuid
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_user_id uuid := howdah.current_user_id();
begin
  if howdah_private.is_bound() then
    raise exception using errcode = 'HWDEN', message = 'a tool may not connect an account',
      detail = jsonb_build_object('integration', integration.name)::text,
      hint = 'Let a person connect it: docs/connected-accounts.md.';
  elsif integration.account_scope = 'tenant' then
    perform howdah_private.permit('integrations', 'manage');
    return null;
  end if;
  perform howdah_private.permit('executions', 'run');
  if account_user.username is not null and howdah_private.is_trusted() then
    select u.id into v_user_id from howdah.users as u
    where u.tenant_id = integration.tenant_id and u.username = account_user.username;
  elsif account_user.username is not null then
    select u.id into v_user_id from howdah.users as u
    where u.id = v_user_id and u.username = account_user.username;
  end if;
  if v_user_id is null then
    raise exception using errcode = 'HWINV',
      message = format('integration %L has one account per user, but %s', integration.name,
        case when account_user.username is null then 'the caller is not a user'
          else format('%L is not a user whose account the caller may connect',
            account_user.username) end),
      detail = jsonb_build_object('field', 'username', 'integration', integration.name)::text,
      hint = 'Call it as that user. An owner of the database may name a user of the tenant.';
  end if;
  return v_user_id;
end $$;

create or replace function howdah.connect_account(integration text, username text default null)
  returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_integration howdah.integrations := howdah_private.find_integration(connect_account.integration);
  v_account howdah.connected_accounts;
  v_valid_for constant interval := '1 hour';
begin
  v_account := howdah_private.account_of(v_integration,
    howdah_private.account_user(v_integration, connect_account.username));
  if v_integration.grant_type = 'client_credentials' then
    perform howdah_private.audit_account(v_account, 'request_connect');
    update howdah.connected_accounts as a set status = 'pending', error = null
    where a.id = v_account.id and a.status <> 'connected';
    return jsonb_build_object('account_id', v_account.id, 'integration', v_integration.name,
      'authorization_url', null, 'expires_at', null);
  end if;
  return jsonb_build_object('account_id', v_account.id, 'integration', v_integration.name,
    'authorization_url', howdah_private.create_account_link(v_account, v_valid_for),
    'expires_at', now() + v_valid_for);
end $$;
comment on function howdah.connect_account(text, text) is
  'Begins to connect an account for an integration: {account_id, integration, authorization_url, '
  'expires_at}. A person opens the URL in a browser within an hour and consents at the '
  'authorization server. authorization_url is null if the client itself is the account. Raises '
  'HWCNF if no API has stored its address yet: set HOWDAH_PUBLIC_URL.';

-- Disconnects an account. Runs cannot use it from now on. A job revokes its tokens at the server
-- and deletes them.
create or replace function howdah.disconnect_account(id uuid) returns howdah.connected_accounts
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_account howdah.connected_accounts;
begin
  select a.* into v_account from howdah.connected_accounts as a
  where a.id = disconnect_account.id and howdah_private.can_act_for(a.tenant_id)
    and (a.user_id is null or a.user_id is not distinct from howdah.current_user_id()
      or howdah_private.may('integrations', 'manage'))
  for no key update;
  if not found then
    raise exception using errcode = 'HWNTF',
      message = format('there is no connected account %s',
        coalesce(disconnect_account.id::text, 'null')),
      detail = jsonb_build_object('account_id', disconnect_account.id)::text,
      hint = 'See howdah.connected_accounts for the accounts that exist.';
  elsif v_account.user_id is null
    or v_account.user_id is distinct from howdah.current_user_id() then
    perform howdah_private.permit('integrations', 'manage');
  end if;
  return howdah_private.end_account(v_account);
end $$;
comment on function howdah.disconnect_account(uuid) is
  'Disconnects an account and returns its row. Runs cannot use it any more, and a worker revokes '
  'its tokens at the authorization server and deletes them.';
