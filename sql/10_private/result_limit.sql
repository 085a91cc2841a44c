-- How much of a result the model is told, which may stand in the configuration of any tool that is called by a worker.
create or replace function howdah_private.refuse_result_limit(configuration jsonb) returns void
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_faults text[] := howdah_private.json_faults(
    '{"properties": {"max_result_bytes": {"type": "integer", "minimum": 1000, "maximum": 1048576}}}',
    refuse_result_limit.configuration);
begin
  if cardinality(v_faults) > 0 then
    raise exception using errcode = 'HWINV', message = 'configuration: ' || array_to_string(v_faults, '; '),
      detail = jsonb_build_object('field', 'configuration', 'faults', to_jsonb(v_faults))::text,
      hint = '{"max_result_bytes": 65536}';
  end if;
end $$;
