-- Raises the error for a name that no secret of the tenant has.
create or replace function howdah_private.raise_unknown_secret(name text) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using errcode = 'HWNTF',
    message = format('there is no secret %L', raise_unknown_secret.name),
    detail = jsonb_build_object('secret', raise_unknown_secret.name)::text,
    hint = format('Store the secret: howdah admin secret set %s (the value comes from stdin). '
      'See howdah.secrets for the secrets that exist.',
      raise_unknown_secret.name);
end $$;

-- Locks the secrets that a row names, in the order of their names, so that none can be deleted
-- before the row is visible. Refuses a name that no secret of the tenant has, and a key.
create or replace function howdah_private.lock_secrets(tenant_id uuid, names text[]) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_name text;
begin
  for v_name in
    select distinct n.name from unnest(lock_secrets.names) as n (name)
    where n.name is not null order by n.name
  loop
    perform howdah_private.check_plain_secrets('secret_name', to_jsonb(v_name));
    perform from howdah.secrets as s
    where s.tenant_id = lock_secrets.tenant_id and s.name = v_name for key share;
    if not found then
      perform howdah_private.raise_unknown_secret(v_name);
    end if;
  end loop;
end $$;

-- Refuses a secret that signs requests and is too short to resist guessing: 16 bytes, or `whsec_`
-- and 16 bytes in Base64. A sealed value is as long as its text, plus a tag of 16 bytes.
create or replace function howdah_private.check_secret_size(
  tenant_id uuid, field text, name text, min_bytes int
) returns void
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_bytes int;
begin
  select octet_length(c.ciphertext) - 16 into v_bytes
  from howdah.secrets as s
  join howdah_private.sealed_secrets as c on c.secret_id = s.id
  where s.tenant_id = check_secret_size.tenant_id and s.name = check_secret_size.name;
  if v_bytes < check_secret_size.min_bytes then
    raise exception using errcode = 'HWINV',
      message = format('the secret %L is too short to sign requests: it has %s bytes, and %s needs '
        'at least %s', check_secret_size.name, v_bytes, check_secret_size.field,
        check_secret_size.min_bytes),
      detail = jsonb_build_object('field', check_secret_size.field,
        'secret', check_secret_size.name, 'min_bytes', check_secret_size.min_bytes)::text,
      hint = case when check_secret_size.min_bytes > 16
        then 'Store whsec_ followed by at least 16 random bytes in Base64: '
          'openssl rand -base64 32'
        else 'Store a longer one, such as the output of: openssl rand -base64 32' end;
  end if;
end $$;

-- Refuses a value that is too short for a hook or a webhook that uses the secret.
create or replace function howdah_private.check_signing_secret(tenant_id uuid, name text)
  returns void
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.check_secret_size(h.tenant_id, 'secret_name', check_signing_secret.name,
    case h.verification when 'standard_webhooks' then 28 else 16 end)
  from howdah.inbound_hooks as h
  where h.tenant_id = check_signing_secret.tenant_id
    and check_signing_secret.name in (h.secret_name, h.previous_secret_name);
  select howdah_private.check_secret_size(w.tenant_id, 'secret_name', check_signing_secret.name,
    28)
  from howdah.webhooks as w
  where w.tenant_id = check_signing_secret.tenant_id
    and check_signing_secret.name in (w.secret_name, w.previous_secret_name);
$$;
