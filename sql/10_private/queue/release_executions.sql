-- Returns runs to the queue, either those of a worker that drains or those of a dead worker. The
-- fence rises at once. A worker that was frozen and resumes cannot write, even before another
-- worker has claimed the run.
--
-- Poison: a death counts against every run that the worker held, and any commit resets the count.
-- The second death makes a run a suspect, which then runs alone (isolated_runs.sql).
--
-- With `fence`, a run is released only while the worker still holds it under that claim. A worker
-- that lost a run and has claimed it again would otherwise release the new claim for the old one.
--
-- The active time of a dead worker's runs ends with its last heartbeat. Time after the heartbeat
-- does not count: the server may have been down for a day, or a backup restored a year later. Such
-- time must not end a run with `max_time`.
create or replace function howdah_private.release_executions(
  worker uuid, ids uuid[], is_dead boolean, fence int default null
) returns int
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_held uuid[];
  v_has_children boolean;
  v_released uuid[];
  v_worker howdah_private.workers;
begin
  select array_agg(e.id::uuid), bool_or(e.depth > 0) into v_held, v_has_children
  from howdah.executions as e
  where e.owner_worker = release_executions.worker
    and (release_executions.ids is null or e.id = any (release_executions.ids))
    and (release_executions.fence is null or e.fence = release_executions.fence);
  if v_held is null then
    return 0; -- most workers stop without runs, and need no plans of the statements below
  end if;
  select w.* into v_worker from howdah_private.workers as w where w.id = release_executions.worker;
  -- lock in the common order: a root locked after another run's child would be out of order
  perform howdah_private.lock_ancestors(v_held) where v_has_children;
  -- not runs that were claimed meanwhile: they would be locked out of order
  v_held := array(
    select e.id::uuid from howdah.executions as e
    where e.id = any (v_held) and e.owner_worker = release_executions.worker
      and (release_executions.fence is null or e.fence = release_executions.fence)
    order by e.id
    for no key update
  );
  perform howdah_private.lock_heads(v_held);
  with released as (
    update howdah.executions as e
    set status = case when e.is_pause_requested then 'paused' else 'queued'
        end::howdah.execution_status,
      is_pause_requested = false, owner_worker = null, fence = e.fence + 1,
      crashes_without_progress = e.crashes_without_progress + release_executions.is_dead::int,
      active_ms = case when release_executions.is_dead
          then e.active_ms + greatest(
            0, extract(epoch from coalesce(v_worker.heartbeat_at, (
              select h.updated_at from howdah_private.run_heads as h where h.execution_id = e.id
            ), e.updated_at) - e.active_since) * 1000
          )::bigint
        else e.max_seconds * 1000::bigint - howdah_private.active_ms_left(e) end,
      active_since = null, updated_at = now()
    where e.id = any (v_held)
    returning e.id::uuid
  )
  select array_agg(r.id) into v_released from released as r;

  if release_executions.is_dead then
    perform howdah_private.suspect_runs(v_released);
    perform howdah_private.terminate_poison(v_released, v_worker.only_run, v_worker.parent_id);
  end if;
  perform howdah_private.enqueue_advance(array_agg(e.id::uuid))
  from howdah.executions as e where e.id = any (v_released) and e.status = 'queued';
  return coalesce(cardinality(v_released), 0);
end $$;

-- Releases runs that the worker owns but does not know of. This happens when the answer to a claim
-- was lost, or when a claim took other runs than those that were named.
--
-- `held` are the runs that the worker knows of, and `fences` those of their claims. The worker may
-- still remember an old claim of a run that it owns under a new one, whose answer was lost.
create or replace function howdah_private.release_unknown(worker uuid, held uuid[], fences int[])
  returns int
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_unheld uuid[] := array(
    select e.id::uuid from howdah.executions as e
    where e.owner_worker = release_unknown.worker and not exists (
      select from unnest(release_unknown.held, release_unknown.fences) as h (id, fence)
      where h.id = e.id and h.fence = e.fence
    )
  );
begin
  return case when cardinality(v_unheld) > 0
    then howdah_private.release_executions(release_unknown.worker, v_unheld, false) else 0 end;
end $$;

-- Returns those of the given runs that the worker no longer owns under these claims. A worker calls
-- this because any database session may send a message on a notification channel.
create or replace function howdah_private.lost_runs(worker uuid, ids uuid[], fences int[])
  returns setof uuid
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select i.id from unnest(lost_runs.ids, lost_runs.fences) as i (id, fence)
  where not exists (
    select from howdah.executions as e
    where e.id = i.id and e.owner_worker = lost_runs.worker and e.fence = i.fence
  )
$$;

-- Returns whether a run is completed, failed or cancelled. A worker that lost a run asks this
-- before it cancels the work of another system, since another worker may continue the run.
create or replace function howdah_private.has_run_ended(execution_id uuid) returns boolean
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select from howdah.executions as e
    where e.id = has_run_ended.execution_id and e.completed_at is not null
  )
$$;
