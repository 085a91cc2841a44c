-- Keys that seal secrets, and the rotation of both kinds of keys while the system keeps running.

-- Returns the current master key, and all master keys that still wrap a data key. A process must
-- have each of them.
create or replace function howdah_private.master_key_state() returns jsonb
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'current', (
      select m.fingerprint from howdah_private.master_keys as m where m.retired_at is null),
    'needed', coalesce((
      select to_jsonb(array_agg(
        m.fingerprint order by m.fingerprint)) from howdah_private.master_keys as m
      where m.retired_at is null
        or exists (select from howdah_private.data_keys as k where k.wrapped_by = m.fingerprint)
    ), '[]'))
$$;

-- Registers the master key of the first process that needs one. Returns the fingerprint of the
-- current master key.
create or replace function howdah_private.adopt_master_key(fingerprint text) returns text
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  insert into howdah_private.master_keys (fingerprint)
  select adopt_master_key.fingerprint
  where not exists (select from howdah_private.master_keys as m where m.retired_at is null)
  on conflict do nothing;
  return (select m.fingerprint from howdah_private.master_keys as m where m.retired_at is null);
end $$;

-- Makes a master key the current one: new data keys are wrapped by it. Refuses while a live worker
-- has master keys but not this one, unless `force` is set: the worker could decrypt no secret any
-- more. Workers without a master key decrypt no secrets, so they do not count.
create or replace function howdah_private.switch_master_key(
  fingerprint text, force boolean default false
) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_workers text[] := array(
    select format('%s (process %s on %s)', w.id, w.pid, w.host) from howdah_private.workers as w
    where w.heartbeat_at > clock_timestamp() - interval '10 seconds' and w.master_keys <> '{}'
      and switch_master_key.fingerprint <> all (w.master_keys)
    order by w.host, w.pid, w.id
  );
begin
  if cardinality(v_workers) > 0 and not switch_master_key.force then
    raise exception using errcode = 'HWCNF',
      message = format('%s without the new master key: worker %s',
        case cardinality(v_workers) when 1 then 'a worker runs'
          else cardinality(v_workers) || ' workers run' end,
        array_to_string(v_workers[1:10], ', worker ')),
      detail = jsonb_build_object('workers', v_workers)::text,
      hint = 'Restart each with both keys, HOWDAH_SECRET_KEY=new and HOWDAH_SECRET_KEY_OLD=old, '
        'and try again. With --force its secrets cannot be read until it restarts.';
  end if;
  update howdah_private.master_keys as m set retired_at = now()
  where m.retired_at is null and m.fingerprint <> switch_master_key.fingerprint;
  insert into howdah_private.master_keys as m (fingerprint) values (switch_master_key.fingerprint)
  on conflict on constraint master_keys_pkey do update set retired_at = null;
end $$;

-- Makes a new data key the current one: the first key of the tenant, or (replacing) the next.
-- Returns false when a first key exists already, or when the master key that wraps the new key is
-- retired. Locks the master key, so that the process that rewraps all data keys does not miss this
-- one.
create or replace function howdah_private.add_data_key(key jsonb, replacing boolean) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform from howdah_private.master_keys as m
  where m.fingerprint = add_data_key.key ->> 'wrapped_by' and m.retired_at is null for share;
  if not found then
    return false;
  end if;
  if add_data_key.replacing then
    update howdah_private.data_keys as k set is_current = false
    where k.tenant_id = (add_data_key.key ->> 'tenant_id')::uuid and k.is_current;
  end if;
  insert into howdah_private.data_keys (id, tenant_id, wrapped_by, nonce, ciphertext)
  values (
    (add_data_key.key ->> 'id')::uuid, (add_data_key.key ->> 'tenant_id')::uuid,
    add_data_key.key ->> 'wrapped_by', decode(add_data_key.key ->> 'nonce', 'base64'),
    decode(add_data_key.key ->> 'ciphertext', 'base64')
  )
  on conflict do nothing;
  return found;
end $$;

-- Returns data keys that a retired master key wraps.
create or replace function howdah_private.data_keys_to_rewrap(max_rows int) returns jsonb
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(to_jsonb(array_agg(howdah_private.key_document(old.key))), '[]')
  from (
    select k as key from howdah_private.master_keys as m
    join howdah_private.data_keys as k on k.wrapped_by <> m.fingerprint
    where m.retired_at is null
    limit data_keys_to_rewrap.max_rows
  ) as old
$$;

-- Stores a data key under its new master key. Returns false when another process was faster.
create or replace function howdah_private.rewrap_data_key(key jsonb, wrapped_before_by text)
  returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  update howdah_private.data_keys as k
  set wrapped_by = rewrap_data_key.key ->> 'wrapped_by',
    nonce = decode(rewrap_data_key.key ->> 'nonce', 'base64'),
    ciphertext = decode(rewrap_data_key.key ->> 'ciphertext', 'base64')
  where k.id = (rewrap_data_key.key ->> 'id')::uuid
    and k.wrapped_by = rewrap_data_key.wrapped_before_by;
  return found;
