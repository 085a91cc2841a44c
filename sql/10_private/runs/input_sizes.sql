-- Returns the maximum size in bytes of the input that users and programs give to a run: 1 MB, which
-- a check constraint enforces, or less if the settings say so. Most installations have no settings,
-- so their existence is tested first.
create or replace function howdah_private.max_input_bytes(tenant_id uuid) returns int
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  return least(1048576, case when exists (select from howdah.settings)
    then howdah_private.setting(max_input_bytes.tenant_id, 'input_bytes') end)::int;
end $$;

-- Refuses an input field that is larger than the maximum.
create or replace function howdah_private.check_input_size(field text, size int, maximum int)
  returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if check_input_size.size > check_input_size.maximum then
    raise exception using errcode = 'HWINV',
      message = format('%s has %s bytes, at most %s are allowed',
        check_input_size.field, check_input_size.size,
        check_input_size.maximum),
      detail = jsonb_build_object('field', check_input_size.field)::text,
      hint = 'Provide a large text through a tool that the agent reads piece by piece.'
        || case when check_input_size.maximum < 1048576
          then ' The setting input_bytes can raise this limit.' else '' end;
  end if;
end $$;
