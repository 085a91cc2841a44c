-- The gate of evaluations, by which howdah eval run and promotions decide, too. Rows are read with
-- the privileges of the caller.

-- Returns the newest completed evaluation of a version, of the same items with the same graders.
-- One that is graded in full comes first, then one with as many repeats: howdah.evaluate returns
-- the same one with reuse. Of live runs, those of a grading rule come last, since each has the runs
-- of one interval. An evaluation that has tried this version itself is its own baseline.
create or replace function howdah_private.baseline_of(v howdah.evaluations, version int)
  returns uuid
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select e.id from howdah.evaluations as e
  where e.tenant_id = v.tenant_id and e.dataset_id = v.dataset_id
    and e.agent_id is not distinct from v.agent_id
    and e.workflow_id is not distinct from v.workflow_id
    and e.version = baseline_of.version and e.overrides is null
    and (e.id = v.id or e.status = 'completed'
      and num_nulls(e.since_at, v.since_at) <> 1 and e.graders = v.graders
      and (e.items_digest = v.items_digest or v.since_at is not null))
  order by e.id = v.id desc,
    e.since_at is null and (e.totals ->> 'passed')::int + (e.totals ->> 'failed')::int
      = e.items * e.repeats desc nulls last,
    e.grading_rule_id is null desc,
    e.repeats = v.repeats desc, e.id desc
  limit 1
$$;

-- Returns a share as a percentage, such as 66.67 %.
create or replace function howdah_private.percent(share numeric) returns text
  language sql immutable
  return trim_scale(round(percent.share * 100, 2)) || ' %';

-- Returns why an evaluation alone does not pass. What was not graded does not pass.
create or replace function howdah_private.faults_of_results(
  v howdah.evaluations, fail_under float8
) returns text[]
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  with graded as (
    select coalesce((v.totals ->> 'passed')::int, 0) + coalesce((v.totals ->> 'failed')::int, 0)
        as results, v.items * v.repeats as runs,
      coalesce((v.totals ->> 'pass_rate')::numeric, 0) as pass_rate
  )
  select array(
    select format('the evaluation %s', case v.status when 'running' then 'is running'
      else 'was cancelled' end)
    where v.status <> 'completed'
    union all
    select format('the pass rate %s is under %s', howdah_private.percent(g.pass_rate),
      howdah_private.percent(faults_of_results.fail_under::numeric))
    from graded as g where g.results > 0 and g.pass_rate < faults_of_results.fail_under
    union all
    select format('only %s of %s runs passed or failed', g.results, g.runs)
    from graded as g where g.results < g.runs)
$$;

-- Returns why a comparison with a baseline does not pass: items that were not compared, too few
-- results for an interval, and differences outside the noise.
create or replace function howdah_private.faults_of_comparison(comparison jsonb, items int)
  returns text[]
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select array(
    select format('only %s of %s items are graded in both evaluations',
      faults_of_comparison.comparison ->> 'items', faults_of_comparison.items)
    where (faults_of_comparison.comparison -> 'is_paired')::boolean
      and (faults_of_comparison.comparison ->> 'items')::int < faults_of_comparison.items
    union all
    select 'too few live runs are graded to compare them with the baseline'
    where not (faults_of_comparison.comparison -> 'is_paired')::boolean
      and faults_of_comparison.comparison #>> '{pass_rate,low}' is null
    union all
    select format('the %s is lower than before: %s, not %s', replace(f.name, '_', ' '),
      howdah_private.percent((faults_of_comparison.comparison #>> array[f.name, 'b'])::numeric),
      howdah_private.percent((faults_of_comparison.comparison #>> array[f.name, 'a'])::numeric))
    from (values ('pass_rate'), ('score')) as f (name)
    where faults_of_comparison.comparison #>> array[f.name, 'verdict'] = 'lower')
$$;

-- Refuses a rate out of range.
create or replace function howdah_private.check_rate(fail_under float8) returns void
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if check_rate.fail_under is not null and (check_rate.fail_under between 0 and 1) is not true then
    raise exception using errcode = 'HWINV',
      message = format('fail_under must be from 0 to 1, not %s', check_rate.fail_under),
      detail = '{"field": "fail_under"}', hint = 'Give a share of results, such as 0.9.';
  end if;
end $$;

create or replace function howdah.check_evaluation(
  evaluation uuid, fail_under float8 default null, no_worse_than text default null
) returns jsonb
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_evaluation howdah.evaluations :=
    howdah_private.evaluation_by_id(check_evaluation.evaluation, 'evaluation');
  v_faults text[];
  v_version int;
  v_baseline_id uuid;
  v_comparison jsonb;
begin
  perform howdah_private.check_rate(check_evaluation.fail_under);
  v_faults := howdah_private.faults_of_results(v_evaluation, check_evaluation.fail_under);
  if check_evaluation.no_worse_than is not null then
    select n.version into v_version from howdah_private.version_of(
      case when v_evaluation.agent_id is null then 'workflow' else 'agent' end,
      coalesce(v_evaluation.agent_id, v_evaluation.workflow_id),
      check_evaluation.no_worse_than, 'no_worse_than') as n;
    v_baseline_id := howdah_private.baseline_of(v_evaluation, v_version);
    if v_baseline_id is null then
      v_faults := v_faults || format('version %s (%s) has no completed evaluation of the same '
        'items with the same graders', v_version, check_evaluation.no_worse_than);
    elsif v_baseline_id <> v_evaluation.id then
      v_comparison := howdah.compare_evaluations(v_baseline_id, v_evaluation.id);
      v_faults := v_faults
        || howdah_private.faults_of_comparison(v_comparison, v_evaluation.items);
    end if;
  end if;
  return jsonb_build_object('passed', v_faults = '{}', 'faults', v_faults,
    'baseline_id', v_baseline_id, 'comparison', v_comparison);
end $$;
comment on function howdah.check_evaluation(uuid, float8, text) is
  'Says whether an evaluation passes a gate, as howdah eval run does: select '
  'howdah.check_evaluation(id, fail_under => 0.9, no_worse_than => ''production''). Returns '
  '{passed, faults, baseline_id, comparison}. faults says why it does not pass: the evaluation has '
  'not completed, results were not graded, fewer pass than fail_under, or the version with the '
  'label is better by more than the noise or was not evaluated on the same items with the same '
  'graders. comparison is that of compare_evaluations with the baseline, the newest evaluation of '
  'the version with the label; null if the evaluation has tried this version itself.';
