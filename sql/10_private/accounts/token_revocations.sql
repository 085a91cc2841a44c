-- Tokens whose account came to an end: it was disconnected, its user was erased, or its integration
-- leads elsewhere now. A job tells the server to revoke them. The row outlives the account, since
-- the erasure of a user deletes the account in the same transaction. A revocation has a job of its
-- own, so that no refresh of an account that is connected again overwrites it.

-- Moves the tokens of an account to a revocation and enqueues it. The integration is that of the
-- time at which the tokens were given.
create or replace function howdah_private.enqueue_revocation(
  account howdah.connected_accounts, integration jsonb
) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  with released as (
    delete from howdah_private.sealed_documents as d
    where d.tenant_id = account.tenant_id and d.account_id = account.id
    returning d.*
  ),
  revocations as (
    insert into howdah_private.token_revocations (
      tenant_id, account_id, integration, data_key_id, version, nonce, ciphertext)
    select d.tenant_id, d.account_id, enqueue_revocation.integration, d.data_key_id, d.version,
      d.nonce, d.ciphertext
    from released as d
    returning id, tenant_id
  )
  select graphile_worker.add_job('revoke_account',
    json_build_object('id', r.id, 'tenant_id', r.tenant_id),
    job_key => 'revocation ' || r.id, max_attempts => 10)
  from revocations as r;
  select graphile_worker.remove_job('account ' || account.id);
$$;

-- Returns a revocation with its integration and its tokens, the last encrypted. Null if the server
-- was told already.
create or replace function howdah_private.find_revocation(id uuid) returns jsonb
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object('id', r.id, 'account_id', r.account_id, 'integration', r.integration,
    'tokens', howdah_private.revoked_document(r, k))
  from howdah_private.token_revocations as r
  join howdah_private.data_keys as k on k.id = r.data_key_id
  where r.id = find_revocation.id
$$;

-- Returns the tokens of a revocation in the form of a sealed secret. They stay sealed for the
-- account that they were of.
create or replace function howdah_private.revoked_document(
  r howdah_private.token_revocations, k howdah_private.data_keys
) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object('id', r.account_id, 'tenant_id', r.tenant_id, 'name', 'oauth tokens',
    'version', r.version, 'nonce', encode(r.nonce, 'base64'),
    'ciphertext', encode(r.ciphertext, 'base64'), 'key', howdah_private.key_document(k))
$$;

-- Deletes tokens after their server was told. The next attempt is in the queue and no longer
-- needed.
create or replace function howdah_private.end_revocation(id uuid) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  delete from howdah_private.token_revocations as r where r.id = end_revocation.id;
  select graphile_worker.remove_job('revocation ' || end_revocation.id);
$$;
