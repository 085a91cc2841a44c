-- Why a run is where it is, and what lets it go on: what howdah.explain_execution tells. Looks rows up by their keys, and counts
-- no more than a hundred of them, so that it costs the same however much is queued or has ended.

create or replace function howdah_private.explained(
  reason text, summary text, blocked_by jsonb default null, next jsonb default null
) returns jsonb
  language sql immutable
  return jsonb_build_object('reason', explained.reason, 'summary', explained.summary,
    'blocked_by', coalesce(explained.blocked_by, '[]'), 'next', coalesce(explained.next, '[]'));

-- What somebody may do: the name of a function of howdah, or start_worker, and what it is done to.
create or replace function howdah_private.next_step(action text, id uuid) returns jsonb
  language sql immutable
  return jsonb_build_object('action', next_step.action, 'id', next_step.id);

create or replace function howdah_private.utc_text(at timestamptz) returns text
  language sql stable
  return to_char(utc_text.at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"');

-- A run that is due, or will be. Of those before it in its tenant at most a hundred are counted.
create or replace function howdah_private.why_due(e howdah.executions) returns jsonb
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_due_at timestamptz := greatest(e.run_at, e.wake_at);
  v_before int;
begin
  if v_due_at > clock_timestamp() then
    return howdah_private.explained('scheduled', format('it begins at %s', howdah_private.utc_text(v_due_at)));
  elsif not howdah_private.is_any_worker_alive() then
    return howdah_private.explained('no_worker', 'it is due, and no worker is alive',
      jsonb_build_array(jsonb_build_object('kind', 'worker', 'id', null, 'name', null, 'detail', 'none is alive')),
      jsonb_build_array(howdah_private.next_step('start_worker', null)));
  end if;
  select count(*) into v_before from (
    select from howdah.executions as o
    where o.tenant_id = e.tenant_id and o.status = 'queued' and o.waiting_for is null
      and (o.priority, greatest(o.run_at, o.wake_at), o.id::uuid) < (e.priority, v_due_at, e.id::uuid)
      and greatest(o.run_at, o.wake_at) <= clock_timestamp()
    limit 100
  ) as o;
  return howdah_private.explained('in_queue', format('it is due since %s; before it are %s due runs of its tenant',
    howdah_private.utc_text(v_due_at), case v_before when 100 then '100 or more' else v_before::text end));
end $$;

create or replace function howdah_private.why_running(e howdah.executions) returns jsonb
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_heard_at timestamptz;
  v_last text;
begin
  select w.heartbeat_at into v_heard_at from howdah_private.workers as w where w.id = e.owner_worker;
  if v_heard_at is null or v_heard_at < clock_timestamp() - interval '10 seconds' then
    return howdah_private.explained('worker_lost', 'its worker is not heard of; another one takes it up by itself',
      jsonb_build_array(jsonb_build_object('kind', 'worker', 'id', e.owner_worker, 'name', null, 'detail',
        coalesce('last heard of at ' || howdah_private.utc_text(v_heard_at), 'gone'))),
      case when not howdah_private.is_any_worker_alive()
        then jsonb_build_array(howdah_private.next_step('start_worker', null)) end);
  end if;
  select format('; its last step was %s, %s, at %s', s.seq, concat_ws(' ', s.kind, s.name), howdah_private.utc_text(s.finished_at))
  into v_last from howdah.steps as s where s.execution_id = e.id and s.seq = e.step_count;
  return howdah_private.explained('at_work', concat('a worker is at it', v_last,
    case when e.is_pause_requested then '; it pauses when what is in the air has ended' end));
end $$;

-- The runs below it that hold it up: those that wait for no other run themselves.
create or replace function howdah_private.why_children(e howdah.executions) returns jsonb
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_blocked jsonb;
  v_next jsonb;
begin
  with recursive below as (
    select c.id::uuid as id, c.status, c.waiting_for, c.agent_id, c.workflow_id from howdah.executions as c
    where c.parent_execution_id = e.id and c.tenant_id = e.tenant_id and c.completed_at is null
    union all
    select c.id::uuid, c.status, c.waiting_for, c.agent_id, c.workflow_id
    from below as b
    join howdah.executions as c on c.parent_execution_id = b.id and c.tenant_id = e.tenant_id and c.completed_at is null
    where b.waiting_for = 'child'
  ),
  leaves as (
    select b.* from below as b
    where b.waiting_for is distinct from 'child' and howdah_private.sees_agent(coalesce(b.agent_id, b.workflow_id))
    order by b.waiting_for is null, b.id limit 10
  )
  select jsonb_agg(jsonb_build_object('kind', 'execution', 'id', l.id, 'name', coalesce(a.name, w.name),
      'detail', concat(l.status, ' for ' || l.waiting_for))),
    jsonb_agg(howdah_private.next_step('explain_execution', l.id))
  into v_blocked, v_next
  from leaves as l
  left join howdah.agents as a on a.id = l.agent_id
  left join howdah.workflows as w on w.id = l.workflow_id;
  return howdah_private.explained('child', case e.live_children when 1 then 'it waits for a run below it'
    else format('it waits for %s runs below it', e.live_children) end, v_blocked, v_next);
end $$;

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
      'detail', concat(left(q.prompt, 200), ' (for a person who is ' || nullif(q.required_role, 'viewer') || ')',
        '; expires at ' || howdah_private.utc_text(q.expires_at))) order by q.id),
    jsonb_agg(howdah_private.next_step(
      case q.kind when 'approval' then 'approve' else 'answer_question' end, q.id) order by q.id),
    (array_agg(left(q.prompt, 200) order by q.id))[1]
  into v_blocked, v_next, v_prompt
  from howdah.questions as q
  where q.execution_id = e.id and q.tenant_id = e.tenant_id and q.status = 'open';
  return howdah_private.explained('question', coalesce('it waits for a person: ' || v_prompt,
    'what it asked is answered; it is about to go on'), v_blocked, v_next);
