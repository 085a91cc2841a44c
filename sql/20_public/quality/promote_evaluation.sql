-- Labels the version that an evaluation has tried. Rows are read and written with the privileges of
-- the caller.

create or replace function howdah.promote_evaluation(
  evaluation uuid, label text default 'production', fail_under float8 default null,
  no_worse_than text default null
) returns howdah.evaluations
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_evaluation howdah.evaluations;
begin
  perform howdah_private.permit('version_labels', 'edit');
  v_evaluation := howdah_private.evaluation_by_id(promote_evaluation.evaluation, 'evaluation');
  perform howdah_private.check_rate(promote_evaluation.fail_under),
    howdah_private.check_promotable(v_evaluation);
  -- promotions of an agent or a workflow come one after the other, each compared with the last
  perform pg_advisory_xact_lock(hashtextextended('howdah.promotions '
    || coalesce(v_evaluation.agent_id, v_evaluation.workflow_id), 0));
  if num_nonnulls(promote_evaluation.fail_under, promote_evaluation.no_worse_than) > 0 then
    perform howdah_private.check_gate(
      v_evaluation, promote_evaluation.fail_under, promote_evaluation.no_worse_than);
  end if;
  perform howdah_private.label_version(
    case when v_evaluation.agent_id is null then 'workflow' else 'agent' end,
    coalesce(v_evaluation.agent_id, v_evaluation.workflow_id), v_evaluation.version,
    promote_evaluation.label);
  return v_evaluation;
end $$;
comment on function howdah.promote_evaluation(uuid, text, float8, text) is
  'Labels the version of a completed evaluation, and returns the evaluation: select '
  'howdah.promote_evaluation(id, ''production'', fail_under => 0.9). A label that exists already '
  'moves to the version. With fail_under or no_worse_than, raises HWCNF if fewer results pass, if '
  'the version with that other label is better by more than the noise or was not evaluated on the '
  'same items with the same graders, or if results were not graded. Raises HWCNF too for an '
  'evaluation that has not completed, or that had overrides, which its version does not have.';

-- Refuses an evaluation that says nothing about its version.
create or replace function howdah_private.check_promotable(v howdah.evaluations) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if v.status <> 'completed' then
    raise exception using errcode = 'HWCNF',
      message = format('evaluation %s is %s', v.id, v.status),
      detail = jsonb_build_object('field', 'evaluation', 'evaluation_id', v.id,
        'status', v.status)::text,
      hint = case when v.status = 'running' then 'Wait until it has completed: howdah eval wait ID.'
        else 'Evaluate the version again: howdah.evaluate.' end;
  elsif v.overrides is not null then
    raise exception using errcode = 'HWCNF',
      message = format('evaluation %s ran with overrides, which version %s does not have', v.id,
        v.version),
      detail = jsonb_build_object('field', 'evaluation', 'evaluation_id', v.id,
        'overrides', v.overrides)::text,
      hint = 'Change the agent or workflow, and evaluate its new version without overrides.';
  end if;
end $$;

-- Refuses an evaluation that does not pass the gate.
create or replace function howdah_private.check_gate(
  v howdah.evaluations, fail_under float8, no_worse_than text
) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_gate jsonb :=
    howdah.check_evaluation(v.id, check_gate.fail_under, check_gate.no_worse_than);
  v_has_baseline boolean :=
    check_gate.no_worse_than is null or v_gate ->> 'baseline_id' is not null;
begin
  if (v_gate -> 'passed')::boolean then
    return;
  end if;
  raise exception using errcode = 'HWCNF',
    message = format('version %s is not promoted: %s', v.version,
      (select string_agg(f.fault, '; ' order by f.place)
       from jsonb_array_elements_text(v_gate -> 'faults') with ordinality as f (fault, place))),
    detail = jsonb_build_object('field',
      case when v_has_baseline then 'evaluation' else 'no_worse_than' end,
      'evaluation_id', v.id, 'faults', v_gate -> 'faults')::text,
    hint = case when v_has_baseline
      then 'Look at the results that failed: howdah eval results ID --failed.'
      when v.since_at is null
      then format('Evaluate the version %L first: howdah.evaluate, or howdah eval run.',
        check_gate.no_worse_than)
      else format('Grade runs of the version %L first: howdah.evaluate_runs, or howdah eval '
        'grade-runs.', check_gate.no_worse_than) end;
end $$;
