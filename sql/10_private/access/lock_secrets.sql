-- Raises the error for a name that no secret of the tenant has.
create or replace function howdah_private.refuse_unknown_secret(name text) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using errcode = 'HWNTF',
    message = format('there is no secret %L', refuse_unknown_secret.name),
    detail = jsonb_build_object('secret', refuse_unknown_secret.name)::text,
    hint = format('Store the secret: howdah admin secret set %s (the value comes from stdin). '
      'See howdah.secrets for the secrets that exist.',
      refuse_unknown_secret.name);
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
      perform howdah_private.refuse_unknown_secret(v_name);
    end if;
  end loop;
end $$;
