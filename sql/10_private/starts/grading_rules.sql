-- Grading rules: evaluations of a sample of the runs of users, always.
--
--   enqueue_gradings   → a job for each rule that is due, by one worker at a time
--   grade_by_rule      → under the lock of the rule: an evaluation for each version whose runs have
--                        ended since the last time. A worker grades them, as any other evaluation
--
-- A job that runs twice, or that two workers do, finds that the rule was done after it was due. A
-- refusal is stored in last_error, and the runs are looked at again the next time. A temporary
-- fault is raised, so that the job is tried again.

-- Enqueues the rules that are due. A rule that missed several times is done once.
create or replace function howdah_private.enqueue_gradings() returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now constant timestamptz := clock_timestamp();
  v_rule record;
begin
  for v_rule in
    update howdah.grading_rules as r
    set next_at = v_now + make_interval(secs => r.interval_seconds)
    where r.id in (
      select d.id from howdah.grading_rules as d where d.is_active and d.next_at <= v_now
      order by d.next_at limit 1000 for update skip locked
    )
    returning r.id, r.tenant_id
  loop
    perform graphile_worker.add_job('grade_by_rule',
      json_build_object('id', v_rule.id, 'tenant_id', v_rule.tenant_id,
        'due_at', to_jsonb(v_now) #>> '{}'),
      job_key => 'grading rule ' || v_rule.id, job_key_mode => 'preserve_run_at');
  end loop;
end $$;

-- Returns a sample of the runs that have ended since the last time, which the rule has not graded.
-- They are chosen by a digest of their ids, which says nothing about them. A run may be committed
-- later than it has ended, so the last five minutes are looked at again.
create or replace function howdah_private.sample_of_rule(r howdah.grading_rules, until timestamptz)
  returns table (execution_id uuid, version_id uuid)
  language sql stable
  set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
as $$
  select x.id, coalesce(x.agent_version_id, x.workflow_version_id)
  from howdah.executions as x
  where x.tenant_id = r.tenant_id and x.parent_execution_id is null
    and x.contents_erased_at is null
    and x.completed_at >= r.graded_until_at - interval '5 minutes'
    and x.completed_at < sample_of_rule.until
    and (x.agent_id = r.agent_id or x.workflow_id = r.workflow_id)
    and howdah_private.is_gradable(x)
    and not exists (
      select from howdah.evaluation_results as g
      join howdah.evaluations as v on v.id = g.evaluation_id
      where g.execution_id = x.id and (g.item_id is not null or v.grading_rule_id = r.id))
  order by md5(x.id::text) limit r.sample
$$;

-- Starts an evaluation for each version whose runs are graded. Locks the agents, whose judges may
-- get new versions, before the choice of runs.
create or replace function howdah_private.start_rule(r howdah.grading_rules, until timestamptz)
  returns int
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_new howdah.evaluations;
  v_part record;
  v_started int := 0;
begin
  perform howdah_private.check_target(r.tenant_id, r.agent_id, r.workflow_id);
  v_new.tenant_id := r.tenant_id;
  v_new.dataset_id := r.dataset_id;
  v_new.agent_id := r.agent_id;
  v_new.workflow_id := r.workflow_id;
  v_new.grading_rule_id := r.id;
  v_new.since_at := r.graded_until_at;
  v_new.until_at := start_rule.until;
  v_new.created_by := 'grading rule ' || r.name;
  v_new.graders := howdah_private.graders_of_runs(r.tenant_id, r.dataset_id, r.graders);
  perform howdah_private.lock_judging_agents(v_new);
  perform pg_advisory_xact_lock(hashtextextended('howdah.evaluate_runs ' || r.tenant_id, 0));
  for v_part in
    select s.version_id, array_agg(s.execution_id order by s.execution_id) as runs
    from howdah_private.sample_of_rule(r, start_rule.until) as s
    group by s.version_id order by s.version_id
  loop
    v_new.version_id := v_part.version_id;
    perform howdah_private.insert_grading(v_new, v_part.runs);
    v_started := v_started + 1;
  end loop;
  return v_started;
end $$;

-- Returns why a rule has to wait, as a value of last_error: an evaluation that it started is not
-- graded yet, such as one whose judges wait at a limit.
create or replace function howdah_private.running_evaluation(r howdah.grading_rules)
  returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.schedule_error('running',
    format('evaluation %s of this rule is not graded yet', v.id),
    jsonb_build_object('evaluation_id', v.id)::text,
    'Its judges may wait at a limit: select * from howdah.explain_run(run). Or cancel it: '
    'select howdah.cancel_evaluation(evaluation).', clock_timestamp())
  from howdah.evaluations as v
  where v.tenant_id = r.tenant_id and v.grading_rule_id = r.id and v.status = 'running'
  order by v.id desc limit 1
$$;

-- Does a rule that is due, unless it was done since. Acts for its tenant, without a user, and
-- restores the tenant and the user of the session at the end. Returns why nothing was graded, or
-- null.
create or replace function howdah_private.grade_by_rule(
  id uuid, tenant_id uuid, due_at timestamptz
) returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant constant text := coalesce(current_setting('howdah.tenant_id', true), '');
  v_user constant text := coalesce(current_setting('howdah.user_id', true), '');
  v_rule howdah.grading_rules;
  v_until timestamptz;
  v_detail text;
  v_hint text;
  v_error jsonb;
begin
  select r.* into v_rule from howdah.grading_rules as r
  where r.id = grade_by_rule.id and r.tenant_id = grade_by_rule.tenant_id and r.is_active
    and coalesce(r.last_at < grade_by_rule.due_at, true)
  for no key update;
  if not found then
    return null;
  end if;
  v_until := clock_timestamp() - make_interval(secs => v_rule.delay_seconds);
  perform set_config('howdah.tenant_id', v_rule.tenant_id::text, true),
    set_config('howdah.user_id', '', true);
  v_error := howdah_private.running_evaluation(v_rule);
  if v_error is null and v_rule.graded_until_at < v_until then
    begin
      perform howdah_private.start_rule(v_rule, v_until);
    exception when others then
      if howdah_private.is_transient_error(sqlstate) then
        raise;
      end if;
      get stacked diagnostics v_detail = pg_exception_detail, v_hint = pg_exception_hint;
      v_error := howdah_private.schedule_error(
        sqlstate, sqlerrm, v_detail, v_hint, grade_by_rule.due_at);
    end;
  end if;
  update howdah.grading_rules as r
  set last_at = clock_timestamp(), last_error = v_error,
    graded_until_at = case when v_error is null then greatest(r.graded_until_at, v_until)
      else r.graded_until_at end
  where r.id = v_rule.id;
  perform set_config('howdah.tenant_id', v_tenant, true),
    set_config('howdah.user_id', v_user, true);
  return v_error;
end $$;

-- Stores that a limit has refused a judge of an evaluation, and lets the rule that started the
-- evaluation wait until the limit resets. The caller holds runs, so it does not wait for a rule
-- that somebody has locked: the next refusal pauses it.
create or replace function howdah_private.pause_grading_rule(
  evaluation_id uuid, message text, detail text, hint text
) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  with paused as (
    select r.id, w.ends_at from howdah.evaluations as v
    join howdah.grading_rules as r on r.tenant_id = v.tenant_id and r.id = v.grading_rule_id
    cross join lateral (
      select coalesce((pause_grading_rule.detail::jsonb ->> 'retry_at')::timestamptz,
        clock_timestamp() + interval '1 day') as ends_at
    ) as w
    where v.id = pause_grading_rule.evaluation_id and r.is_active
      and (r.next_at < w.ends_at or r.last_error is null)
    for no key update of r skip locked
  )
  update howdah.grading_rules as r
  set next_at = greatest(r.next_at, p.ends_at),
    last_error = howdah_private.schedule_error('HWQTA', pause_grading_rule.message,
      pause_grading_rule.detail, pause_grading_rule.hint, clock_timestamp())
  from paused as p where r.id = p.id
$$;
