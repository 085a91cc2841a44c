-- Ends a run from outside its worker: the fence rises, so that whatever the worker still has in the air
-- commits nothing.
create or replace function howdah_private.end_execution(
  id uuid, reason howdah.stop_reason, error jsonb
) returns void
  language plpgsql volatile security definer
  set search_path = ''
as $$
begin
  with ended as (
    update howdah.executions as e
    set status = case end_execution.reason when 'cancelled' then 'cancelled' else 'failed' end
          ::howdah.execution_status,
      stop_reason = end_execution.reason,
      error = case when end_execution.reason <> 'cancelled' then end_execution.error end,
      step_count = e.step_count + (end_execution.error is not null)::int,
      active_ms = e.max_seconds * 1000::bigint - howdah_private.active_ms_left(e),
      waiting_for = null, wake_at = null, owner_worker = null, active_since = null, fence = e.fence + 1,
      completed_at = clock_timestamp(), updated_at = now()
    where e.id = end_execution.id and e.completed_at is null
    returning e.id, e.tenant_id, e.step_count
  )
  insert into howdah.steps (execution_id, seq, tenant_id, kind, error)
  select d.id, d.step_count, d.tenant_id, 'error', end_execution.error
  from ended as d where end_execution.error is not null;
end $$;