end $$;

-- Returns secrets and documents of OAuth that are not sealed with the current data key.
create or replace function howdah_private.secrets_to_reseal(tenant_id uuid, max_rows int)
  returns jsonb
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(to_jsonb(array_agg(old.document)), '[]')
  from (
    select howdah_private.sealed_document(s, c, k) as document from howdah_private.data_keys as k
    join howdah_private.sealed_secrets as c on c.tenant_id = k.tenant_id and c.data_key_id = k.id
    join howdah.secrets as s on s.id = c.secret_id
    where k.tenant_id = secrets_to_reseal.tenant_id and not k.is_current
    union all
    select howdah_private.sealed_oauth_document(d, k) from howdah_private.data_keys as k
    join howdah_private.sealed_documents as d on d.tenant_id = k.tenant_id and d.data_key_id = k.id
    where k.tenant_id = secrets_to_reseal.tenant_id and not k.is_current
    union all
    select howdah_private.revoked_document(r, k) from howdah_private.data_keys as k
    join howdah_private.token_revocations as r on r.tenant_id = k.tenant_id and r.data_key_id = k.id
    where k.tenant_id = secrets_to_reseal.tenant_id and not k.is_current
    limit secrets_to_reseal.max_rows
  ) as old
$$;

-- Stores the same values under another data key. Skips a secret that got a new value meanwhile,
-- since the new value is sealed with the new key. Locks a secret before its value, as put_secret
-- does.
create or replace function howdah_private.reseal_secrets(tenant_id uuid, secrets jsonb) returns int
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_count int;
begin
  perform from howdah.secrets as s
  where s.tenant_id = reseal_secrets.tenant_id
    and s.id in (
      select (r.secret ->> 'id')::uuid
      from jsonb_array_elements(reseal_secrets.secrets) as r (secret))
  order by s.id for no key update;
  with resealed as (
    update howdah_private.sealed_secrets as c
    set data_key_id = (r.secret -> 'key' ->> 'id')::uuid,
      nonce = decode(r.secret ->> 'nonce', 'base64'),
      ciphertext = decode(r.secret ->> 'ciphertext', 'base64')
    from jsonb_array_elements(reseal_secrets.secrets) as r (secret)
    where c.tenant_id = reseal_secrets.tenant_id and c.secret_id = (r.secret ->> 'id')::uuid
      and c.version = (r.secret ->> 'version')::bigint
    returning c.secret_id, r.secret ->> 'fingerprint' as fingerprint
  ),
  known as (
    update howdah.secrets as s set fingerprint = r.fingerprint
    from resealed as r where s.id = r.secret_id
    returning s.id
  ),
  documents as (
    update howdah_private.sealed_documents as d
    set data_key_id = (r.secret -> 'key' ->> 'id')::uuid,
      nonce = decode(r.secret ->> 'nonce', 'base64'),
      ciphertext = decode(r.secret ->> 'ciphertext', 'base64')
    from jsonb_array_elements(reseal_secrets.secrets) as r (secret)
    where d.tenant_id = reseal_secrets.tenant_id and d.id = (r.secret ->> 'id')::uuid
      and d.version = (r.secret ->> 'version')::bigint
    returning d.id
  ),
  revocations as (
    update howdah_private.token_revocations as v
    set data_key_id = (r.secret -> 'key' ->> 'id')::uuid,
      nonce = decode(r.secret ->> 'nonce', 'base64'),
      ciphertext = decode(r.secret ->> 'ciphertext', 'base64')
    from jsonb_array_elements(reseal_secrets.secrets) as r (secret)
    where v.tenant_id = reseal_secrets.tenant_id and v.account_id = (r.secret ->> 'id')::uuid
      and v.version = (r.secret ->> 'version')::bigint
    returning v.id
  )
  select (select count(*) from known) + (select count(*) from documents)
    + (select count(*) from revocations) into v_count;
  return v_count;
end $$;

-- Deletes the data keys that seal no secret, no document and no contents of a run, nor copies of
-- contents that wait for their decryption. Locks a key before the check, so that a transaction that
-- uses the key ends first.
create or replace function howdah_private.drop_unused_data_keys(tenant_id uuid) returns int
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_key uuid;
  v_count int := 0;
begin
  for v_key in
    select k.id from howdah_private.data_keys as k
    where k.tenant_id = drop_unused_data_keys.tenant_id and not k.is_current
    order by k.id for update
  loop
    delete from howdah_private.data_keys as k
    where k.id = v_key
      and not exists (select from howdah_private.sealed_secrets as c where c.data_key_id = k.id)
      and not exists (
        select from howdah_private.sealed_documents as d where d.data_key_id = k.id)
      and not exists (
        select from howdah_private.token_revocations as r where r.data_key_id = k.id)
      and not howdah_private.is_content_key_in_use(k);
    v_count := v_count + case when found then 1 else 0 end;
  end loop;
  return v_count;
end $$;
