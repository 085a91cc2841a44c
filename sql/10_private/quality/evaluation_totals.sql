-- The status and totals of evaluations. Those who grade results write them, after a lock of the
-- evaluation: whoever is last sees the results of all others. Runs that end do not wait for it.

-- Returns the figures of the graded results of an evaluation. A flaky item passed in some of its
-- runs and not in others. pass_hat_k is the share of items that passed in all of their runs. An
-- item whose runs have all passed, as far as they are graded, does not count for it. The confidence
-- of answers that state one is compared with how many of them passed. The interval of the pass rate
-- counts items, as repeats are not independent.
create or replace function howdah_private.evaluation_totals(evaluation_id uuid) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  with results as (
    select r.* from howdah.evaluation_results as r
    where r.evaluation_id = evaluation_totals.evaluation_id
  ),
  items as (
    select avg(r.passed::int) as pass_rate, bool_or(r.passed) as any_passed,
      case when bool_or(not r.passed) then false
        when bool_and(r.passed is not null) then true end as all_passed
    from results as r group by coalesce(r.item_id, r.id)
  )
  select (
    select jsonb_build_object('pass_rate_low', round(p.low::numeric, 6),
      'pass_rate_high', round(p.high::numeric, 6))
    from (
      select avg(i.pass_rate)::float8 as rate, nullif(count(i.pass_rate), 0)::int as items
      from items as i
    ) as c
    left join howdah_private.pass_rate_interval(c.rate, c.items) as p on true
  ) || jsonb_build_object('graders', howdah_private.grader_totals(evaluation_totals.evaluation_id),
    'runs', count(*), 'graded', count(r.graded_at), 'passed', count(*) filter (where r.passed),
    'failed', count(*) filter (where not r.passed),
    'cancelled', count(*) filter (where r.graded_at is not null and r.passed is null
      and (r.error ->> 'code') is distinct from 'not_graded'),
    'not_graded', count(*) filter (where r.passed is null and r.error ->> 'code' = 'not_graded'),
    'score', round(avg(r.score)::numeric, 6),
    'pass_rate', round(avg(r.passed::int), 6),
    'pass_hat_k', (select round(avg(i.all_passed::int), 6) from items as i),
    'flaky_items', (
      select count(*) from items as i where i.any_passed and not i.all_passed),
    'cost', coalesce(sum(r.cost), 0), 'grading_cost', coalesce(sum(r.grading_cost), 0),
    'tokens', coalesce(sum(r.tokens), 0),
    'cached_runs', count(*) filter (where r.cached_answers > 0),
    'confidence', round(avg(r.confidence)::numeric, 6),
    'calibration_error', round(howdah_private.calibration_error(
      array_agg(r.confidence order by r.id), array_agg(r.passed order by r.id))::numeric, 6),
    'latency_ms_mean', round(avg(r.latency_ms)::numeric, 1),
    'latency_ms_p95',
      round((percentile_cont(0.95) within group (order by r.latency_ms))::numeric, 1))
  from results as r
$$;

-- Returns the mean score of each grader of an evaluation, and how many results passed and failed by
-- it. A grader that could not judge a result has no score for it.
create or replace function howdah_private.grader_totals(evaluation_id uuid) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(json_object_agg(g.name, g.figures)::jsonb, '{}')
  from (
    select s.name, jsonb_build_object(
      'score', round(avg((s.grade ->> 'score')::float8)::numeric, 6),
      'passed', count(*) filter (where (s.grade -> 'passed')::boolean),
      'failed', count(*) filter (where not (s.grade -> 'passed')::boolean)) as figures
    from howdah.evaluation_results as r
    cross join lateral jsonb_each(r.scores) as s (name, grade)
    where r.evaluation_id = grader_totals.evaluation_id and s.grade ? 'score'
    group by s.name
  ) as g
$$;

-- Completes an evaluation whose last result is graded. Before that, writes its totals at most once
-- per second.
create or replace function howdah_private.follow_evaluation(id uuid) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_evaluation howdah.evaluations;
  v_is_graded boolean;
begin
  select e.* into v_evaluation from howdah.evaluations as e
  where e.id = follow_evaluation.id for no key update;
  v_is_graded := not exists (
    select from howdah.evaluation_results as r
    where r.evaluation_id = follow_evaluation.id and r.graded_at is null);
  if v_is_graded or v_evaluation.totals_at is null
    or v_evaluation.totals_at < clock_timestamp() - interval '1 second' then
    update howdah.evaluations as e
    set totals = howdah_private.evaluation_totals(e.id), totals_at = clock_timestamp(),
      status = case when v_is_graded and e.status = 'running' then 'completed' else e.status end,
      completed_at = case when v_is_graded then coalesce(e.completed_at, clock_timestamp())
        else e.completed_at end
    where e.id = follow_evaluation.id;
  end if;
end $$;

-- Marks an evaluation as cancelled, whose live runs the caller has cancelled.
create or replace function howdah_private.mark_cancelled(id uuid) returns howdah.evaluations
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id uuid := howdah.current_tenant();
  v_evaluation howdah.evaluations;
begin
  select e.* into v_evaluation from howdah.evaluations as e
  where e.id = mark_cancelled.id and e.tenant_id = v_tenant_id;
  perform howdah_private.permit('executions', 'run');
  perform howdah_private.check_agent_right(v_evaluation.agent_id, 'run'),
    howdah_private.check_agent_right(v_evaluation.workflow_id, 'run', 'workflow');
  update howdah.evaluations as e set status = 'cancelled'
  where e.id = v_evaluation.id and e.status = 'running';
  if not found then
    raise exception using errcode = 'HWCNF',
      message = format('evaluation %s does not run any more', mark_cancelled.id),
      detail = jsonb_build_object('evaluation_id', mark_cancelled.id,
        'status', v_evaluation.status)::text,
      hint = 'Start another evaluation with howdah.evaluate.';
  end if;
  -- if no result is open, nobody else completes it
  perform howdah_private.follow_evaluation(v_evaluation.id);
  select e.* into v_evaluation from howdah.evaluations as e where e.id = v_evaluation.id;
  return v_evaluation;
end $$;

-- Forgets what results and grades say about runs whose contents are erased. A result that is not
-- graded yet will not be.
create or replace function howdah_private.forget_results(ids uuid[]) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_evaluations uuid[];
begin
  delete from howdah_private.due_grades as d where d.execution_id = any (forget_results.ids);
  with forgotten as (
    update howdah.evaluation_results as r
    set graded_at = coalesce(r.graded_at, clock_timestamp()),
      error = case when r.graded_at is null then jsonb_build_object('code', 'not_graded',
        'message', 'the run was erased before it was graded')
        else r.error - 'message' end,
      scores = (
        select coalesce(json_object_agg(s.name, s.grade - '{detail,error}'::text[])::jsonb, '{}')
        from jsonb_each(r.scores) as s (name, grade))
    where r.execution_id = any (forget_results.ids)
    returning r.id, r.tenant_id, r.evaluation_id
  ),
  commented as (
    update howdah.grades as g set comment = '[erased]' from forgotten as f
    where g.tenant_id = f.tenant_id and g.evaluation_result_id = f.id and g.comment is not null
  )
  select array_agg(distinct f.evaluation_id order by f.evaluation_id) into v_evaluations
  from forgotten as f;
  perform howdah_private.follow_evaluation(e.id) from unnest(v_evaluations) as e (id);
end $$;
