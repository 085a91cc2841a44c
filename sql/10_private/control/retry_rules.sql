-- Refuses a retry or fork of a run whose contents were erased, or whose input was never stored as a
-- whole (record_refused_run).
create or replace function howdah_private.check_not_erased(e howdah.executions) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if e.contents_erased_at is not null then
    raise exception using errcode = 'HWCNF',
      message = format('the contents of execution %s were erased at %s',
        e.id, e.contents_erased_at),
      detail = jsonb_build_object(
        'execution_id', e.id, 'contents_erased_at', e.contents_erased_at
      )::text,
      hint = 'Start a new run.';
  elsif e.error -> 'cause' ->> 'is_input_whole' = 'false' and e.error ->> 'code' = 'start_refused'
    then
    raise exception using errcode = 'HWCNF',
      message = format('the input of execution %s was not stored as a whole', e.id),
      detail = jsonb_build_object('execution_id', e.id)::text,
      hint = 'The input was too large, or a filter rejected it. '
        'Change the row of the watched table.';
  end if;
end $$;

-- Refuses the retry of a run that is live or completed, that is a child run, or whose effects were
-- compensated.
create or replace function howdah_private.check_retry(e howdah.executions) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
  set plan_cache_mode = force_generic_plan
as $$
declare
  v_compensation uuid;
begin
  if e.status = 'completed' then
    perform howdah_private.raise_ended(e, 'retried');
  end if;
  perform howdah_private.check_not_erased(e);
  -- Compensations of completed runs below count too: their log no longer describes the effects.
  -- Each run is looked up by itself: an `in` with a limit reads the whole history backwards.
  select c.id into v_compensation
  from (
    select e.id::uuid as id union all (
      select r.id::uuid from howdah.executions as r
      where r.root_execution_id = e.root_execution_id and r.parent_execution_id is not null
        and r.status = 'completed' and e.id::uuid = any (r.ancestors)
      offset 0
    )
  ) as b
  cross join lateral (
    select x.id from howdah.executions as x where x.compensates_execution_id = b.id offset 0
  ) as c
  order by c.id desc limit 1;
  if e.completed_at is null or e.parent_execution_id is not null or v_compensation is not null then
    raise exception using errcode = 'HWCNF',
      message = case
        when e.completed_at is null then format('execution %s has not ended: %s', e.id, e.status)
        when e.parent_execution_id is not null
          then format('execution %s is part of execution %s', e.id, e.root_execution_id)
        else format('the effects of execution %s were undone by execution %s',
          e.id, v_compensation) end,
      detail = jsonb_build_object('execution_id', e.id, 'status', e.status,
        'root_execution_id', e.root_execution_id, 'compensation_id', v_compensation)::text,
      hint = case
        when e.status = 'paused' then 'Use howdah.resume_execution to continue it.'
        when e.completed_at is null then 'Only failed and cancelled runs can be retried.'
        when e.parent_execution_id is not null
          then format('Retry execution %s as a whole.', e.root_execution_id)
        else 'Use howdah.fork_execution with seq 0 to start again.' end;
  end if;
end $$;

-- Refuses a retry that check_retry refuses, or of a run whose version or model admins have changed
-- since.
create or replace function howdah_private.check_retry_right(e howdah.executions) returns void
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.check_retry(e);
  perform howdah_private.check_version_right(
    coalesce(e.workflow_version_id, howdah_private.version_after(e.id, e.step_count)));
  perform howdah_private.check_override_model(e);
end $$;

-- Reports whether check_version_right accepts a version.
create or replace function howdah_private.accepts_version(version_id uuid) returns boolean
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.check_version_right(accepts_version.version_id);
  return true;
exception when sqlstate 'HWDEN' then
  return false;
end $$;

-- Returns those of the runs that check_retry_right certainly accepts: runs without runs below them,
-- without compensation, handoff and overridden model. Asks once for each version.
create or replace function howdah_private.plainly_retryable(ids uuid[]) returns uuid[]
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
  set plan_cache_mode = force_generic_plan
as $$
begin
  return array(
    select unnest(g.ids)
    from (
      select array_agg(e.id::uuid) as ids,
        coalesce(e.workflow_version_id, e.agent_version_id) as version_id
      from howdah.executions as e
      where e.id = any (plainly_retryable.ids) and e.status in ('failed', 'cancelled')
        and e.completed_at is not null
        and num_nonnulls(e.parent_execution_id, e.contents_erased_at) = 0
        and e.handoffs = 0 and (e.overrides ? 'model') is not true
        and not exists (
          select from howdah.executions as c where c.parent_execution_id = e.id offset 0)
        and not exists (
          select from howdah.executions as c where c.compensates_execution_id = e.id offset 0)
      group by coalesce(e.workflow_version_id, e.agent_version_id)
      offset 0 -- else the planner asks for each row
    ) as g
    where howdah_private.accepts_version(g.version_id)
  );
end $$;

-- Retries runs that the caller has locked (lock_to_continue) and checked (check_retry_right). A
-- limit that ended a run is raised: to the usage so far plus the limit that the run began with.
-- Runs of one session take its turn in the order of their turns.
create or replace function howdah_private.retry_runs(ids uuid[]) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
  set plan_cache_mode = force_generic_plan
as $$
declare
  v_run record;
