-- Ends a run and everything below it at once. The rows are locked from the root downwards, the fence rises, so
-- that nothing a worker has in the air can still commit; the owners are told, and abort their calls. Another
-- tenant's row is not even locked. What the very same transaction has cancelled as part of another run is given
-- back and not refused: `select howdah.cancel_execution(id) from …` may name a run and its children.
-- `plan_cache_mode`: planned for its id a statement opens one partition; that a plan for any id is no better Postgres
-- would find out at the sixth call of a session, by opening them all for each statement.
create or replace function howdah.cancel_execution(id uuid) returns howdah.executions
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
as $$
declare
  v_execution howdah.executions := howdah_private.lock_for_control(cancel_execution.id);
begin
  if v_execution.completed_at is null then
    perform howdah_private.terminate_runs(howdah_private.lock_below(array[v_execution.id::uuid]), 'cancelled', null);
    perform howdah_private.audit_control(v_execution, 'cancel');
  elsif v_execution.status <> 'cancelled' or v_execution.updated_at <> now() then
    perform howdah_private.refuse_ended(v_execution, 'cancelled');
  end if;
  return howdah_private.execution_row(v_execution.id);
end $$;
comment on function howdah.cancel_execution(uuid) is
  'Cancels a run and its children at once, also in the middle of a model call. HWTRM when it has ended already.';