end $$;

-- Another turn of its session, or as many members of its workflow as may work at once.
create or replace function howdah_private.why_turn(e howdah.executions) returns jsonb
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_before uuid;
  v_at_once int;
begin
  if e.parent_execution_id is not null then
    select p.members_at_once into v_at_once from howdah.executions as p where p.id = e.parent_execution_id;
    return howdah_private.explained('turn',
      coalesce('its workflow lets so many members work at once, and those are others: ' || v_at_once, 'it waits for its turn'),
      jsonb_build_array(jsonb_build_object('kind', 'execution', 'id', e.parent_execution_id, 'name', null,
        'detail', 'the run of its workflow')),
      jsonb_build_array(howdah_private.next_step('explain_execution', e.parent_execution_id)));
  end if;
  select s.live_execution_id into v_before from howdah.sessions as s where s.id = e.session_id and s.tenant_id = e.tenant_id;
  return howdah_private.explained('turn', 'another turn of its session is under way',
    case when v_before <> e.id then jsonb_build_array(jsonb_build_object('kind', 'execution', 'id', v_before, 'name', null,
      'detail', 'the turn under way')) end,
    case when v_before <> e.id then jsonb_build_array(howdah_private.next_step('explain_execution', v_before)) end);
end $$;

-- A limit of calls. One of the whole installation is told of without its figures.
create or replace function howdah_private.why_call_limited(e howdah.executions, l howdah.call_limits) returns jsonb
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_of text := coalesce(
    (select 'the tool ' || t.name from howdah.tools as t where t.id = l.tool_id),
    (select 'the model ' || m.name from howdah.models as m where m.id = l.model_id),
    'tools named ' || l.every_tool, 'the model ' || l.every_model);
  v_summary text := format('calls of %s are limited to %s, and there is room for no other', v_of, concat_ws(' and ',
    l.max_at_once || ' at once', l.max_per_minute || ' a minute', l.max_tokens_per_minute || ' tokens a minute'));
begin
  if coalesce(l.every_tool, l.every_model) is not null and not howdah_private.is_operator() then
    v_summary := format('calls of %s are limited for the whole installation, and there is room for no other', v_of);
    return howdah_private.explained('call_limit', v_summary,
      jsonb_build_array(jsonb_build_object('kind', 'call_limit', 'id', null, 'name', 'system', 'detail', 'of the whole installation')));
  end if;
  return howdah_private.explained('call_limit', v_summary,
    jsonb_build_array(jsonb_build_object('kind', 'call_limit', 'id', l.id, 'name', null, 'detail', v_summary)));
end $$;

-- The limit or quota it is parked at. Of those of the whole installation a tenant is told that there is one, and no figures.
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
  v_summary text := 'there is room again; it is about to go on';
