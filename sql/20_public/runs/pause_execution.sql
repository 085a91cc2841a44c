-- Pauses a run and all runs below it. Queued and waiting runs pause at once. For a running run the
-- function sets a request: the step in progress still commits, and that commit pauses the run.
-- Pausing a paused run has no effect.
create or replace function howdah.pause_execution(id uuid) returns howdah.executions
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_execution howdah.executions := howdah_private.lock_for_control(pause_execution.id);
  v_tree uuid[];
begin
  if v_execution.completed_at is not null then
    perform howdah_private.refuse_ended(v_execution, 'paused');
  end if;
  v_tree := howdah_private.lock_below(array[v_execution.id::uuid]);
  perform howdah_private.lock_heads(v_tree) where cardinality(v_tree) > 1;
  update howdah.executions as e
  set status = case when e.status = 'running' then e.status else 'paused' end,
    is_pause_requested = e.status = 'running',
    paused_from = e.waiting_for, waiting_for = null, updated_at = now()
  where e.id = any (v_tree) and e.status in ('queued', 'waiting', 'running');
  perform howdah_private.announce_watched(v_tree);
  perform howdah_private.audit_control(v_execution, 'pause');
  return howdah_private.execution_row(v_execution.id);
end $$;
comment on function howdah.pause_execution(uuid) is
  'Pauses a run and its children. A step in progress is finished first; the run then makes no '
  'progress until resume_execution. Raises HWTRM if the run has already ended.';
