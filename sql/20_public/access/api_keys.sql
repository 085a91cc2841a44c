-- Creates and revokes API keys for programs. The database stores only a hash of the secret, so the
-- key itself is returned once, when it is created.
create or replace function howdah.create_api_key(
  name text, role howdah.user_role default 'member', scopes text[] default null,
  expires_at timestamptz default null, user_id uuid default null
) returns howdah.new_api_key
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_role howdah.user_role := coalesce(create_api_key.role, 'member');
  v_secret text := howdah_private.base62(howdah_private.random_bytes(), 43);
  v_prefix text := 'hwd_' || howdah_private.base62(howdah_private.random_bytes(), 12);
  v_key text := v_prefix || '_' || v_secret;
  v_scopes text[];
  v_row howdah.api_keys;
begin
  perform howdah_private.lock_caller();
  perform howdah_private.permit('api_keys', 'manage');
  v_scopes := howdah_private.scopes_of_key(create_api_key.scopes);
  perform howdah_private.check_api_key(v_role, v_scopes, create_api_key.user_id);
  if create_api_key.expires_at <= now() or coalesce(create_api_key.name, '') !~ '\S'
    or length(create_api_key.name) > 100 then
    raise exception using errcode = 'HWINV',
      message = case when create_api_key.expires_at <= now() then 'expires_at is in the past'
        else 'the name of an API key has 1 to 100 characters' end,
      detail = jsonb_build_object('field',
        case when create_api_key.expires_at <= now() then 'expires_at' else 'name' end)::text,
      hint = 'Pass a name that says what the key is for, and an expires_at in the future or none.';
  end if;
  insert into howdah.api_keys (tenant_id, user_id, name, prefix, hash, role, scopes,
    expires_at, created_by, made_without_login)
  values (howdah.current_tenant(), create_api_key.user_id, create_api_key.name, v_prefix,
    sha256(convert_to(v_secret, 'UTF8')), v_role, v_scopes, create_api_key.expires_at,
    howdah_private.actor(), howdah_private.is_without_login())
  returning * into v_row;
  v_key := v_key || '_'
    || howdah_private.base62(int8send(howdah_private.crc_32(convert_to(v_key, 'UTF8'))), 6);
  return row(v_row.id, v_key, v_row.name, v_row.prefix, v_row.user_id, v_row.role, v_row.scopes,
    v_row.expires_at)::howdah.new_api_key;
end $$;
comment on function howdah.create_api_key(text, howdah.user_role, text[], timestamptz, uuid) is
  'Creates an API key and returns it. The key cannot be read again. Its role is at most the role '
  'of the caller, and for a user at most the role of that user.';

-- Revokes an API key for good. Open connections that use the key are closed within a second. A key
-- that is already revoked keeps its time of revocation.
create or replace function howdah.revoke_api_key(id uuid) returns howdah.api_keys
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id uuid := case when howdah_private.is_operator()
    then (select x.tenant_id from howdah.api_keys as x where x.id = revoke_api_key.id)
    else howdah.current_tenant() end;
  v_row howdah.api_keys;
begin
  perform howdah_private.permit('api_keys', 'manage');
  update howdah.api_keys as k set revoked_at = coalesce(k.revoked_at, now())
  where k.id = revoke_api_key.id and k.tenant_id = v_tenant_id
  returning k.* into v_row;
  if not found then
    raise exception using errcode = 'HWNTF',
      message = format('there is no API key %s', revoke_api_key.id),
      detail = jsonb_build_object('api_key_id', revoke_api_key.id)::text,
      hint = 'See howdah.api_keys for the keys that exist.';
  end if;
  v_row.hash := null; -- the caller has no privilege to read the hash
  return v_row;
end $$;
comment on function howdah.revoke_api_key(uuid) is
  'Revokes an API key permanently, within a second. Open connections that use the key lose access '
  'too.';
