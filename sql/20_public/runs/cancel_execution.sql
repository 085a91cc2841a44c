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
    perform howdah_private.raise_ended(v_execution, 'cancelled');
  end if;
  return howdah_private.execution_row(v_execution.id);
end $$;
comment on function howdah.cancel_execution(uuid) is
  'Cancels a run and its children at once, even during a model call. Raises HWTRM if the run has '
  'already ended.';

-- Cancels many runs and all runs below them (control_many.sql).
create or replace function howdah.cancel_executions(ids uuid[])
  returns table (id uuid, status howdah.execution_status, error jsonb)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
  set plan_cache_mode = force_generic_plan
as $$
declare
  v_locked uuid[];
  v_live uuid[];
  v_family uuid[];
  v_faults jsonb;
begin
  perform howdah_private.check_many(cancel_executions.ids);
  v_locked := howdah_private.lock_many_for_control(cancel_executions.ids);
  v_live := howdah_private.unfinished_runs(v_locked);
  v_faults := howdah_private.control_faults(cancel_executions.ids, v_locked, v_live, 'cancel');
  perform howdah_private.audit_controls(v_live, 'cancel');
  v_family := howdah_private.lock_below(v_live);
  -- with the heads of the runs above, which learn of the ends
  perform howdah_private.lock_heads(v_family || array(
    select a.id from howdah.executions as e cross join lateral unnest(e.ancestors) as a (id)
    where e.id = any (v_live)));
  perform howdah_private.terminate_runs(v_family, 'cancelled', null);
  return query select r.* from howdah_private.control_results(cancel_executions.ids, v_faults) as r;
end $$;
comment on function howdah.cancel_executions(uuid[]) is
  'Cancels many runs and their children at once, at most 10000 in a call. Returns a row for each '
  'id, in order: the status of the run, and the error that cancel_execution would raise, as '
  '{code, message, detail, hint}, or null. A run with an error does not stop the others.';