begin
  select p.* into v_parked from howdah_private.parked_runs as p where p.execution_id = e.id;
  select l.* into v_limit from howdah.concurrency_limits as l where l.id = v_parked.concurrency_limit_id;
  select l.* into v_calls from howdah.call_limits as l where l.id = v_parked.call_limit_id;
  select q.* into v_quota from howdah.quotas as q where q.id = v_parked.quota_id;
  if v_calls.id is not null then
    return howdah_private.why_call_limited(e, v_calls);
  elsif v_limit.id is not null then
    v_kind := 'concurrency_limit';
    v_summary := format('at most %s runs%s work at once, and so many do', v_limit.max_running, coalesce(
      (select format(' of the agent %s', a.name) from howdah.agents as a where a.id = v_limit.agent_id),
      (select format(' with the model %s', m.name) from howdah.models as m where m.id = v_limit.model_id), ' of the tenant'));
  elsif v_quota.tenant_id = e.tenant_id or howdah_private.is_operator() then
    v_summary := format('the quota of %s%s of the %s is used up: %s of %s%s', v_quota.metric, ' per ' || v_quota.period,
      v_quota.scope, coalesce((
        select trim_scale(c.used)::text from howdah_private.quota_counters as c
        where c.quota_id = v_quota.id and c.subject_id = v_parked.quota_subject_id
          and c.started_at = howdah_private.quota_begins(v_quota.period, clock_timestamp())
      ), '0'), trim_scale(v_quota.max_value),
      '; it begins anew at ' || howdah_private.utc_text(howdah_private.quota_ends(v_quota.period, clock_timestamp())));
  elsif v_quota.id is not null then
    return howdah_private.explained('quota', 'a quota of the whole installation is used up',
      '[{"kind": "quota", "id": null, "name": "system", "detail": "of the whole installation"}]');
  end if;
  return howdah_private.explained(v_kind, v_summary, (
    select jsonb_build_array(jsonb_build_object('kind', v_kind, 'id', b.id, 'name', null, 'detail', v_summary))
    from (values (coalesce(v_limit.id, v_quota.id))) as b (id) where b.id is not null));
end $$;

-- A run that has ended: how, and whether it may be given another try. One below another is tried again by what called it.
create or replace function howdah_private.why_ended(e howdah.executions) returns jsonb
  language sql immutable
  return howdah_private.explained(
    case e.status when 'failed' then e.stop_reason::text else e.status::text end,
    case
      when e.status = 'completed' and e.stop_reason = 'final_answer' then 'it has ended with its answer'
      when e.status = 'completed' then format('it has ended with an answer (%s)', e.stop_reason)
      when e.status = 'cancelled' then 'it was cancelled'
      else format('it failed (%s)%s', e.stop_reason, ': ' || (e.error ->> 'message')) end
    || case e.stop_reason when 'max_steps' then format('; it may take %s model calls', e.max_steps)
      when 'max_tokens' then format('; it may use %s tokens', e.max_tokens)
      when 'max_cost' then format('; it may cost %s', trim_scale(e.max_cost))
      when 'max_time' then format('; it may work for %s seconds', e.max_seconds) else '' end,
    null,
    case when e.status in ('failed', 'cancelled') then jsonb_build_array(case when e.parent_execution_id is null
      then howdah_private.next_step('retry_execution', e.id)
      else howdah_private.next_step('explain_execution', e.parent_execution_id) end) end);

create or replace function howdah_private.explanation(e howdah.executions) returns jsonb
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select case
    when e.completed_at is not null then howdah_private.why_ended(e)
    when e.status = 'paused' then howdah_private.explained('paused',
      concat('it is paused', ', and waits for a ' || e.paused_from || ' as well'), null,
      jsonb_build_array(howdah_private.next_step('resume_execution', e.id)))
    when e.status = 'running' then howdah_private.why_running(e)
    when e.waiting_for = 'child' then howdah_private.why_children(e)
    when e.waiting_for = 'question' then howdah_private.why_question(e)
    when e.waiting_for = 'turn' then howdah_private.why_turn(e)
    when e.waiting_for = 'quota' then howdah_private.why_parked(e)
    when e.waiting_for = 'timer' and e.wake_at > clock_timestamp() then howdah_private.explained('timer',
      concat('it goes on by itself at ', howdah_private.utc_text(e.wake_at), '; its last step said: ' || (
        select s.error ->> 'message' from howdah.steps as s
        where s.execution_id = e.id and s.seq = e.step_count)))
    else howdah_private.why_due(e) end
$$;
