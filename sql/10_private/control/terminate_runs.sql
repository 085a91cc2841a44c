-- Ends runs from outside of their worker. The fences rise, so that work in progress cannot commit,
-- and the owners are notified to abort it. The caller holds the locks of the runs (lock_ancestors
-- or lock_subtree). Open questions are cancelled, except questions about effects with an unknown
-- outcome. Those stay open until a person answers them.
create or replace function howdah_private.terminate_runs(
  ids uuid[], reason howdah.stop_reason, error jsonb
) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
as $$
declare
  v_live uuid[] := array(
    select e.id::uuid from howdah.executions as e where e.id = any (terminate_runs.ids)
      and e.completed_at is null
  );
begin
  perform howdah_private.lock_heads(v_live) where cardinality(v_live) > 1;
  perform howdah_private.lock_sessions_of(v_live) where cardinality(v_live) > 1;
  perform pg_notify(howdah_private.channel('control'), e.id::text)
  from howdah.executions as e join howdah_private.workers as w on w.id = e.owner_worker
  where e.id = any (terminate_runs.ids);
  -- one statement for all runs; a wake-up that a worker has already taken finds nothing to do
  perform howdah_private.complete_wake_ups(array(
    select e.id::uuid from howdah.executions as e
    where e.id = any (terminate_runs.ids) and e.status in ('queued', 'waiting', 'paused')
  ));
  with ended as (
    update howdah.executions as e
    set status = case terminate_runs.reason when 'cancelled' then 'cancelled' else 'failed' end
          ::howdah.execution_status,
      stop_reason = terminate_runs.reason,
      finish_reason = howdah_private.last_finish_reason(e.id),
      error = case when terminate_runs.reason <> 'cancelled' then terminate_runs.error end,
      step_count = e.step_count + (terminate_runs.error is not null)::int,
      active_ms = e.max_seconds * 1000::bigint - howdah_private.active_ms_left(e),
      waiting_for = null, wake_at = null, paused_from = null, is_pause_requested = false,
      owner_worker = null, active_since = null, fence = e.fence + 1,
      completed_at = clock_timestamp(), updated_at = now()
    where e.id = any (terminate_runs.ids) and e.completed_at is null
    returning e.id, e.tenant_id, e.step_count
  ),
  logged as (
    insert into howdah.steps (execution_id, seq, tenant_id, kind, error)
    select d.id, d.step_count, d.tenant_id, 'error', terminate_runs.error
    from ended as d where terminate_runs.error is not null
  )
  update howdah.questions as q set status = 'cancelled'
  from ended as d
  where q.execution_id = d.id and q.status = 'open' and q.kind <> 'effect';
  perform howdah_private.enqueue_end_hooks(v_live);
  perform howdah_private.announce_watched(terminate_runs.ids);
end $$;
