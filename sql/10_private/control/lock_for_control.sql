-- Returns a run that the caller may control. Refuses any other run and locks nothing, so nobody
-- waits for a run of others.
create or replace function howdah_private.controllable_run(id uuid) returns howdah.executions
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id uuid := case when howdah_private.is_operator()
    then (select x.tenant_id from howdah.executions as x where x.id = controllable_run.id)
    else howdah.current_tenant() end;
  v_execution howdah.executions;
begin
  select h.* into v_execution
  from howdah.executions as e cross join lateral howdah_private.with_head(e) as h
  where e.id = controllable_run.id and e.tenant_id = v_tenant_id
    and howdah_private.sees_agent(coalesce(e.agent_id, e.workflow_id));
  if not found then
    raise exception using errcode = 'HWNTF',
      message = format('there is no execution %s', coalesce(controllable_run.id::text, 'null')),
      detail = jsonb_build_object('execution_id', controllable_run.id)::text,
      hint = 'See howdah.executions for the runs that exist.';
  end if;
  perform howdah_private.check_control_right('execution', v_execution.id,
    coalesce(v_execution.agent_id, v_execution.workflow_id), v_execution.user_id);
  return v_execution;
end $$;

-- Locks a run and its ancestors for a control function (cancel, pause, resume, retry, fork) and
-- returns it. Refuses a run that the caller may not see or control, before the lock and again
-- after it: another agent may have the run by then.
create or replace function howdah_private.lock_for_control(id uuid) returns howdah.executions
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.controllable_run(lock_for_control.id);
  perform howdah_private.lock_ancestors(array[lock_for_control.id]);
  return howdah_private.controllable_run(lock_for_control.id);
end $$;

-- Returns whether a run would take or await a turn of its session when it is resumed or retried.
create or replace function howdah_private.needs_turn(e howdah.executions) returns boolean
  language sql immutable
  return e.session_id is not null and e.parent_execution_id is null
    and (e.completed_at is not null or coalesce(e.paused_from = 'turn', false));

-- Locks a run for resume or retry, and before it the session in which the run needs a turn. The end
-- of the live run locks the session and then the next run (start_next_turn). It may have
-- seen this run wait for its turn before the run was paused or ended. The row of the caller comes
-- first, since a retry writes the name of the caller into the log (lock_caller).
--
-- The run may begin or cease to need a turn while this call waits for a lock. Then the rollback of
-- the inner block releases the locks, and they are taken again in the right order.
create or replace function howdah_private.lock_to_continue(id uuid) returns howdah.executions
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_execution howdah.executions := howdah_private.controllable_run(lock_to_continue.id);
  v_needs_turn boolean;
begin
  perform howdah_private.lock_caller();
  if v_execution.session_id is null or v_execution.parent_execution_id is not null then
    return howdah_private.lock_for_control(lock_to_continue.id);
  end if;
  loop
    begin
      v_needs_turn := howdah_private.needs_turn(v_execution);
      if v_needs_turn then
        perform from howdah.sessions as s where s.id = v_execution.session_id for no key update;
        v_execution := howdah_private.controllable_run(lock_to_continue.id);
      end if;
      if howdah_private.needs_turn(v_execution) = v_needs_turn then
        v_execution := howdah_private.lock_for_control(lock_to_continue.id);
        if howdah_private.needs_turn(v_execution) = v_needs_turn then
          return v_execution;
        end if;
      end if;
      raise exception using errcode = 'triggered_action_exception';
    exception when triggered_action_exception then
      v_execution := howdah_private.controllable_run(lock_to_continue.id);
    end;
  end loop;
end $$;

-- Refuses a control of a run that has already ended.
create or replace function howdah_private.raise_ended(e howdah.executions, what text) returns void
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
        case raise_ended.what
          when 'retried' then 'failed or were cancelled' else 'have not ended' end,
        raise_ended.what
      )
      else format(
        'Only runs that have not ended can be %s. Use howdah.retry_execution to run it again.',
        raise_ended.what
      ) end;
end $$;