begin
  for v_run in
    select e.id::uuid as id, e.session_id, e.turn from howdah.executions as e
    where e.id = any (retry_runs.ids) and e.session_id is not null
      and e.parent_execution_id is null
    order by e.session_id, e.turn
  loop
    update howdah.sessions as s
    set live_execution_id = coalesce(s.live_execution_id, v_run.id), last_activity_at = now(),
      late_turns = howdah_private.add_late_turn(s, v_run.turn)
    where s.id = v_run.session_id;
  end loop;
  insert into howdah.steps (execution_id, seq, tenant_id, kind, name, input, error)
  select e.id, e.step_count + 1, e.tenant_id, 'retry', 'retry_execution',
    jsonb_build_object('by', w.name, 'stop_reason', e.stop_reason),
    coalesce(e.error, jsonb_build_object('code', 'cancelled', 'message', 'the run was cancelled',
      'retryable', true))
  from howdah_private.actor() as w (name), howdah.executions as e
  where e.id = any (retry_runs.ids);
  perform howdah_private.reopen_questions(retry_runs.ids);
  perform howdah_private.requeue_ended(retry_runs.ids);
  perform howdah_private.enqueue_decryption(e.id) from howdah.executions as e
  where e.id = any (retry_runs.ids) and e.contents_encrypted_at is not null;
  perform howdah_private.enqueue_advance(array_agg(e.id::uuid)) from howdah.executions as e
  where e.id = any (retry_runs.ids) and e.status = 'queued';
  perform howdah_private.announce_watched(retry_runs.ids);
end $$;

-- Returns the limits that a run began with.
create or replace function howdah_private.first_limits(e howdah.executions) returns jsonb
  language sql immutable
  return coalesce(e.first_limits, jsonb_build_object('max_steps', e.max_steps,
    'max_tokens', e.max_tokens, 'max_cost', e.max_cost, 'max_seconds', e.max_seconds));

-- Brings ended runs back to the queue, or to the wait for the turn of their session. The update
-- joins nothing: without statistics, a join would read the whole history.
create or replace function howdah_private.requeue_ended(ids uuid[]) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
  set plan_cache_mode = force_generic_plan
as $$
declare
  v_waiting jsonb; -- an object, since a search in an array reads half of it for each run
begin
  select coalesce(json_object_agg(e.id, true)::jsonb, '{}') into v_waiting
  from howdah.executions as e
  cross join lateral (
    select s.live_execution_id from howdah.sessions as s where s.id = e.session_id offset 0
  ) as s
  where e.id = any (requeue_ended.ids) and e.parent_execution_id is null
    and s.live_execution_id <> e.id;
  update howdah.executions as e
  set status = case when v_waiting ? e.id::text then 'waiting' else 'queued' end
      ::howdah.execution_status,
    waiting_for = case when v_waiting ? e.id::text then 'turn' end::howdah.waiting_reason,
    stop_reason = null, finish_reason = null, error = null, output = null,
    output_data = null, completed_at = null,
    crashes_without_progress = 0, at_risk = false, live_children = 0, members_waiting = 0,
    wake_at = null, has_inbox = e.has_inbox or exists (
      select from howdah_private.inbox as i where i.execution_id = e.id offset 0),
    step_count = e.step_count + 1, messages_at_retry = e.message_count, updated_at = now(),
    first_limits = howdah_private.first_limits(e),
    max_steps = case when e.stop_reason = 'max_steps'
      then e.model_count + (howdah_private.first_limits(e) ->> 'max_steps')::int
        else e.max_steps end,
    max_tokens = case when e.stop_reason = 'max_tokens'
      then e.tokens_in + e.tokens_out + e.children_tokens_in + e.children_tokens_out
        + (howdah_private.first_limits(e) ->> 'max_tokens')::bigint else e.max_tokens end,
    max_cost = case when e.stop_reason = 'max_cost'
      then e.cost + e.children_cost + (howdah_private.first_limits(e) ->> 'max_cost')::numeric
        else e.max_cost end,
    max_seconds = case when e.stop_reason = 'max_time'
      then ceil(e.active_ms / 1000.0)::int
        + (howdah_private.first_limits(e) ->> 'max_seconds')::int else e.max_seconds end
  where e.id = any (requeue_ended.ids);
end $$;

-- Prepares the questions of runs for a retry. Answers about effects that were given after a run had
-- ended go to its inbox. Open questions are cancelled, since the run will ask them again. The same
-- holds for waits for mail.
create or replace function howdah_private.reopen_questions(ids uuid[]) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
  set plan_cache_mode = force_generic_plan
as $$
begin
  update howdah.questions as q set status = 'cancelled', updated_at = now()
  where q.execution_id = any (reopen_questions.ids) and q.status = 'open';
  delete from howdah_private.receivers as r where r.execution_id = any (reopen_questions.ids);
  insert into howdah_private.inbox (execution_id, tenant_id, kind, name, call_id, output)
  select e.id, e.tenant_id, 'answer', q.kind::text, q.call_id, jsonb_build_object(
    'question_id', q.id, 'kind', q.kind, 'answer', q.answer, 'data', q.answer_data,
    'by', q.answered_by)
  from howdah.questions as q
  cross join lateral (
    select x.id, x.tenant_id, x.completed_at from howdah.executions as x
    where x.id = q.execution_id offset 0
  ) as e
  where q.execution_id = any (reopen_questions.ids) and q.kind = 'effect'
    and q.status = 'answered' and q.answered_at > e.completed_at;
end $$;
