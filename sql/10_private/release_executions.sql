-- Hands runs back: of a worker that drains (it keeps its good name: no claim is counted against the runs) or
-- of a dead one. The fence rises at once, so that a frozen worker which thaws cannot write even before
-- somebody else has claimed the run.
create or replace function howdah_private.release_executions(worker uuid, ids uuid[], is_dead boolean)
  returns int
  language plpgsql volatile security definer
  set search_path = ''
as $$
declare
  v_released uuid[];
begin
  with held as (
    select e.id from howdah.executions as e
    where e.owner_worker = release_executions.worker
      and (release_executions.ids is null or e.id = any (release_executions.ids))
    order by e.id
    for update
  ),
  released as (
    update howdah.executions as e
    set status = 'queued', owner_worker = null, fence = e.fence + 1,
      claims_without_progress = case when release_executions.is_dead
        then e.claims_without_progress else 0 end,
      active_ms = e.max_seconds * 1000::bigint - howdah_private.active_ms_left(e), active_since = null,
      updated_at = now()
    from held as h where e.id = h.id
    returning e.id::uuid
  )
  select array_agg(r.id) into v_released from released as r;
  perform howdah_private.enqueue_advance(v_released);
  return coalesce(cardinality(v_released), 0);
end $$;
