-- Locks a run and its ancestors for a control function (cancel, pause, resume, retry, fork) and
-- returns it. Refuses a run that the caller may not see or control.
create or replace function howdah_private.lock_for_control(id uuid) returns howdah.executions
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id uuid := case when howdah_private.is_operator()
    then (select x.tenant_id from howdah.executions as x where x.id = lock_for_control.id)
    else howdah.current_tenant() end;
  v_execution howdah.executions;
begin
  if exists (
    select from howdah.executions as e
    where e.id = lock_for_control.id and e.tenant_id = v_tenant_id
      and howdah_private.sees_agent(coalesce(e.agent_id, e.workflow_id))
  ) then
    perform howdah_private.lock_ancestors(array[lock_for_control.id]);
    select e.* into v_execution from howdah.executions as e where e.id = lock_for_control.id;
  end if;
  if v_execution.id is null then
    raise exception using errcode = 'HWNTF',
      message = format('there is no execution %s', coalesce(lock_for_control.id::text, 'null')),
      detail = jsonb_build_object('execution_id', lock_for_control.id)::text,
      hint = 'See howdah.executions for the runs that exist.';
  end if;
  perform howdah_private.permit_control('execution', v_execution.id,
    coalesce(v_execution.agent_id, v_execution.workflow_id), v_execution.user_id);
  return v_execution;
end $$;

-- Locks the session of a run that is about to take or await a turn, before the run itself. The end
-- of the live run locks the session and then the next run (tg_executions__pass_turn). It may have
-- seen this run wait for its turn before the run was paused or ended.
create or replace function howdah_private.lock_session_of(execution_id uuid) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select from howdah.sessions as s
  where s.id = (
    select e.session_id from howdah.executions as e
    where e.id = lock_session_of.execution_id and e.parent_execution_id is null
      and (e.completed_at is not null or e.paused_from = 'turn')
  )
  for no key update
$$;

-- Refuses a control of a run that has already ended.
create or replace function howdah_private.refuse_ended(e howdah.executions, what text) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using errcode = 'HWTRM',
    message = format('execution %s has already ended: %s', e.id, e.status),
    detail = jsonb_build_object('execution_id', e.id, 'status', e.status)::text,
    hint = case when e.status = 'completed'
      then format(
        'Only runs that %s can be %s. Use howdah.fork_execution to continue from this run.',
        case refuse_ended.what
          when 'retried' then 'failed or were cancelled' else 'have not ended' end,
        refuse_ended.what
      )
      else format(
        'Only runs that have not ended can be %s. Use howdah.retry_execution to run it again.',
        refuse_ended.what
      ) end;
end $$;
