-- Pauses a run and all runs below it. Queued and waiting runs pause at once. For a running run the
-- function sets a request: the step in progress still commits, and that commit pauses the run.
-- Pausing a paused run has no effect.
create or replace function howdah.pause_execution(id uuid) returns howdah.executions
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_execution howdah.executions := howdah_private.lock_for_control(pause_execution.id);
begin
  if v_execution.completed_at is not null then
    perform howdah_private.raise_ended(v_execution, 'paused');
  end if;
  perform howdah_private.audit_control(v_execution, 'pause');
  perform howdah_private.pause_runs(array[v_execution.id::uuid]);
  return howdah_private.execution_row(v_execution.id);
end $$;
comment on function howdah.pause_execution(uuid) is
  'Pauses a run and its children. A step in progress is finished first; the run then makes no '
  'progress until resume_execution. Raises HWTRM if the run has already ended.';

-- Pauses runs that the caller has locked, and all runs below them.
create or replace function howdah_private.pause_runs(ids uuid[]) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
  set plan_cache_mode = force_generic_plan
as $$
declare
  v_tree uuid[] := howdah_private.lock_below(pause_runs.ids);
begin
  perform howdah_private.lock_heads(v_tree) where cardinality(v_tree) > 1;
  update howdah.executions as e
  set status = case when e.status = 'running' then e.status else 'paused' end,
    is_pause_requested = e.status = 'running',
    paused_from = e.waiting_for, waiting_for = null, updated_at = now()
  where e.id = any (v_tree) and e.status in ('queued', 'waiting', 'running');
  perform howdah_private.announce_watched(v_tree);
end $$;

-- Pauses many runs and all runs below them (control_many.sql).
create or replace function howdah.pause_executions(ids uuid[])
  returns table (id uuid, status howdah.execution_status, error jsonb)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_locked uuid[];
  v_live uuid[];
  v_faults jsonb;
begin
  perform howdah_private.check_many(pause_executions.ids);
  v_locked := howdah_private.lock_many_for_control(pause_executions.ids);
  v_live := howdah_private.unfinished_runs(v_locked);
  v_faults := howdah_private.control_faults(pause_executions.ids, v_locked, v_live, 'pause');
  perform howdah_private.audit_controls(v_live, 'pause');
  perform howdah_private.pause_runs(v_live);
  return query select r.* from howdah_private.control_results(pause_executions.ids, v_faults) as r;
end $$;
comment on function howdah.pause_executions(uuid[]) is
  'Pauses many runs and their children, at most 10000 in a call. Returns a row for each id, in '
  'order: the status of the run, and the error that pause_execution would raise, as '
  '{code, message, detail, hint}, or null. A run with an error does not stop the others.';
