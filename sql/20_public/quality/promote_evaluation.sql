-- Labels the version that an evaluation has tried. Rows are read and written with the privileges of
-- the caller.

-- Returns the newest completed evaluation of the version with a label, of the same items with the
-- same graders, or raises HWCNF.
create or replace function howdah_private.baseline_of(v howdah.evaluations, label text)
  returns howdah.evaluations
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_version int := (
    select n.version from howdah_private.version_of(
      case when v.agent_id is null then 'workflow' else 'agent' end,
      coalesce(v.agent_id, v.workflow_id), baseline_of.label) as n);
  v_baseline howdah.evaluations;
begin
  select e.* into v_baseline from howdah.evaluations as e
  where e.dataset_id = v.dataset_id and e.status = 'completed' and e.overrides is null
    and num_nulls(e.since_at, v.since_at) <> 1 and e.version = v_version
    and e.agent_id is not distinct from v.agent_id
    and e.workflow_id is not distinct from v.workflow_id
    and e.graders = v.graders and (e.items_digest = v.items_digest or v.since_at is not null)
  order by e.id desc limit 1;
  if v_baseline.id is null then
    raise exception using errcode = 'HWCNF',
      message = format('version %s (%s) has no completed evaluation of the same items with the '
        'same graders', v_version, baseline_of.label),
      detail = jsonb_build_object('field', 'no_worse_than', 'evaluation_id', v.id,
        'version', v_version)::text,
      hint = format('Evaluate the version %L first: howdah.evaluate, or howdah eval run.',
        baseline_of.label);
  end if;
  return v_baseline;
end $$;

-- Returns why an evaluation does not pass a gate. A difference to the baseline counts only if it is
-- outside the noise; what was not graded or compared does not pass.
create or replace function howdah_private.gate_faults(
  v howdah.evaluations, fail_under float8, baseline howdah.evaluations
) returns text[]
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  with graded as (
    select coalesce((v.totals ->> 'passed')::int, 0) + coalesce((v.totals ->> 'failed')::int, 0)
        as results, v.items * v.repeats as runs,
      coalesce((v.totals ->> 'pass_rate')::float8, 0) as pass_rate
  ),
  compared as materialized (
    select howdah.compare_evaluations((gate_faults.baseline).id, v.id) as figures
    where (gate_faults.baseline).id <> v.id
  )
  select array(
    select format('the pass rate %s is under %s', round(g.pass_rate::numeric, 4),
      gate_faults.fail_under)
    from graded as g where g.pass_rate < gate_faults.fail_under
    union all
    select format('only %s of %s runs passed or failed', g.results, g.runs)
    from graded as g where g.results < g.runs
    union all
    select format('only %s of %s items are graded in both evaluations', c.figures ->> 'items',
      v.items)
    from compared as c
    where (c.figures -> 'is_paired')::boolean and (c.figures ->> 'items')::int < v.items
    union all
    select format('the %s is %s lower than before', replace(f.name, '_', ' '),
      -(c.figures #>> array[f.name, 'difference'])::numeric)
    from compared as c cross join (values ('pass_rate'), ('score')) as f (name)
    where c.figures #>> array[f.name, 'verdict'] = 'lower')
$$;

create or replace function howdah.promote_evaluation(
  evaluation uuid, label text default 'production', fail_under float8 default null,
  no_worse_than text default null
) returns howdah.evaluations
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_evaluation howdah.evaluations;
  v_baseline howdah.evaluations;
  v_faults text[] := '{}';
begin
  select e.* into v_evaluation from howdah.evaluations as e
  where e.id = promote_evaluation.evaluation;
  perform howdah_private.check_promotion(
      v_evaluation, promote_evaluation.evaluation, promote_evaluation.fail_under);
  if promote_evaluation.no_worse_than is not null then
    v_baseline := howdah_private.baseline_of(v_evaluation, promote_evaluation.no_worse_than);
  end if;
  if num_nonnulls(promote_evaluation.fail_under, promote_evaluation.no_worse_than) > 0 then
    v_faults := howdah_private.gate_faults(
      v_evaluation, promote_evaluation.fail_under, v_baseline);
  end if;
  if cardinality(v_faults) > 0 then
    raise exception using errcode = 'HWCNF',
      message = format('version %s is not promoted: %s', v_evaluation.version,
        array_to_string(v_faults, '; ')),
      detail = jsonb_build_object('field', 'evaluation', 'evaluation_id', v_evaluation.id,
        'faults', to_jsonb(v_faults))::text,
      hint = 'Look at the results that failed: howdah eval results ID --failed.';
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

-- Refuses an evaluation that says nothing about its version, a rate out of range, and callers that
-- may not label versions.
create or replace function howdah_private.check_promotion(
  v howdah.evaluations, id uuid, fail_under float8
) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.permit('version_labels', 'edit');
  if v.id is null then
    raise exception using errcode = 'HWNTF',
      message = format('there is no evaluation %s', coalesce(check_promotion.id::text, 'null')),
      detail = jsonb_build_object('field', 'evaluation',
        'evaluation_id', check_promotion.id)::text,
      hint = 'See howdah.evaluations for the evaluations that exist.';
  elsif check_promotion.fail_under is not null
    and (check_promotion.fail_under between 0 and 1) is not true then
    raise exception using errcode = 'HWINV',
      message = format('fail_under must be from 0 to 1, not %s', check_promotion.fail_under),
      detail = '{"field": "fail_under"}', hint = 'Give a share of results, such as 0.9.';
  elsif v.status <> 'completed' then
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
