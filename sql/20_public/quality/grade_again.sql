-- Grades results again whose judge or embedding model failed: after an outage, a limit or a judge
-- that was switched off. What was paid for and said stays: scores of other graders, and judgements.
--
-- The transaction holds the lock of the judges of the tenant, so that no worker starts judges
-- meanwhile, and locks runs, rows of due_grades, results and the evaluation, as grading does.
create or replace function howdah.grade_again(evaluation uuid) returns int
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_evaluation howdah.evaluations :=
    howdah_private.evaluation_by_id(grade_again.evaluation, 'evaluation');
begin
  return howdah_private.regrade_results(v_evaluation.id);
end $$;
comment on function howdah.grade_again(uuid) is
  'Grades those results of an evaluation again that have the error not_graded, and returns their '
  'number: failed judges are asked anew, and failed vectors are made again. Scores that exist '
  'stay, and no judge that gave a grade is asked twice. The evaluation runs until they are graded. '
  'Results whose run is deleted, or whose contents are erased or encrypted, stay as they are. '
  'Raises HWCNF for an evaluation that was cancelled.';

-- Makes the results of an evaluation due that were not graded.
create or replace function howdah_private.regrade_results(id uuid) returns int
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set jit = off
as $$
declare
  v_tenant_id uuid := howdah.current_tenant();
  v_evaluation howdah.evaluations;
  v_runs uuid[];
begin
  select e.* into v_evaluation from howdah.evaluations as e
  where e.id = regrade_results.id and e.tenant_id = v_tenant_id;
  perform howdah_private.permit('executions', 'run');
  perform howdah_private.check_agent_right(v_evaluation.agent_id, 'run'),
    howdah_private.check_agent_right(v_evaluation.workflow_id, 'run', 'workflow');
  perform howdah_private.check_agent_right((g.grader #>> '{judge,agent_id}')::uuid, 'run')
  from jsonb_path_query(v_evaluation.graders, '$[*] ? (@.kind == "rubric")') as g (grader);
  perform howdah_private.lock_caller();
  perform pg_advisory_xact_lock(hashtextextended('howdah.judges ' || v_tenant_id, 0));
  v_runs := array(
    select e.id from howdah.evaluation_results as r
    join howdah.executions as e on e.id = r.execution_id and e.tenant_id = r.tenant_id
    where r.tenant_id = v_tenant_id and r.evaluation_id = v_evaluation.id
      and r.graded_at is not null and r.passed is null and r.error ->> 'code' = 'not_graded'
      and e.completed_at is not null
      and num_nonnulls(e.contents_erased_at, e.contents_encrypted_at) = 0
    order by e.id for share of e);
  perform howdah_private.reset_judgements(v_evaluation, v_runs);
  insert into howdah_private.due_grades (execution_id, tenant_id, evaluation_id, keeps_scores)
  select r.id, v_tenant_id, v_evaluation.id, true from unnest(v_runs) as r (id) order by r.id
  on conflict do nothing;
  update howdah.evaluation_results as r set graded_at = null, error = null
  where r.tenant_id = v_tenant_id and r.evaluation_id = v_evaluation.id
    and r.execution_id = any (v_runs);
  update howdah.evaluations as e
  set totals = howdah_private.evaluation_totals(e.id), totals_at = clock_timestamp(),
    status = case when cardinality(v_runs) > 0 then 'running' else e.status end,
    completed_at = case when cardinality(v_runs) = 0 then e.completed_at end
  where e.id = v_evaluation.id and e.status <> 'cancelled';
  if not found then
    raise exception using errcode = 'HWCNF',
      message = format('evaluation %s was cancelled', v_evaluation.id),
      detail = jsonb_build_object('field', 'evaluation', 'evaluation_id', v_evaluation.id,
        'status', 'cancelled')::text,
      hint = 'Evaluate again: howdah.evaluate, or howdah.evaluate_runs for runs that exist.';
  end if;
  perform howdah_private.audit_action(v_tenant_id, 'grade_again', 'evaluations',
    v_evaluation.id::text, jsonb_build_object('results', cardinality(v_runs)));
  return cardinality(v_runs);
end $$;

-- Forgets the judgements of runs that gave no score. A judge whose run somebody has retried is at
-- work, and is waited for; another one is asked anew, and its cost is kept.
create or replace function howdah_private.reset_judgements(v howdah.evaluations, ids uuid[])
  returns void
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $$
  delete from howdah_private.judgements as j
  using jsonb_path_query(v.graders, '$[*] ? (@.kind == "similarity")')
    as g (grader)
  where j.execution_id = any (reset_judgements.ids) and j.evaluation_id = v.id
    and j.grader = g.grader ->> 'name' and j.error is not null;
  -- the score is looked at again if the judge ends at this moment
  update howdah_private.judgements as j
  set settled_at = null, verdict = null, error = null, is_shared = j.is_shared and f.is_live,
    judge_execution_id = case when f.is_live then j.judge_execution_id end,
    earlier_cost = case when f.is_live then j.earlier_cost else j.cost end
  from (
    select o.execution_id, o.grader, g.grader -> 'configuration' as configuration,
      x.id is not null as is_live
    from howdah_private.judgements as o
    join jsonb_path_query(v.graders, '$[*] ? (@.kind == "rubric")')
      as g (grader) on g.grader ->> 'name' = o.grader
    left join howdah.executions as x
      on x.id = o.judge_execution_id and x.completed_at is null
    where o.execution_id = any (reset_judgements.ids) and o.evaluation_id = v.id
      and o.settled_at is not null
  ) as f
  where j.execution_id = f.execution_id and j.evaluation_id = v.id and j.grader = f.grader
    and j.settled_at is not null and howdah_private.judge_score(j.verdict, f.configuration) is null
$$;
