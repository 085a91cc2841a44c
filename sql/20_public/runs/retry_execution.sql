-- Retries a failed or cancelled run after its last good step: same id, same log, with a `retry`
-- step. A limit that was used up is granted once more. Open questions and children of the failed
-- attempt are asked and started again. A call with an unknown outcome stays a question of kind
-- effect. A run of a session takes the turn, or waits for it.
create or replace function howdah.retry_execution(id uuid) returns howdah.executions
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_execution howdah.executions := howdah_private.lock_to_continue(retry_execution.id);
begin
  perform howdah_private.check_retry_right(v_execution);
  perform howdah_private.audit_control(v_execution, 'retry');
  perform howdah_private.retry_runs(array[v_execution.id::uuid]);
  return howdah_private.execution_row(v_execution.id);
end $$;
comment on function howdah.retry_execution(uuid) is
  'Retries a failed or cancelled run after its last good step, under the same id. A limit that '
  'was used up is granted once more. In a session the run takes the turn or waits for it. Raises '
  'HWTRM if the run completed, HWCNF if it is live, is a child or has compensated effects.';

-- Retries many runs (control_many.sql).
create or replace function howdah.retry_executions(ids uuid[])
  returns table (id uuid, status howdah.execution_status, error jsonb)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_locked uuid[];
  v_faults jsonb;
  v_ready uuid[];
begin
  perform howdah_private.check_many(retry_executions.ids);
  v_locked := howdah_private.lock_many_to_continue(retry_executions.ids);
  v_faults := howdah_private.control_faults(retry_executions.ids, v_locked,
    howdah_private.plainly_retryable(v_locked), 'retry');
  v_ready := howdah_private.without_faults(v_locked, v_faults);
  perform howdah_private.audit_controls(v_ready, 'retry');
  perform howdah_private.retry_runs(v_ready);
  return query select r.* from howdah_private.control_results(retry_executions.ids, v_faults) as r;
end $$;
comment on function howdah.retry_executions(uuid[]) is
  'Retries many failed or cancelled runs, at most 10000 in a call. Returns a row for each id, in '
  'order: the status of the run, and the error that retry_execution would raise, as '
  '{code, message, detail, hint}, or null. A run with an error does not stop the others.';
