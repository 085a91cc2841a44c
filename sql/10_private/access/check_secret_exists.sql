-- Raises the error for a name that no secret of the tenant has.
create or replace function howdah_private.refuse_unknown_secret(name text) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using errcode = 'HWNTF',
    message = format('there is no secret %L', refuse_unknown_secret.name),
    detail = jsonb_build_object('secret', refuse_unknown_secret.name)::text,
    hint = format('Store the secret: howdah secret set %s (the value comes from stdin). '
      'See howdah.secrets for the secrets that exist.',
      refuse_unknown_secret.name);
end $$;
