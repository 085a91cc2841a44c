-- Generation of API keys: hwd_<12 characters of lookup prefix>_<43 of secret>_<6 of checksum>. All
-- of it is SQL with built-in functions only, so that a key is never a parameter of a statement.
-- src/api/login/api-key-reader.ts verifies keys.

-- Returns 32 unpredictable bytes. Three UUIDs have 366 random bits from the generator of the
-- operating system, and SHA-256 keeps 256 of them.
create or replace function howdah_private.random_bytes() returns bytea
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $$
  select sha256(
    uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()))
$$;

-- Returns the last digits of a number in base 62. 43 digits hold 32 bytes.
create or replace function howdah_private.base62(bytes bytea, digits int) returns text
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_alphabet constant text := '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
  v_rest numeric := 0;
  v_text text := '';
begin
  for v_at in 0 .. octet_length(base62.bytes) - 1 loop
    v_rest := v_rest * 256 + get_byte(base62.bytes, v_at);
  end loop;
  for _ in 1 .. base62.digits loop
    v_text := substr(v_alphabet, (v_rest % 62)::int + 1, 1) || v_text;
    v_rest := div(v_rest, 62);
  end loop;
  return v_text;
end $$;

-- Returns the CRC-32 of zip files. The checksum tells a typing error from a wrong key without a
-- query, and lets a scanner for leaked secrets recognize a key. Postgres 18 has crc32 built in.
create or replace function howdah_private.crc_32(bytes bytea) returns bigint
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_crc bigint := 4294967295;
begin
  for v_at in 0 .. octet_length(crc_32.bytes) - 1 loop
    v_crc := v_crc # get_byte(crc_32.bytes, v_at);
    for _ in 1 .. 8 loop
      v_crc := (v_crc >> 1) # (3988292384 * (v_crc & 1));
    end loop;
  end loop;
  return v_crc # 4294967295;
end $$;

-- Refuses a key with more rights than its creator: a higher role, more scopes, or a user of a
-- higher role. Refuses a key with a higher role than the user it is for.
create or replace function howdah_private.check_api_key(
  role howdah.user_role, scopes text[], user_id uuid
)
  returns void
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id uuid := howdah.current_tenant();
  v_own howdah.user_role := howdah.current_user_role();
  v_own_scopes text := howdah_private.current_scopes();
  v_user howdah.users;
  v_inactive text := (
    select t.slug from howdah.tenants as t
    where t.id = howdah.current_tenant() and not t.is_active);
begin
  if v_inactive is not null then
    raise exception using errcode = 'HWCNF',
      message = format('the tenant %s is not active', v_inactive),
      detail = jsonb_build_object('tenant', v_inactive)::text,
      hint = 'This key would not work: its tenant is inactive. '
        'An owner of the database can set tenants.is_active to true.';
  end if;
  if check_api_key.user_id is not null then
    select u.* into v_user from howdah.users as u
    where u.id = check_api_key.user_id and u.tenant_id = v_tenant_id;
    if not found then
      raise exception using errcode = 'HWNTF',
        message = format('there is no user %s', coalesce(check_api_key.user_id::text, 'null')),
        detail = jsonb_build_object('user_id', check_api_key.user_id)::text,
        hint = 'See howdah.users for the users that exist.';
    elsif not v_user.is_active or check_api_key.role < v_user.role then
      raise exception using errcode = case when v_user.is_active then 'HWINV' else 'HWCNF' end,
        message = case when v_user.is_active
          then format('%s is %s, and the key of a user cannot have a higher role',
            v_user.username, v_user.role)
          else format('%s is not active', v_user.username) end,
        detail = jsonb_build_object(
          'field', 'role', 'role', check_api_key.role, 'user_role', v_user.role)::text,
        hint = case when v_user.is_active
          then format('Use role => %L or lower, or raise the role of the user.', v_user.role)
          else 'Use an active user, or set users.is_active to true.' end;
    end if;
  end if;
  if least(check_api_key.role, v_user.role) < v_own then
    raise exception using errcode = 'HWDEN',
      message = format('%s may not create a key that acts as %s', howdah_private.caller_label(),
        least(check_api_key.role, v_user.role)),
      detail = jsonb_build_object(
        'role', v_own, 'required_role', least(check_api_key.role, v_user.role))::text,
      hint = format('A key cannot have more rights than its creator. Use role => %L or lower, '
        'and a user of that role or lower.', v_own);
  elsif not howdah_private.is_trusted()
    and not check_api_key.scopes <@ string_to_array(v_own_scopes, ',') then
    raise exception using errcode = 'HWDEN',
      message = format('this key has the scopes %s, and cannot create a key with other scopes',
        v_own_scopes),
      detail = jsonb_build_object(
        'scopes', check_api_key.scopes, 'own_scopes', v_own_scopes)::text,
      hint = format('Use scopes => %L.', string_to_array(v_own_scopes, ','));
  end if;
end $$;

-- Returns whether a request without a login creates a key, or a key that such a request created.
create or replace function howdah_private.is_without_login() returns boolean
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select not howdah_private.is_operator() and (howdah_private.owns_machine()
    or (howdah_private.has_trusted_login() and exists (
      select from howdah.api_keys as k
      where k.id::text = current_setting('howdah.api_key_id', true) and k.made_without_login)))
$$;

-- Returns the scopes as they are stored: in the order of permission_rows, and with read, which the
-- other scopes require. Null means all scopes; for a key that creates a key, the scopes of the
-- creator.
create or replace function howdah_private.scopes_of_key(scopes text[]) returns text[]
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_known constant text[] := array['read', 'run', 'edit', 'manage'];
  v_own text[] := string_to_array(howdah_private.current_scopes(), ',');
begin
  if scopes_of_key.scopes is null then
    return case when not howdah_private.is_trusted() then v_own end;
  elsif cardinality(scopes_of_key.scopes) = 0 or not scopes_of_key.scopes <@ v_known then
    raise exception using errcode = 'HWINV',
      message = case when cardinality(scopes_of_key.scopes) = 0 then 'scopes is an empty list'
        else format('unknown scopes: %s', array_to_string(array(
          select s from unnest(scopes_of_key.scopes) as s
          where s <> all (v_known) or s is null), ', ', 'null')) end,
      detail = jsonb_build_object('field', 'scopes', 'scopes', scopes_of_key.scopes)::text,
      hint = 'Use read, run, edit and manage; leave scopes out (null) for all of them.';
  end if;
  return array(
    select s from unnest(v_known) as s where s = 'read' or s = any (scopes_of_key.scopes));
end $$;
