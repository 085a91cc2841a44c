-- How API keys are made: hwd_<12 characters that find it>_<43 of secret>_<6 of checksum>. All in SQL, so that a key is
-- never a parameter of a statement, and with nothing but built-in functions. src/api/login/api-keys.ts reads them.

-- 32 bytes nobody can guess: three ids have 366 bits from the operating system's generator, and SHA-256 leaves 256 of them.
create or replace function howdah_private.random_bytes() returns bytea
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $$
  select sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()))
$$;

-- The last digits of a number to the base 62; 43 of them hold 32 bytes.
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

-- CRC-32 as zip files have it: with it a typing error is told from a wrong key without asking anybody, and a scanner
-- for secrets that have leaked knows a key of ours for certain. Postgres has it from version 18 on.
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

-- A key is never more than who makes it: not in role, not in scopes, not by acting as somebody above him; nor more than
-- the user it is for.
create or replace function howdah_private.refuse_api_key(role howdah.user_role, scopes text[], user_id uuid)
  returns void
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id uuid := howdah.current_tenant();
  v_own howdah.user_role := howdah.current_user_role();
  v_own_scopes text := nullif(current_setting('howdah.scopes', true), '');
  v_user howdah.users;
  v_inactive text := (
    select t.slug from howdah.tenants as t where t.id = howdah.current_tenant() and not t.is_active);
begin
  if v_inactive is not null then
    raise exception using errcode = 'HWCNF', message = format('the tenant %s is not active', v_inactive),
      detail = jsonb_build_object('tenant', v_inactive)::text,
      hint = 'Nobody would be let in by this key. An owner of the database lets the tenant in again by its is_active.';
  end if;
  if refuse_api_key.user_id is not null then
    select u.* into v_user from howdah.users as u
    where u.id = refuse_api_key.user_id and u.tenant_id = v_tenant_id;
    if not found then
      raise exception using errcode = 'HWNTF', message = format('there is no user %s', refuse_api_key.user_id),
        detail = jsonb_build_object('user_id', refuse_api_key.user_id)::text,
        hint = 'Those there are stand in howdah.users.';
    elsif not v_user.is_active or refuse_api_key.role < v_user.role then
      raise exception using errcode = case when v_user.is_active then 'HWINV' else 'HWCNF' end,
        message = case when v_user.is_active
          then format('%s is %s, and a key of a user is never more', v_user.username, v_user.role)
          else format('%s is not active', v_user.username) end,
        detail = jsonb_build_object('field', 'role', 'role', refuse_api_key.role, 'user_role', v_user.role)::text,
        hint = case when v_user.is_active then format('Give role => %L, or make the user more.', v_user.role)
          else 'Name an active user, or let this one in again by its is_active.' end;
    end if;
  end if;
  if least(refuse_api_key.role, v_user.role) < v_own then
    raise exception using errcode = 'HWDEN',
      message = format('%s may not make a key that acts as %s', howdah_private.caller_label(),
        least(refuse_api_key.role, v_user.role)),
      detail = jsonb_build_object('role', v_own, 'required_role', least(refuse_api_key.role, v_user.role))::text,
      hint = format('A key is never more than who makes it: give role => %L, and a user of that role at most.', v_own);
  elsif not howdah_private.is_trusted() and not refuse_api_key.scopes <@ string_to_array(v_own_scopes, ',') then
    raise exception using errcode = 'HWDEN',
      message = format('this key has the scopes %s, and a key it makes never more', v_own_scopes),
      detail = jsonb_build_object('scopes', refuse_api_key.scopes, 'own_scopes', v_own_scopes)::text,
      hint = format('Give scopes => %L', string_to_array(v_own_scopes, ','));
  end if;
end $$;

-- The scopes as they are stored: in the order of permission_rows, with read, which the others need. Null is all, which of
-- a key that makes another one are its own.
create or replace function howdah_private.scopes_of_key(scopes text[]) returns text[]
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_known constant text[] := array['read', 'run', 'edit', 'manage'];
  v_own text[] := string_to_array(nullif(current_setting('howdah.scopes', true), ''), ',');
begin
  if scopes_of_key.scopes is null then
    return case when not howdah_private.is_trusted() then v_own end;
  elsif cardinality(scopes_of_key.scopes) = 0 or not scopes_of_key.scopes <@ v_known then
    raise exception using errcode = 'HWINV',
      message = case when cardinality(scopes_of_key.scopes) = 0 then 'scopes is an empty list'
        else format('%s are no scopes', array_to_string(array(
          select s from unnest(scopes_of_key.scopes) as s where s <> all (v_known) or s is null), ', ', 'null')) end,
      detail = jsonb_build_object('field', 'scopes', 'scopes', scopes_of_key.scopes)::text,
      hint = 'Take of read, run, edit and manage; leave scopes out (null) for all of them.';
  end if;
  return array(select s from unnest(v_known) as s where s = 'read' or s = any (scopes_of_key.scopes));
end $$;
