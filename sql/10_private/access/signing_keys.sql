-- Signing keys of webhooks and callbacks. Nothing is ever sent unsigned: a worker that finds no key
-- generates one, and nobody has seen that key. Processes with the master key generate and seal
-- keys, as they do with all secrets, so no statement contains a key. A key is shown only in the
-- moment in which it is generated. A key that nobody has seen cannot be in use by a receiver, so
-- a caller that asks for it gets a new one in its place.
--
-- Each key has a name of its own, since workers cache values for a moment: webhook-ID,
-- webhook-ID-2, webhook-ID-3, or callbacks, callbacks-2. A key that no longer signs is deleted.
-- Callbacks have no row that names the current key, so the newest key is the current one.

-- Returns the number of a key: 1 for its first name, 2 for NAME-2. Null for other names.
create or replace function howdah_private.signing_key_number(name text, first_name text)
  returns int
  language sql immutable
  return case
    when name = first_name then 1
    when starts_with(name, first_name || '-')
      then substring(name from '-([1-9][0-9]{0,8})$')::int
    end;

-- Returns a name that no key of the webhook or of callbacks has had.
create or replace function howdah_private.fresh_signing_key(tenant_id uuid, webhook_id uuid)
  returns text
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select f.name || coalesce('-' || 1 + max(howdah_private.signing_key_number(s.name, f.name)), '')
  from (
    select coalesce('webhook-' || fresh_signing_key.webhook_id, 'callbacks') as name
  ) as f
  left join howdah.secrets as s on s.tenant_id = fresh_signing_key.tenant_id
    and howdah_private.signing_key_number(s.name, f.name) > 0
  group by f.name
$$;

-- Returns the names of the secrets that sign a delivery, the current one first. A null webhook_id
-- stands for callbacks.
create or replace function howdah_private.signing_secrets(tenant_id uuid, webhook_id uuid)
  returns text[]
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select case when signing_secrets.webhook_id is null then (
      select coalesce(
        array_agg(s.name order by coalesce(s.rotated_at, s.created_at) desc, s.name), '{}')
      from howdah.secrets as s
      where s.tenant_id = signing_secrets.tenant_id
        and howdah_private.signing_key_number(s.name, 'callbacks') > 0)
    else (
      select array_remove(array[w.secret_name, w.previous_secret_name], null)
      from howdah.webhooks as w
      where w.tenant_id = signing_secrets.tenant_id and w.id = signing_secrets.webhook_id)
    end
$$;

-- Returns the same names to workers, which may not read the tables.
create or replace function howdah_private.delivery_secrets(tenant_id uuid, webhook_id uuid)
  returns text[]
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.signing_secrets(delivery_secrets.tenant_id, delivery_secrets.webhook_id)
$$;

-- Raises the error for a webhook that does not exist.
create or replace function howdah_private.raise_unknown_webhook(webhook_id uuid) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using errcode = 'HWNTF',
    message = format('there is no webhook %s',
      coalesce(raise_unknown_webhook.webhook_id::text, 'null')),
    detail = jsonb_build_object('webhook_id', raise_unknown_webhook.webhook_id)::text,
    hint = 'See howdah.webhooks for the webhooks that exist.';
end $$;

-- Returns the name under which the next key is stored. Locks the webhook, so that two callers
-- do not get two keys. Refuses to replace a key that was shown before, unless the key is rotated.
create or replace function howdah_private.next_signing_key(
  tenant_id uuid, webhook_id uuid, rotates boolean
) returns text
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_name text := (howdah_private.signing_secrets(next_signing_key.tenant_id, null))[1];
begin
  if next_signing_key.webhook_id is not null then
    select w.secret_name into v_name from howdah.webhooks as w
    where w.tenant_id = next_signing_key.tenant_id and w.id = next_signing_key.webhook_id
    for update;
    if not found then
      perform howdah_private.raise_unknown_webhook(next_signing_key.webhook_id);
    end if;
  end if;
  if not next_signing_key.rotates and exists (
    select from howdah.secrets as s
    where s.tenant_id = next_signing_key.tenant_id and s.name = v_name and not s.is_unseen
  ) then
    raise exception using errcode = 'HWCNF',
      message = format('the signing key %L was shown before, and a key is shown once', v_name),
      detail = jsonb_build_object('secret', v_name)::text,
      hint = 'Rotate the key to get a new one: howdah admin webhooks key '
        || coalesce(next_signing_key.webhook_id::text, 'callbacks') || ' --rotate. '
        || 'The previous key also signs until it is removed.';
  end if;
  return howdah_private.fresh_signing_key(next_signing_key.tenant_id, next_signing_key.webhook_id);
