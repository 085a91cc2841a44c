-- What a run says under that fence as it stands now, not as the statement that asks began to see it: a volatile function has
-- a snapshot of its own. A value and not a set, and of few columns: whoever mostly needs none pays next to nothing.
create or replace function howdah_private.execution_at_fence(
  id uuid, fence int,
  out tenant_id uuid, out owner_worker uuid, out status howdah.execution_status, out step_count int,
  out exhausted howdah.stop_reason, out active_ms_left bigint, out has_inbox boolean, out is_pause_requested boolean
)
  language sql volatile strict security definer
  set search_path = pg_catalog, pg_temp
as $$
  select e.tenant_id, e.owner_worker, e.status, e.step_count, howdah_private.exhausted_limit(e),
    howdah_private.active_ms_left(e), e.has_inbox, e.is_pause_requested
  from howdah.executions as e where e.id = execution_at_fence.id and e.fence = execution_at_fence.fence
$$;
