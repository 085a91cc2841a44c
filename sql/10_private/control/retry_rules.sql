-- Refuses a retry or fork of a run whose contents were erased: its input and results are gone.
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
  end if;
end $$;

-- Refuses the retry of a run that is live or completed, that is a child run, or whose effects were
-- compensated.
create or replace function howdah_private.check_retry(e howdah.executions) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_compensation uuid;
begin
  if e.status = 'completed' then
    perform howdah_private.refuse_ended(e, 'retried');
  end if;
  perform howdah_private.check_not_erased(e);
  -- Compensations of completed runs below count too: their log no longer describes the effects.
  select c.id into v_compensation from howdah.executions as c
  where c.compensates_execution_id in (
    select e.id union all
    select r.id from howdah.executions as r
    where r.root_execution_id = e.root_execution_id and r.parent_execution_id is not null
      and r.status = 'completed' and e.id::uuid = any (r.ancestors)
  )
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

-- Raises the limit that ended a run: to the usage so far plus the limit that the run began with.
create or replace function howdah_private.grant_limit(id uuid, reason howdah.stop_reason)
  returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  update howdah.executions as e
  set max_steps = case when grant_limit.reason = 'max_steps'
      then e.model_count + (e.first_limits ->> 'max_steps')::int else e.max_steps end,
    max_tokens = case when grant_limit.reason = 'max_tokens'
      then e.tokens_in + e.tokens_out + e.children_tokens_in + e.children_tokens_out
        + (e.first_limits ->> 'max_tokens')::bigint else e.max_tokens end,
    max_cost = case when grant_limit.reason = 'max_cost'
      then e.cost + e.children_cost + (e.first_limits ->> 'max_cost')::numeric else e.max_cost end,
    max_seconds = case when grant_limit.reason = 'max_time'
      then ceil(e.active_ms / 1000.0)::int + (e.first_limits ->> 'max_seconds')::int
        else e.max_seconds end
  where e.id = grant_limit.id
$$;

-- Prepares the questions of a run for a retry. Answers about effects that were given after the run
-- had ended go to its inbox. Open questions are cancelled, since the run will ask them again. The
-- same holds for waits for mail.
create or replace function howdah_private.reopen_questions(run howdah.executions) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  update howdah.questions as q set status = 'cancelled', updated_at = now()
  where q.execution_id = run.id and q.status = 'open';
  delete from howdah_private.receivers as r where r.execution_id = run.id;
  insert into howdah_private.inbox (execution_id, tenant_id, kind, name, call_id, output)
  select run.id, run.tenant_id, 'answer', q.kind::text, q.call_id, jsonb_build_object(
    'question_id', q.id, 'kind', q.kind, 'answer', q.answer, 'data', q.answer_data,
    'by', q.answered_by)
  from howdah.questions as q
  where q.execution_id = run.id and q.kind = 'effect' and q.status = 'answered'
    and q.answered_at > run.completed_at;
  update howdah.executions as e set has_inbox = true
  where e.id = run.id
    and exists (select from howdah_private.inbox as i where i.execution_id = run.id)
$$;
