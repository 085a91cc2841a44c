-- Cancels a run and all runs below it at once. Locks the rows from the root downwards and raises
-- the fence, so that a worker can no longer commit steps that are in progress. The owning workers
-- are notified and abort their calls. Rows of another tenant are not locked.
--
-- A run that the same transaction has already cancelled, as part of another run, is returned
-- without an error. `select howdah.cancel_execution(id) from …` may therefore name a run and its
-- children.
--
-- plan_cache_mode: a custom plan opens the one partition of the id. With the default setting
-- Postgres would try a generic plan at the sixth call of a session, which opens all partitions for
-- each statement.
create or replace function howdah.cancel_execution(id uuid) returns howdah.executions
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
as $$
declare
  v_execution howdah.executions := howdah_private.lock_for_control(cancel_execution.id);
begin
  if v_execution.completed_at is null then
    perform howdah_private.terminate_runs(howdah_private.lock_below(array[v_execution.id::uuid]),
      'cancelled', null);
    perform howdah_private.audit_control(v_execution, 'cancel');
  elsif v_execution.status <> 'cancelled' or v_execution.updated_at <> now() then
    perform howdah_private.refuse_ended(v_execution, 'cancelled');
  end if;
  return howdah_private.execution_row(v_execution.id);
end $$;
comment on function howdah.cancel_execution(uuid) is
  'Cancels a run and its children at once, even during a model call. Raises HWTRM if the run has '
  'already ended.';
