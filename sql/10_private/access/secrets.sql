-- Secrets, as the processes with the master key read and write them. Values come and go encrypted:
-- no plain value and no key is ever part of a statement, so none appears in a log, in
-- pg_stat_activity or in pg_stat_statements.
--   master key   in the environment; the database has only its fingerprint
--   data key     one current key per tenant, wrapped by the master key; older keys while needed
--   secret       sealed by a data key of its tenant, bound to tenant, id, name and version

create or replace function howdah_private.key_document(key howdah_private.data_keys) returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object('id', key.id, 'tenant_id', key.tenant_id, 'wrapped_by', key.wrapped_by,
    'nonce', encode(key.nonce, 'base64'), 'ciphertext', encode(key.ciphertext, 'base64'))
$$;

create or replace function howdah_private.sealed_document(
  secret howdah.secrets, sealed howdah_private.sealed_secrets, key howdah_private.data_keys
) returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object('id', secret.id, 'tenant_id', secret.tenant_id, 'name', secret.name,
    'version', sealed.version, 'nonce', encode(sealed.nonce, 'base64'),
    'ciphertext', encode(sealed.ciphertext, 'base64'), 'key', howdah_private.key_document(key))
$$;

-- Returns a secret and its data key from one snapshot, so that they match during a rotation.
create or replace function howdah_private.sealed_secret(tenant_id uuid, name text) returns jsonb
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.sealed_document(s, c, k)
  from howdah.secrets as s
  join howdah_private.sealed_secrets as c on c.secret_id = s.id
  join howdah_private.data_keys as k on k.id = c.data_key_id
  where s.tenant_id = sealed_secret.tenant_id and s.name = sealed_secret.name
$$;

-- Returns the id, the version and the data key for sealing the next value of a secret. A null key
-- means that the tenant has no data key yet.
create or replace function howdah_private.secret_slot(tenant_id uuid, name text) returns jsonb
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'id', coalesce(s.id, howdah.uuid_v7()), 'version', coalesce(s.version, 0) + 1,
    'key', (
      select howdah_private.key_document(k) from howdah_private.data_keys as k
      where k.tenant_id = secret_slot.tenant_id and k.is_current
    ))
  from (values (1)) as always
  left join howdah.secrets as s on s.tenant_id = secret_slot.tenant_id and s.name = secret_slot.name
$$;

-- Stores a sealed value of a tenant, for callers that have checked permissions. Returns null when
-- the value was sealed for an outdated version or with an outdated key; the caller then seals it
-- again. Locks the data key, so that the key is not replaced while a value uses it.
create or replace function howdah_private.store_secret(
  tenant_id uuid, secret jsonb, fingerprint text, last_four text
) returns uuid
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_key uuid := (store_secret.secret -> 'key' ->> 'id')::uuid;
  v_id uuid;
begin
  perform from howdah_private.data_keys as k
  where k.tenant_id = store_secret.tenant_id and k.id = v_key and k.is_current for share;
  if not found then
    return null;
  end if;
  insert into howdah.secrets as s (id, tenant_id, name, fingerprint, last_four, version, created_by)
  values (
    (store_secret.secret ->> 'id')::uuid, store_secret.tenant_id, store_secret.secret ->> 'name',
    store_secret.fingerprint,
    store_secret.last_four, (store_secret.secret ->> 'version')::int, howdah.current_user_id()
  )
  on conflict on constraint secrets_tenant_id_name_key do update
  set fingerprint = excluded.fingerprint, last_four = excluded.last_four,
    version = excluded.version, is_unseen = false, from_environment = false,
    rotated_at = now()
  where s.id = excluded.id and s.version = excluded.version - 1
  returning s.id into v_id;
  if v_id is not null then
    insert into howdah_private.sealed_secrets as c (
      secret_id, tenant_id, data_key_id, version, nonce, ciphertext
    )
    values (
      v_id, store_secret.tenant_id, v_key, (store_secret.secret ->> 'version')::int,
      decode(store_secret.secret ->> 'nonce', 'base64'),
      decode(store_secret.secret ->> 'ciphertext', 'base64')
    )
    on conflict (secret_id) do update
    set data_key_id = excluded.data_key_id, version = excluded.version, nonce = excluded.nonce,
      ciphertext = excluded.ciphertext;
    perform howdah_private.check_signing_secret(
      store_secret.tenant_id, store_secret.secret ->> 'name');
  end if;
  return v_id;
end $$;

-- Stores a sealed value for the current tenant, if the caller may do so. Returns null when the
-- value must be sealed again.
create or replace function howdah_private.put_secret(
  secret jsonb, fingerprint text, last_four text
) returns uuid
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.permit('secrets', 'manage');
  return howdah_private.store_secret(
    howdah.current_tenant(), put_secret.secret, put_secret.fingerprint, put_secret.last_four);
end $$;