end $$;

-- Checks that the caller may have a signing key, and returns the name to seal the next key for.
create or replace function howdah_private.signing_key_name(webhook_id uuid, rotates boolean)
  returns text
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.permit('webhooks', 'manage');
  perform howdah_private.permit('secrets', 'manage');
  return howdah_private.next_signing_key(
    howdah.current_tenant(), signing_key_name.webhook_id, signing_key_name.rotates);
end $$;

-- Stores a key that its caller is about to show. Returns null if the key must be sealed again, as
-- put_secret does. A rotation keeps the current key as the previous key and deletes older keys.
create or replace function howdah_private.put_signing_key(
  secret jsonb, fingerprint text, last_four text, webhook_id uuid, rotates boolean
) returns uuid
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant uuid := howdah.current_tenant();
  v_name text := howdah_private.signing_key_name(
    put_signing_key.webhook_id, put_signing_key.rotates);
  v_before text := (howdah_private.signing_secrets(v_tenant, put_signing_key.webhook_id))[1];
  v_id uuid;
begin
  if v_name is distinct from put_signing_key.secret ->> 'name' then
    return null;
  end if;
  v_id := howdah_private.put_secret(
    put_signing_key.secret, put_signing_key.fingerprint, put_signing_key.last_four);
  if v_id is null then
    return null;
  end if;
  update howdah.secrets as s set webhook_id = put_signing_key.webhook_id where s.id = v_id;
  update howdah.webhooks as w
  set secret_name = v_name, previous_secret_name = case
    when put_signing_key.rotates then v_before else w.previous_secret_name end
  where w.tenant_id = v_tenant and w.id = put_signing_key.webhook_id;
  perform howdah_private.delete_old_signing_keys(v_tenant, put_signing_key.webhook_id,
    array[v_name, case when put_signing_key.rotates then v_before end]);
  return v_id;
end $$;

-- Deletes the keys of a webhook or of callbacks that no longer sign.
create or replace function howdah_private.delete_old_signing_keys(
  tenant_id uuid, webhook_id uuid, except_names text[]
) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  delete from howdah.secrets as s
  where s.tenant_id = delete_old_signing_keys.tenant_id
    and case when delete_old_signing_keys.webhook_id is null
      then howdah_private.signing_key_number(s.name, 'callbacks') > 0
      else s.webhook_id = delete_old_signing_keys.webhook_id and not exists (
        select from howdah.webhooks as w
        where w.tenant_id = s.tenant_id and s.name in (w.secret_name, w.previous_secret_name)) end
    and s.name <> all (array_remove(delete_old_signing_keys.except_names, null))
$$;

-- Stores a key that a worker generated for a delivery, and that nobody has seen. Does nothing if
-- there is a key by now.
create or replace function howdah_private.keep_signing_key(
  secret jsonb, fingerprint text, last_four text, webhook_id uuid
) returns uuid
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant uuid := (keep_signing_key.secret ->> 'tenant_id')::uuid;
  v_name text := (howdah_private.signing_secrets(v_tenant, null))[1];
  v_id uuid;
begin
  if keep_signing_key.webhook_id is not null then
    select w.secret_name into v_name from howdah.webhooks as w
    where w.tenant_id = v_tenant and w.id = keep_signing_key.webhook_id for update;
    if not found then
      perform howdah_private.raise_unknown_webhook(keep_signing_key.webhook_id);
    end if;
  end if;
  if v_name is not null then
    return (keep_signing_key.secret ->> 'id')::uuid;
  end if;
  v_id := howdah_private.store_secret(v_tenant, keep_signing_key.secret,
    keep_signing_key.fingerprint, keep_signing_key.last_four);
  update howdah.secrets as s
  set webhook_id = keep_signing_key.webhook_id, is_unseen = true where s.id = v_id;
  update howdah.webhooks as w set secret_name = keep_signing_key.secret ->> 'name'
  where w.tenant_id = v_tenant and w.id = keep_signing_key.webhook_id and v_id is not null;
  return v_id;
end $$;
