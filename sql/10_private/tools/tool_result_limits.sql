-- Checks settings that every tool called by a worker may have: the part of a result that the model
-- sees, the trust of the result (taint.sql), and whether a SQL call that requires an approval is
-- tried first (dry run).
create or replace function howdah_private.check_result_limit(configuration jsonb) returns void
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_faults text[] := howdah_private.json_faults(
    '{"properties": {"max_result_bytes": {"type": "integer", "minimum": 1000, "maximum": 1048576},
      "result_trust": {"enum": ["user", "internal", "external"]}, "dry_run": {"type": "boolean"}}}',
    check_result_limit.configuration);
begin
  if cardinality(v_faults) > 0 then
    raise exception using errcode = 'HWINV',
      message = 'configuration: ' || array_to_string(v_faults, '; '),
      detail = jsonb_build_object('field', 'configuration', 'faults', to_jsonb(v_faults))::text,
      hint = case
        when v_faults[1] like '%dry_run%' then '{"dry_run": false}'
        when v_faults[1] like '%result_trust%' then '{"result_trust": "internal"}'
        else '{"max_result_bytes": 65536}' end;
  end if;
end $$;
