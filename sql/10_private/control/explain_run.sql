-- Explanations for howdah.explain_execution: why a run is in its current state, and what lets it
-- continue. Rows are looked up by their keys, and at most a hundred are counted. So an explanation
-- costs the same however many runs are queued or have ended.

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

-- Explains a run that is due now or at a later time. Counts at most a hundred runs of the tenant
-- that are ahead of it.
create or replace function howdah_private.why_due(e howdah.executions) returns jsonb
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_due_at timestamptz := greatest(e.run_at, e.wake_at);
  v_before int;
begin
  if v_due_at > clock_timestamp() then
    return howdah_private.explained('scheduled',
      format('the run starts at %s', howdah_private.utc_text(v_due_at)));
  elsif not howdah_private.is_any_worker_alive() then
    return howdah_private.explained('no_worker', 'the run is due, but no worker is alive',
      jsonb_build_array(jsonb_build_object(
        'kind', 'worker', 'id', null, 'name', null, 'detail', 'no worker is alive'
      )),
      jsonb_build_array(howdah_private.next_step('start_worker', null)));
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
    'the run has been due since %s; %s due runs of its tenant are ahead of it',
    howdah_private.utc_text(v_due_at),
    case v_before when 100 then '100 or more' else v_before::text end
  ));
end $$;

-- Explains a running run: its worker and its last step.
create or replace function howdah_private.why_running(e howdah.executions) returns jsonb
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_heard_at timestamptz;
  v_last text;
