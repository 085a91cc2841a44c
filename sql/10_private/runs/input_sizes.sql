-- How large what people and programs say to a run may be: at most 1 MB, which a check of its own holds, and what the settings
-- say where that is less. Mostly nothing is set, so that is asked first.
create or replace function howdah_private.max_input_bytes(tenant_id uuid) returns int
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  return least(1048576, case when exists (select from howdah.settings)
    then howdah_private.setting(max_input_bytes.tenant_id, 'input_bytes') end)::int;
end $$;

create or replace function howdah_private.refuse_large_input(field text, size int, most int) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if refuse_large_input.size > refuse_large_input.most then
    raise exception using errcode = 'HWINV',
      message = format('%s has %s bytes, at most %s are allowed', refuse_large_input.field, refuse_large_input.size,
        refuse_large_input.most),
      detail = jsonb_build_object('field', refuse_large_input.field)::text,
      hint = 'Give a large text to the agent by a tool that reads it piece by piece.'
        || case when refuse_large_input.most < 1048576 then ' The setting input_bytes allows more.' else '' end;
  end if;
end $$;
