-- Compares two runs of an agent, for example a run and its fork or runs of two versions: what
-- differs, and from which step on. Runs with the privileges of the caller, like an export.
create or replace function howdah.compare_executions(a uuid, b uuid) returns jsonb
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_a jsonb := howdah_private.compared_run(compare_executions.a);
  v_b jsonb := howdah_private.compared_run(compare_executions.b);
  v_missing uuid := case when v_a is null then compare_executions.a else compare_executions.b end;
  v_shared int := howdah_private.shared_steps(v_a, v_b);
  v_has_texts boolean := not coalesce(
    (v_a -> 'is_encrypted')::boolean or (v_b -> 'is_encrypted')::boolean, false);
  v_began jsonb; v_steps jsonb; v_ended jsonb;
begin
  if v_a is null or v_b is null then
    raise exception using errcode = 'HWNTF',
      message = format('there is no execution %s', v_missing),
      detail = jsonb_build_object('execution_id', v_missing)::text,
      hint = 'See howdah.executions for the runs that exist.';
  end if;
  v_began := howdah_private.run_differences(v_a, v_b, array['agent', 'workflow']
    || case when v_a -> 'agent' = v_b -> 'agent' and v_a -> 'workflow' = v_b -> 'workflow'
      then '{version}' else '{}' end::text[]
    || '{models}'
    || case when v_has_texts then '{input,input_data,input_parts,history}' else '{}' end::text[]
    || array['client_tools', 'overrides', 'max_steps', 'max_tokens', 'max_cost', 'max_seconds']);
  v_steps := howdah_private.log_differences(
    compare_executions.a, compare_executions.b, v_shared, v_has_texts);
  v_ended := howdah_private.run_differences(v_a, v_b,
    '{status,waiting_for,stop_reason,finish_reason}'::text[]
    || case when v_has_texts then '{output,output_data,error}' else '{}' end::text[]);
  return jsonb_build_object(
    'is_same', case when v_has_texts or v_began <> '[]' or v_ended <> '[]'
      or v_steps -> 'parts_at' <> 'null'
      then v_began = '[]' and v_ended = '[]' and v_steps -> 'parts_at' = 'null' end,
    'a', howdah_private.run_figures(v_a), 'b', howdah_private.run_figures(v_b),
    'shared_steps', v_shared, 'began', v_began, 'steps', v_steps, 'ended', v_ended);
end $$;
comment on function howdah.compare_executions(uuid, uuid) is
  'Returns the differences of two runs: {is_same, a, b, shared_steps, began, steps, ended}. a and '
  'b hold the figures of each run. shared_steps counts the first steps that a fork copied. began '
  'and ended hold the differences at the start and the end: [{field, a, b}]. steps holds the '
  'counts same, changed, only_a and only_b, parts_at, which is the first step that differs, and at '
  'most 1,000 changes; left_off counts the others. If a run is encrypted, texts are not compared, '
  'and is_same is null unless something else differs.';
