-- What is in `configuration` of run_code: limits within those every host can bear. The worker refuses the same.
create or replace function howdah_private.refuse_code_limits(configuration jsonb) returns void
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_faults text[] := howdah_private.json_faults('{"properties": {
    "timeout_ms": {"type": "integer", "minimum": 100, "maximum": 60000},
    "memory_mb": {"type": "integer", "minimum": 32, "maximum": 512}
  }}', refuse_code_limits.configuration);
begin
  if cardinality(v_faults) > 0 then
    raise exception using errcode = 'HWINV', message = 'configuration: ' || array_to_string(v_faults, '; '),
      detail = jsonb_build_object('field', 'configuration', 'faults', to_jsonb(v_faults))::text,
      hint = '{"timeout_ms": 10000, "memory_mb": 64}';
  end if;
end $$;