begin
  select w.heartbeat_at into v_heard_at from howdah_private.workers as w
  where w.id = e.owner_worker;
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
  return howdah_private.explained('at_work', concat('a worker executes the run', v_last,
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
  select jsonb_agg(jsonb_build_object(
      'kind', 'execution', 'id', l.id, 'name', coalesce(a.name, w.name),
      'detail', concat(l.status, ' for ' || l.waiting_for)
    )),
    jsonb_agg(howdah_private.next_step('explain_execution', l.id))
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
  select jsonb_agg(jsonb_build_object('kind', 'question', 'id', q.id, 'name', q.kind,
      'detail', concat(
        left(q.prompt, 200), ' (requires the role ' || nullif(q.required_role, 'viewer') || ')',
        '; expires at ' || howdah_private.utc_text(q.expires_at)
      )) order by q.id),
    jsonb_agg(howdah_private.next_step(
      case q.kind when 'approval' then 'approve' else 'answer_question' end, q.id) order by q.id),
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

-- Explains a run that waits for a limit of calls. A limit of the whole installation is shown to
-- tenants without its figures.
create or replace function howdah_private.why_call_limited(
  e howdah.executions, l howdah.call_limits
) returns jsonb
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_of text := coalesce(
    (select 'the tool ' || t.name from howdah.tools as t where t.id = l.tool_id),
    (select 'the model ' || m.name from howdah.models as m where m.id = l.model_id),
    'tools named ' || l.every_tool, 'the model ' || l.every_model);
  v_summary text := format('calls of %s are limited to %s, and the limit is reached', v_of,
    concat_ws(' and ', l.max_at_once || ' at once', l.max_per_minute || ' per minute',
      l.max_tokens_per_minute || ' tokens per minute'));
begin
  if coalesce(l.every_tool, l.every_model) is not null and not howdah_private.is_operator() then
    v_summary := format(
      'calls of %s are limited for the whole installation, and the limit is reached', v_of
    );
    return howdah_private.explained('call_limit', v_summary,
      jsonb_build_array(jsonb_build_object(
        'kind', 'call_limit', 'id', null, 'name', 'system', 'detail', 'of the whole installation'
      )));
  end if;
  return howdah_private.explained('call_limit', v_summary,
    jsonb_build_array(jsonb_build_object(
      'kind', 'call_limit', 'id', l.id, 'name', null, 'detail', v_summary
    )));
end $$;

-- Explains a run that is parked at a limit or quota. A tenant learns of a limit of the whole
-- installation that it exists, without its figures.
create or replace function howdah_private.why_parked(e howdah.executions) returns jsonb
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_parked howdah_private.parked_runs;
  v_limit howdah.concurrency_limits;
  v_calls howdah.call_limits;
  v_quota howdah.quotas;
  v_kind text := 'quota';
  v_summary text := 'there is room again; the run is about to continue';
begin
  select p.* into v_parked from howdah_private.parked_runs as p where p.execution_id = e.id;
  select l.* into v_limit from howdah.concurrency_limits as l
  where l.id = v_parked.concurrency_limit_id;
  select l.* into v_calls from howdah.call_limits as l where l.id = v_parked.call_limit_id;
  select q.* into v_quota from howdah.quotas as q where q.id = v_parked.quota_id;
  if v_calls.id is not null then
    return howdah_private.why_call_limited(e, v_calls);
  elsif v_limit.id is not null then
    v_kind := 'concurrency_limit';
    v_summary := format('at most %s runs%s may run at once, and that many do', v_limit.max_running,
      coalesce(
        (select format(' of the agent %s', a.name)
          from howdah.agents as a where a.id = v_limit.agent_id),
        (select format(' with the model %s', m.name)
          from howdah.models as m where m.id = v_limit.model_id),
        ' of the tenant'
      ));
  elsif v_quota.tenant_id = e.tenant_id or howdah_private.is_operator() then
    v_summary := format('the quota of %s%s of the %s is used up: %s of %s%s',
      v_quota.metric, ' per ' || v_quota.period, v_quota.scope,
      coalesce((
        select trim_scale(c.used)::text from howdah_private.quota_counters as c
        where c.quota_id = v_quota.id and c.subject_id = v_parked.quota_subject_id
          and c.started_at = howdah_private.quota_begins(v_quota.period, clock_timestamp())
      ), '0'),
      trim_scale(v_quota.max_value),
      '; it is reset at '
        || howdah_private.utc_text(howdah_private.quota_ends(v_quota.period, clock_timestamp())));
  elsif v_quota.id is not null then
    return howdah_private.explained('quota', 'a quota of the whole installation is used up',
      '[{"kind": "quota", "id": null, "name": "system", "detail": "of the whole installation"}]');
  end if;
  return howdah_private.explained(v_kind, v_summary, (
    select jsonb_build_array(jsonb_build_object(
      'kind', v_kind, 'id', b.id, 'name', null, 'detail', v_summary
    ))
    from (values (coalesce(v_limit.id, v_quota.id))) as b (id) where b.id is not null));
end $$;

-- Explains a run that has ended: how it ended, and how to retry it. For a child run, the next
-- action is to look at its parent, which decides about another attempt.
create or replace function howdah_private.why_ended(e howdah.executions) returns jsonb
  language sql immutable
  return howdah_private.explained(
    case e.status when 'failed' then e.stop_reason::text else e.status::text end,
    case
      when e.status = 'completed' and e.stop_reason = 'final_answer'
        then 'the run completed with its final answer'
      when e.status = 'completed'
        then format('the run completed with an answer (%s)', e.stop_reason)
      when e.status = 'cancelled' then 'the run was cancelled'
      else format('the run failed (%s)%s', e.stop_reason, ': ' || (e.error ->> 'message')) end
    || case e.stop_reason when 'max_steps' then format('; its limit is %s model calls', e.max_steps)
      when 'max_tokens' then format('; its limit is %s tokens', e.max_tokens)
      when 'max_cost' then format('; its limit is a cost of %s', trim_scale(e.max_cost))
      when 'max_time' then format('; its limit is %s seconds of active time', e.max_seconds)
      else '' end,
    null,
    case when e.status in ('failed', 'cancelled') then jsonb_build_array(
      case when e.parent_execution_id is null
        then howdah_private.next_step('retry_execution', e.id)
        else howdah_private.next_step('explain_execution', e.parent_execution_id) end
    ) end);

-- Explains a run in any state.
create or replace function howdah_private.explanation(e howdah.executions) returns jsonb
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select case
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
      then howdah_private.explained('timer',
        concat('the run continues at ', howdah_private.utc_text(e.wake_at),
          '; its last step reported: ' || (
            select s.error ->> 'message' from howdah.steps as s
            where s.execution_id = e.id and s.seq = e.step_count
          )))
    else howdah_private.why_due(e) end
$$;
