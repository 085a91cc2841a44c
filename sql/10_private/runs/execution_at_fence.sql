-- Returns the current state of a run under the given fence. The function is volatile and so takes a
-- new snapshot, later than that of the calling statement. It returns one value of few columns
-- rather than a set: a caller that rarely needs the value pays almost nothing.
create or replace function howdah_private.execution_at_fence(
  id uuid, fence int,
  out tenant_id uuid, out owner_worker uuid, out status howdah.execution_status, out step_count int,
  out exhausted howdah.stop_reason, out active_ms_left bigint, out has_inbox boolean,
  out is_pause_requested boolean
)
  language sql volatile strict security definer
  set search_path = pg_catalog, pg_temp
as $$
  select e.tenant_id, e.owner_worker, e.status, e.step_count, howdah_private.exhausted_limit(e),
    howdah_private.active_ms_left(e), e.has_inbox, e.is_pause_requested
  from howdah.executions as r cross join lateral howdah_private.with_head(r) as e
  where r.id = execution_at_fence.id and r.fence = execution_at_fence.fence
$$;
