-- Keeps integrations and the accounts that people connected for them in agreement.

-- Locks the secret of the client, so that it cannot be deleted before the integration is visible.
create or replace function howdah_private.tg_integrations__lock_secret() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.lock_secrets(new.tenant_id, array[new.secret_name]);
  return new;
end $$;
create or replace trigger _320_lock_secret
  before insert or update of secret_name on howdah.integrations
  for each row when (new.secret_name is not null)
  execute function howdah_private.tg_integrations__lock_secret();

-- Checks the URLs of an authorization server without metadata.
create or replace function howdah_private.tg_integrations__check_endpoints() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_faults text[] := howdah_private.json_faults('{
    "type": "object", "required": ["token_endpoint"], "additionalProperties": false,
    "properties": {
      "authorization_endpoint": {"type": "string", "pattern": "^https?://[^ @]+$"},
      "token_endpoint": {"type": "string", "pattern": "^https?://[^ @]+$"},
      "revocation_endpoint": {"type": "string", "pattern": "^https?://[^ @]+$"}}}',
    new.endpoints);
begin
  if cardinality(v_faults) > 0 then
    raise exception using errcode = 'HWINV',
      message = 'endpoints: ' || array_to_string(v_faults, '; '),
      detail = jsonb_build_object('field', 'endpoints', 'faults', to_jsonb(v_faults))::text,
      hint = 'Example: {"authorization_endpoint": "https://example.com/authorize", '
        '"token_endpoint": "https://example.com/token"}. Leave endpoints out if the server '
        'publishes metadata.';
  end if;
  return new;
end $$;
create or replace trigger _300_check_endpoints
  before insert or update of endpoints on howdah.integrations
  for each row when (new.endpoints is not null)
  execute function howdah_private.tg_integrations__check_endpoints();

-- Refuses an address of the machine from a caller who may not name it. The same address may be
-- written again. Workers and the API check the addresses of a host again with each request.
create or replace function howdah_private.tg_integrations__guard() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'INSERT' or new.resource_url <> old.resource_url then
    perform howdah_private.check_machine('resource_url', new.resource_url);
  end if;
  if tg_op = 'INSERT' or new.issuer is distinct from old.issuer then
    perform howdah_private.check_machine('issuer', new.issuer);
  end if;
  if tg_op = 'INSERT' or new.endpoints is distinct from old.endpoints then
    perform howdah_private.check_machine('endpoints.' || e.key, e.value)
    from jsonb_each_text(new.endpoints) as e
    where tg_op = 'INSERT' or e.value is distinct from old.endpoints ->> e.key;
  end if;
  return new;
end $$;
create or replace trigger _400_guard
  before insert or update of resource_url, issuer, endpoints on howdah.integrations
  for each row execute function howdah_private.tg_integrations__guard();

create or replace trigger _310_refuse_keys
  before insert or update of name, description, resource_url, issuer on howdah.integrations
  for each row
  execute function howdah_private.tg__refuse_keys_in_texts('name', 'description', 'resource_url',
    'issuer');

-- Ends the accounts of an integration that now leads elsewhere. Their tokens were given for the
-- former server, which is told to revoke them. Nobody consented to send them to another one.
create or replace function howdah_private.tg_integrations__end_accounts() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.enqueue_revocation(a, howdah_private.integration_document(old))
  from howdah.connected_accounts as a
  where a.tenant_id = old.tenant_id and a.integration_id = old.id;
  update howdah.connected_accounts as a
  set status = 'expired', expires_at = null, error = 'the integration was changed'
  where a.tenant_id = new.tenant_id and a.integration_id = new.id and a.status = 'connected';
  delete from howdah_private.account_flows as f using howdah.connected_accounts as a
  where a.tenant_id = new.tenant_id and a.integration_id = new.id
    and f.tenant_id = a.tenant_id and f.account_id = a.id;
  delete from howdah_private.sealed_documents as d where d.id = new.id;
  return null;
end $$;
create or replace trigger _500_end_accounts
  after update of resource_url, issuer, endpoints, client_id, grant_type, account_scope
  on howdah.integrations
  for each row when (
    (old.resource_url, old.issuer, old.endpoints, old.client_id, old.grant_type, old.account_scope)
    is distinct from
    (new.resource_url, new.issuer, new.endpoints, new.client_id, new.grant_type, new.account_scope))
  execute function howdah_private.tg_integrations__end_accounts();

-- Releases the tokens of an account that is deleted with its user. Deleting the tenant deletes its
-- tokens with everything else.
create or replace function howdah_private.tg_connected_accounts__release_tokens() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.enqueue_revocation(old, howdah_private.integration_document(c))
  from howdah.integrations as c
  where c.tenant_id = old.tenant_id and c.id = old.integration_id
    and exists (select from howdah.tenants as t where t.id = old.tenant_id);
  return old;
end $$;
-- Records each end and each beginning of an account, whichever way it came: a link, the question of
-- a run, a refused refresh, a changed integration, the erasure of a user.
create or replace function howdah_private.tg_connected_accounts__audit() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_account howdah.connected_accounts := case tg_op when 'DELETE' then old else new end;
begin
  perform howdah_private.audit_account(v_account, case
    when tg_op = 'DELETE' then 'disconnect'
    when new.status = 'connected' then 'connect'
    when new.status = 'revoked' then 'disconnect'
    when new.status = 'expired' then 'expire'
    else 'fail' end)
  where exists (select from howdah.tenants as t where t.id = v_account.tenant_id);
  return null;
end $$;
create or replace trigger _800_audit after update on howdah.connected_accounts
  for each row when (
    new.status in ('connected', 'revoked', 'expired', 'failed')
    and (new.status <> old.status or new.connected_at is distinct from old.connected_at))
  execute function howdah_private.tg_connected_accounts__audit();
create or replace trigger _801_audit_delete after delete on howdah.connected_accounts
  for each row when (old.status = 'connected')
  execute function howdah_private.tg_connected_accounts__audit();

create or replace trigger _200_release_tokens before delete on howdah.connected_accounts
  for each row execute function howdah_private.tg_connected_accounts__release_tokens();

-- Refuses to delete an integration that something uses, or whose accounts are still connected at
-- the server. Deleting the tenant deletes its integrations unchecked.
create or replace function howdah_private.tg_integrations__refuse_used() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_users text[];
  v_accounts int;
begin
  if not exists (select from howdah.tenants as t where t.id = old.tenant_id) then
    return old;
  end if;
  v_users := array(select howdah_private.users_of_integration(old.tenant_id, old.name));
  select count(*) into v_accounts from howdah.connected_accounts as a
  where a.tenant_id = old.tenant_id and a.integration_id = old.id and a.status = 'connected';
  if v_users <> '{}' or v_accounts > 0 then
    raise exception using errcode = 'HWCNF',
      message = case when v_users <> '{}'
        then format('integration %L is used by %s', old.name, array_to_string(v_users, ', '))
        else format('integration %L has %s connected accounts', old.name, v_accounts) end,
      detail = jsonb_build_object('integration', old.name, 'used_by', v_users,
        'connected_accounts', v_accounts)::text,
      hint = case when v_users <> '{}' then 'Change them to another integration first.'
        else 'Disconnect them first, so that their tokens are revoked: '
          'howdah.disconnect_account(id).' end;
  end if;
  return old;
end $$;
create or replace trigger _200_refuse_used before delete on howdah.integrations
  for each row execute function howdah_private.tg_integrations__refuse_used();
