-- Explanations for howdah.explain_execution: why a run is in its current state, and what lets it
-- continue. At most a hundred runs of the queue are counted, and runs that have ended are not read.
-- So the cost does not grow with either. It grows with the live runs below a run that waits for
-- child runs, and with the open questions of a run.

-- Builds an explanation.
create or replace function howdah_private.explained(
  reason text, summary text, blocked_by jsonb default null, next jsonb default null
) returns jsonb
  language sql immutable
  return jsonb_build_object('reason', explained.reason, 'summary', explained.summary,
    'blocked_by', coalesce(explained.blocked_by, '[]'), 'next', coalesce(explained.next, '[]'));

-- Builds an action that the caller can take: the name of a howdah function, or start_worker, and
-- the id of its object.
create or replace function howdah_private.next_step(action text, id uuid) returns jsonb
  language sql immutable
  return jsonb_build_object('action', next_step.action, 'id', next_step.id);

-- Formats a timestamp in UTC.
create or replace function howdah_private.utc_text(at timestamptz) returns text
  language sql stable
  return to_char(utc_text.at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"');

-- Formats a number with its noun: 1 run, 2 runs.
create or replace function howdah_private.count_text(count bigint, noun text) returns text
  language sql immutable
  return count_text.count || ' ' || count_text.noun
    || case when count_text.count = 1 then '' else 's' end;

-- Explains a run that starts at a later time. Another insert with its debounce key replaces it.
create or replace function howdah_private.why_scheduled(e howdah.executions, due_at timestamptz)
  returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select case
    when e.debounce_key is null or not howdah_private.was_never_claimed(e)
      then howdah_private.explained('scheduled', s.summary)
    else howdah_private.explained('scheduled',
      format('%s; another insert with the debounce key "%s" replaces it and postpones it',
        s.summary, e.debounce_key),
      jsonb_build_array(jsonb_build_object(
        'kind', 'debounce_key', 'id', null, 'name', e.debounce_key,
        'detail', concat('waits for ', e.debounce_ms, ' ms without another insert',
          '; its input was last replaced at ' || howdah_private.utc_text(e.debounced_at))))) end
  from (select 'the run starts at ' || howdah_private.utc_text(why_scheduled.due_at)) as s (summary)
$$;

-- Explains a run that is due now or at a later time. Counts at most a hundred runs of the tenant
-- that are ahead of it.
create or replace function howdah_private.why_due(e howdah.executions) returns jsonb
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_due_at timestamptz := greatest(e.run_at, case when not exists ( -- wake_at of a deferred run
    select from howdah_private.runs_without_worker as r where r.execution_id = e.id
  ) then e.wake_at end);
  v_missing text := howdah_private.missing_code(e.agent_version_id);
  v_before int;
begin
  if e.contents_encrypted_at is not null then
    return howdah_private.explained('scheduled', 'the run continues with encrypted contents; '
      'it starts when a worker with the master key has decrypted them');
  elsif e.run_at <= clock_timestamp() and v_missing is not null
    and howdah_private.is_any_worker_alive()
  then
    return howdah_private.explained('worker_lacks_code',
      'the run is due, but no running worker has ' || v_missing,
      jsonb_build_array(jsonb_build_object('kind', 'worker', 'id', null, 'name', null,
        'detail', 'no running worker has ' || v_missing)),
      jsonb_build_array(howdah_private.next_step('start_worker', null)));
  elsif v_due_at > clock_timestamp() then
    return howdah_private.why_scheduled(e, v_due_at);
  elsif not howdah_private.is_any_worker_alive() then
    return howdah_private.explained('no_worker', 'the run is due, but no worker is alive',
      jsonb_build_array(jsonb_build_object(
        'kind', 'worker', 'id', null, 'name', null, 'detail', 'no worker is alive'
      )),
      jsonb_build_array(howdah_private.next_step('start_worker', null)));
  end if;
  if e.crashes_without_progress >= howdah_private.suspect_deaths() then
    return howdah_private.explained('isolated', format('%s workers died while they worked on the '
      'run; a worker is about to run it alone, in a process of its own',
      e.crashes_without_progress));
  end if;
  select count(*) into v_before from (
    select from howdah.executions as o
    where o.tenant_id = e.tenant_id and o.status = 'queued' and o.waiting_for is null
      and (o.priority, greatest(o.run_at, o.wake_at), o.id::uuid)
        < (e.priority, v_due_at, e.id::uuid)
      and greatest(o.run_at, o.wake_at) <= clock_timestamp()
    limit 100
  ) as o;
  return howdah_private.explained('in_queue', format(
    'the run has been due since %s; %s of its tenant %s ahead of it',
    howdah_private.utc_text(v_due_at),
    case v_before when 100 then '100 or more due runs'
      else howdah_private.count_text(v_before, 'due run') end,
    case v_before when 1 then 'is' else 'are' end
  ));
end $$;

-- Explains a running run: its worker and its last step.
create or replace function howdah_private.why_running(e howdah.executions) returns jsonb
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_heard_at timestamptz;
  v_is_alone boolean;
  v_last text;
begin
  select w.heartbeat_at, w.only_run is not null into v_heard_at, v_is_alone
  from howdah_private.workers as w where w.id = e.owner_worker;
  if v_heard_at is null or v_heard_at < clock_timestamp() - interval '10 seconds' then
    return howdah_private.explained('worker_lost',
      'the worker of the run sends no heartbeats; another worker will take over the run',
      jsonb_build_array(jsonb_build_object(
        'kind', 'worker', 'id', e.owner_worker, 'name', null, 'detail',
        coalesce('last heartbeat at ' || howdah_private.utc_text(v_heard_at), 'not registered')
      )),
      case when not howdah_private.is_any_worker_alive()
        then jsonb_build_array(howdah_private.next_step('start_worker', null)) end);
  end if;
  select format('; its last step was %s, %s, at %s',
    s.seq, concat_ws(' ', s.kind, s.name), howdah_private.utc_text(s.finished_at))
  into v_last from howdah.steps as s where s.execution_id = e.id and s.seq = e.step_count;
  return howdah_private.explained('at_work', concat('a worker executes the run',
    case when v_is_alone then ' alone, because workers died while they worked on it' end, v_last,
    case when e.is_pause_requested then '; it pauses once the current step is committed' end));
end $$;

-- Explains a run that waits for child runs. Names the runs below it that cause the wait: those that
-- do not wait for a child run themselves.
create or replace function howdah_private.why_children(e howdah.executions) returns jsonb
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_blocked jsonb;
  v_next jsonb;
begin
  with recursive below as (
    select c.id::uuid as id, c.status, c.waiting_for, c.agent_id, c.workflow_id
    from howdah.executions as c
    where c.parent_execution_id = e.id and c.tenant_id = e.tenant_id and c.completed_at is null
    union all
    select c.id::uuid, c.status, c.waiting_for, c.agent_id, c.workflow_id
    from below as b
    join howdah.executions as c
      on c.parent_execution_id = b.id and c.tenant_id = e.tenant_id and c.completed_at is null
    where b.waiting_for = 'child'
  ),
  leaves as (
    select b.* from below as b
    where b.waiting_for is distinct from 'child'
      and howdah_private.sees_agent(coalesce(b.agent_id, b.workflow_id))
    order by b.waiting_for is null, b.id limit 10
  )
  select to_jsonb(array_agg(jsonb_build_object(
      'kind', 'execution', 'id', l.id, 'name', coalesce(a.name, w.name),
      'detail', concat(l.status, ' for ' || l.waiting_for)
    ))),
    to_jsonb(array_agg(howdah_private.next_step('explain_execution', l.id)))
  into v_blocked, v_next
  from leaves as l
  left join howdah.agents as a on a.id = l.agent_id
  left join howdah.workflows as w on w.id = l.workflow_id;
  return howdah_private.explained('child', case e.live_children
    when 1 then 'the run waits for a child run'
    else format('the run waits for %s child runs', e.live_children) end, v_blocked, v_next);
end $$;

-- Explains a run that waits for an answer.
create or replace function howdah_private.why_question(e howdah.executions) returns jsonb
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_blocked jsonb;
  v_next jsonb;
  v_prompt text;
begin
  select to_jsonb(array_agg(jsonb_build_object('kind', 'question', 'id', q.id, 'name', q.kind,
      'detail', concat(
        left(q.prompt, 200), ' (requires the role ' || nullif(q.required_role, 'viewer') || ')',
        '; expires at ' || howdah_private.utc_text(q.expires_at)
      )) order by q.id)),
    to_jsonb(array_agg(howdah_private.next_step(
      case q.kind when 'approval' then 'approve' else 'answer_question' end, q.id) order by q.id)),
    (array_agg(left(q.prompt, 200) order by q.id))[1]
  into v_blocked, v_next, v_prompt
  from howdah.questions as q
  where q.execution_id = e.id and q.tenant_id = e.tenant_id and q.status = 'open';
  return howdah_private.explained('question', coalesce('the run waits for a person: ' || v_prompt,
    'the question has been answered; the run is about to continue'), v_blocked, v_next);
end $$;

-- Explains a run that waits for its turn: for another turn of its session, or for other members of
-- its workflow, of which a limited number may run at once.
create or replace function howdah_private.why_turn(e howdah.executions) returns jsonb
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_before uuid;
  v_at_once int;
begin
  if e.parent_execution_id is not null then
    select p.members_at_once into v_at_once from howdah.executions as p
    where p.id = e.parent_execution_id;
    return howdah_private.explained('turn',
      coalesce(
        'other members of the workflow are running, and it allows ' || v_at_once || ' at once',
        'the run waits for its turn'
      ),
      jsonb_build_array(jsonb_build_object(
        'kind', 'execution', 'id', e.parent_execution_id, 'name', null,
        'detail', 'the run of the workflow'
      )),
      jsonb_build_array(howdah_private.next_step('explain_execution', e.parent_execution_id)));
  end if;
  select s.live_execution_id into v_before from howdah.sessions as s
  where s.id = e.session_id and s.tenant_id = e.tenant_id;
  return howdah_private.explained('turn', 'another turn of the session is in progress',
    case when v_before <> e.id then jsonb_build_array(jsonb_build_object(
      'kind', 'execution', 'id', v_before, 'name', null, 'detail', 'the turn in progress'
    )) end,
    case when v_before <> e.id
      then jsonb_build_array(howdah_private.next_step('explain_execution', v_before)) end);
end $$;

-- Explains a run that is parked at a limit, with the figures of the limit. A tenant learns of a
-- limit over all tenants only that it exists.
create or replace function howdah_private.why_parked(e howdah.executions) returns jsonb
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_parked howdah_private.parked_runs;
  v_limit howdah.limits;
  v_summary text;
begin
  select p.* into v_parked from howdah_private.parked_runs as p where p.execution_id = e.id;
  select l.* into v_limit from howdah.limits as l where l.id = v_parked.limit_id;
  if not found then
    return howdah_private.explained('limit', 'there is room again; the run is about to continue');
  elsif (v_limit.scope = 'system' or (v_limit.key is not null and v_limit.scope <> 'key'))
    and not howdah_private.is_operator() then
    return howdah_private.explained('limit', 'a limit of the whole installation is reached',
      jsonb_build_array(jsonb_build_object('kind', 'limit', 'id', null, 'name', 'system',
        'detail', 'of the whole installation')));
  end if;
  v_summary := howdah_private.reached_limit_text(
    v_limit, v_parked.subject_id, e.concurrency_key);
  return howdah_private.explained('limit', v_summary,
    jsonb_build_array(jsonb_build_object('kind', 'limit', 'id', v_limit.id,
      'name', case when v_limit.scope = 'key' then e.concurrency_key end, 'detail', v_summary)));
end $$;

-- Returns a sentence about a reached limit: its subject, how much is used, and when it resets.
create or replace function howdah_private.reached_limit_text(
  l howdah.limits, subject_id uuid, concurrency_key text
) returns text
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_of text := coalesce(
    'the tool ' || (select t.name from howdah.tools as t where t.id = l.tool_id),
    'the model ' || (select m.name from howdah.models as m where m.id = l.model_id),
    'the agent ' || (select a.name from howdah.agents as a where a.id = l.agent_id),
    case when l.scope = 'key'
      then format('the concurrency key "%s"', reached_limit_text.concurrency_key) end,
    case when l.scope = 'tool' then 'tools named ' else 'the model ' end || l.key,
    'the ' || replace(l.scope::text, '_', ' '));
  v_max text := trim_scale(l.max_value)::text;
begin
  if l.metric = 'running_runs' then
    return format('at most %s of %s may run at once, and this limit is reached',
      howdah_private.count_text(l.max_value::bigint, 'run'), v_of);
  elsif howdah_private.is_call_limit(l) then
    return format('calls of %s are limited to %s%s, and this limit is reached', v_of, v_max,
      case l.metric when 'running_calls' then ' at once' when 'calls' then ' per minute'
        else ' tokens per minute' end);
  end if;
  return format('the limit of %s%s of %s is reached: %s of %s%s', l.metric, ' per ' || l.period,
    v_of, trim_scale(
      howdah_private.counted_use(l, reached_limit_text.subject_id, v_now))::text, v_max,
    '; it resets at ' || howdah_private.utc_text(howdah_private.period_ends(l.period, v_now)));
end $$;

-- Explains a run that waits before its next attempt: which call failed, when it is repeated, and
-- until when. The time at which a run gives up is that of its log, without pauses that follow.
create or replace function howdah_private.why_timer(e howdah.executions) returns jsonb
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.explained('timer',
    case
      when not w.is_attempt then concat('the run continues at ',
        howdah_private.utc_text(e.wake_at), '; its last step reported: ' || w.message)
      else concat('the run waits for the model ', w.name, ', which failed ',
        howdah_private.count_text(w.failures, 'time'), ' (', w.code, '); the next attempt is at ',
        howdah_private.utc_text(e.wake_at),
        '; the run fails if no call has succeeded by ' || howdah_private.utc_text(w.gives_up_at))
      end,
    case when w.is_attempt then jsonb_build_array(jsonb_build_object(
      'kind', 'model', 'id', w.model_id, 'name', w.name,
      'detail', concat(w.code, ': ' || w.message))) end)
  from (select) as one -- a run that waits for MCP servers has no step yet
  left join lateral (
    select s.name, s.model_id, s.error ->> 'code' as code, s.error ->> 'message' as message,
      s.kind = 'retry' and s.call_id is null and s.error is not null as is_attempt,
      s.finished_at + ((s.input ->> 'retry_for')::numeric * 1000
        - (s.input ->> 'elapsed_ms')::numeric) * interval '1 ms' as gives_up_at,
      coalesce((s.input ->> 'attempt')::int, 1) as failures
    from howdah.steps as s where s.execution_id = e.id and s.seq = e.step_count
  ) as w on true
$$;

-- Explains a run that has ended: how it ended, with the code of its error, and how to retry it. For
-- a child run, the next action is to look at its parent, which decides about another attempt.
create or replace function howdah_private.why_ended(e howdah.executions) returns jsonb
  language sql immutable
  return howdah_private.explained(
    case e.status when 'failed' then e.stop_reason::text else e.status::text end,
    case
      when e.status = 'completed' and e.finish_reason = 'length'
        then 'the run completed, but the token limit cut its last answer off'
      when e.status = 'completed' and e.stop_reason = 'final_answer'
        then 'the run completed with its final answer'
      when e.status = 'completed'
        then format('the run completed with an answer (%s)', e.stop_reason)
      when e.status = 'cancelled' then 'the run was cancelled'
      else format('the run failed (%s)%s', e.stop_reason, ': ' || (e.error ->> 'message')) end
    || case e.stop_reason when 'max_steps'
        then '; its limit is ' || howdah_private.count_text(e.max_steps, 'model call')
      when 'max_tokens' then '; its limit is ' || howdah_private.count_text(e.max_tokens, 'token')
      when 'max_cost' then format('; its limit is a cost of %s', trim_scale(e.max_cost))
      when 'max_time' then format('; its limit is %s of active time',
          howdah_private.count_text(e.max_seconds, 'second'))
      else '' end,
    case when e.status = 'failed' and e.error ? 'code' then jsonb_build_array(jsonb_build_object(
      'kind', 'error', 'id', null, 'name', e.error ->> 'code',
      'detail', coalesce(e.error ->> 'message', '')
    )) end,
    case when e.status in ('failed', 'cancelled') then jsonb_build_array(
      case when e.parent_execution_id is null
        then howdah_private.next_step('retry_execution', e.id)
        else howdah_private.next_step('explain_execution', e.parent_execution_id) end
    ) end);

-- Adds to the explanation of a run that has completed the judges that have not graded it yet.
create or replace function howdah_private.why_ungraded(e howdah.executions) returns jsonb
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select case when count(*) = 0 then '{}' else jsonb_build_object(
    'blocked_by', to_jsonb(array_agg(jsonb_build_object('kind', 'execution', 'id', x.id,
      'name', x.grader, 'detail', concat('judge, ', x.status, ' for ' || x.waiting_for))
      order by x.id)),
    'next', to_jsonb(array_agg(howdah_private.next_step('explain_execution', x.id) order by x.id)))
  end
  from (
    select distinct on (o.id) o.id::uuid as id, j.grader, o.status, o.waiting_for
    from howdah_private.judgements as j
    join howdah.executions as o on o.id = j.judge_execution_id and o.completed_at is null
    where j.tenant_id = e.tenant_id and j.execution_id = e.id and j.settled_at is null
      and howdah_private.sees_agent(o.agent_id)
    order by o.id limit 10
  ) as x
$$;

-- Explains a run in any state.
create or replace function howdah_private.explanation(e howdah.executions) returns jsonb
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select case
    when e.status = 'completed'
      then howdah_private.why_ended(e) || howdah_private.why_ungraded(e)
    when e.completed_at is not null then howdah_private.why_ended(e)
    when e.status = 'paused' then howdah_private.explained('paused',
      concat('the run is paused', ', and also waits for a ' || e.paused_from), null,
      jsonb_build_array(howdah_private.next_step('resume_execution', e.id)))
    when e.status = 'running' then howdah_private.why_running(e)
    when e.waiting_for = 'child' then howdah_private.why_children(e)
    when e.waiting_for = 'question' then howdah_private.why_question(e)
    when e.waiting_for = 'turn' then howdah_private.why_turn(e)
    when e.waiting_for = 'quota' then howdah_private.why_parked(e)
    when e.waiting_for = 'timer' and e.wake_at > clock_timestamp()
      then howdah_private.why_timer(e)
    else howdah_private.why_due(e) end
$$;
