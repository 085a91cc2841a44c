-- Presence and heartbeat: the two ways to find out that a worker has died.
--
-- Presence is an advisory lock that the session of a worker holds. A crash releases the lock, and
-- the reaper sees it within one period. The heartbeat uses the clock of the database alone. It
-- finds workers that are frozen or cut off, which still hold their lock. A worker whose row is gone
-- has been declared dead and must drop everything it holds.
--
-- Any database session can take an advisory lock. So registration never waits for a key: it skips a
-- key that another session holds.

-- Returns the class of the presence locks. The key of a lock is workers.lock_key.
create or replace function howdah_private.presence_lock_class() returns int
  language sql immutable parallel safe
  return 1214871364;

-- Registers a worker, and takes its presence lock for the session.
create or replace function howdah_private.register_worker(
  id uuid, pool_id text, host text, pid int, release text, protocol int,
  only_tenants uuid[] default null, only_members uuid[] default null,
  master_keys text[] default '{}'
) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_lock_key int;
begin
  if register_worker.protocol <> 1 then
    raise exception using errcode = 'HWCNF',
      message = format('the worker speaks protocol %s, the database speaks protocol 1',
        register_worker.protocol),
      detail = jsonb_build_object('protocol', register_worker.protocol, 'known', array[1])::text,
      hint = 'Start a worker of the release that migrated the database: howdah migrate status';
  end if;
  loop
    insert into howdah_private.workers (
      id, pool_id, host, pid, release, protocol, only_tenants, only_members, master_keys
    ) values (
      register_worker.id, register_worker.pool_id, register_worker.host, register_worker.pid,
      register_worker.release, register_worker.protocol, register_worker.only_tenants,
      register_worker.only_members, register_worker.master_keys
    )
    returning lock_key into v_lock_key;
    exit when pg_try_advisory_lock(howdah_private.presence_lock_class(), v_lock_key);
    delete from howdah_private.workers as w where w.id = register_worker.id;
  end loop;
end $$;

create or replace function howdah_private.heartbeat(worker uuid) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  update howdah_private.workers as w set heartbeat_at = clock_timestamp()
  where w.id = heartbeat.worker;
  return found;
end $$;

-- Records the master keys of a worker that found a key file after its start.
create or replace function howdah_private.report_master_keys(worker uuid, master_keys text[])
  returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  update howdah_private.workers as w set master_keys = report_master_keys.master_keys
  where w.id = report_master_keys.worker
$$;

-- Records the tools in TypeScript of a worker of an earlier release. See report_custom_code.
create or replace function howdah_private.report_custom_tools(worker uuid, tools text[])
  returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  update howdah_private.workers as w set custom_tools = report_custom_tools.tools
  where w.id = report_custom_tools.worker
$$;

-- Removes a worker: releases its runs, deletes its row and unlocks the jobs that Graphile Worker
-- still holds for its pool.
create or replace function howdah_private.forget_worker(worker uuid) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_pool_id text;
begin
  perform from howdah_private.workers as w where w.id = forget_worker.worker for update;
  perform howdah_private.release_executions(forget_worker.worker, null, true);
  delete from howdah_private.workers as w where w.id = forget_worker.worker
  returning w.pool_id into v_pool_id;
  if found then
    perform graphile_worker.force_unlock_workers(array[v_pool_id]);
    perform pg_notify('jobs:insert', json_build_object('r', random(), 'count', 10)::text);
  end if;
end $$;

-- Removes one dead worker and returns its id; no row when there is none. Every worker calls this
-- each half second, until it returns no row; one at a time does the work. The runs of two workers
-- may belong to one tree. In one transaction they would be locked out of the common order, so each
-- worker has a transaction of its own. If a dead worker cannot be removed, the rollback of the
-- inner block releases its locks, and another one gets its turn. The error is raised when no other
-- dead worker is left. Ignores the heartbeat of the calling worker, `reaper`, whose process
-- evidently runs.
create or replace function howdah_private.reap_workers(
  patience interval default interval '10 seconds', reaper uuid default null
) returns setof uuid
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_worker uuid;
  v_failed uuid[] := '{}';
  v_code text;
  v_message text;
begin
  perform from howdah_private.background_tasks as t where t.name = 'workers'
  for no key update skip locked;
  if not found then
    return; -- another worker does the work
  end if;
  loop
    v_worker := null;
    begin
      v_worker := howdah_private.lock_dead_worker(
        reap_workers.patience, reap_workers.reaper, v_failed);
      exit when v_worker is null;
      perform howdah_private.forget_worker(v_worker);
      return next v_worker;
      return;
    exception when others then
      if v_worker is null then
        raise;
      end if;
      v_failed := v_failed || v_worker;
      get stacked diagnostics v_code = returned_sqlstate, v_message = message_text;
    end;
  end loop;
  if v_message is not null then
    raise exception using errcode = v_code,
      message = format('dead worker %s could not be removed: %s',
        v_failed[cardinality(v_failed)], v_message),
      detail = jsonb_build_object('workers', v_failed)::text;
  end if;
end $$;

-- Returns whether a session holds the presence lock with this key.
create or replace function howdah_private.is_locked_as_present(lock_key int) returns boolean
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select from pg_catalog.pg_locks as l
    where l.locktype = 'advisory' and l.classid = howdah_private.presence_lock_class()::oid
      and l.objid = is_locked_as_present.lock_key::oid and l.objsubid = 2 and l.granted
      and l.database = (
        select d.oid from pg_catalog.pg_database as d where d.datname = current_database()
      )
  )
$$;

-- Returns whether a worker is registered and its session still exists.
create or replace function howdah_private.is_worker_present(worker uuid) returns boolean
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select from howdah_private.workers as w
    where w.id = is_worker_present.worker and howdah_private.is_locked_as_present(w.lock_key)
  )
$$;

-- Locks a dead worker at random and returns its id. Skips workers that others have locked.
create or replace function howdah_private.lock_dead_worker(
  patience interval, reaper uuid, except_ids uuid[]
) returns uuid
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select w.id from howdah_private.workers as w
    where w.id <> all (lock_dead_worker.except_ids) and (
      w.heartbeat_at < clock_timestamp() - lock_dead_worker.patience
        and w.id is distinct from lock_dead_worker.reaper
      or not howdah_private.is_locked_as_present(w.lock_key)
    )
    order by random() limit 1 for update skip locked
  );
end $$;

-- Repairs states that should never occur and would otherwise last for ever: jobs locked by a worker
-- that is not alive, runs owned by a worker that is not registered, and due runs without a usable
-- wake-up. A wake-up is not usable if it is missing, out of attempts, postponed, or locked although
-- no worker works on it.
--
-- A queue may hold a million rows. So each call checks a bounded number of runs of each status, and
-- the next call continues from there. Jobs have no index by lock and are checked once per round.
-- One worker at a time searches the runs of a status; every caller does the rest.
--
-- `plan_cache_mode`: no plan here depends on its parameters. Planning reads a page of each index of
-- each partition, including the empty partitions of the months ahead.
create or replace function howdah_private.repair_queue(
  patience interval default interval '10 seconds', at_most int default 10000
) returns int
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
as $$
declare
  v_before timestamptz := clock_timestamp() - repair_queue.patience;
  v_sweep howdah_private.queue_sweep;
  v_lost uuid[] := '{}';
  v_pools text[];
  v_owners uuid[] := array(
    select distinct e.owner_worker from howdah.executions as e
    where e.owner_worker is not null and e.updated_at < v_before
      and not exists (select from howdah_private.workers as w where w.id = e.owner_worker)
      and not exists (
        select from howdah_private.run_heads as h
        where h.execution_id = e.id and h.updated_at >= v_before
      )
  );
begin
  -- lock in the common order: the runs of two owners may belong to one tree
  perform howdah_private.lock_ancestors(array_agg(e.id::uuid)) from howdah.executions as e
  where e.owner_worker = any (v_owners) having count(*) > 0;
  perform howdah_private.release_executions(o.id, null, true) from unnest(v_owners) as o (id);
  for v_sweep in
    select s.* from howdah_private.queue_sweep as s order by s.status for no key update skip locked
  loop
    if v_sweep.status = 'queued' and v_sweep.is_new_round then
      select array_agg(distinct j.locked_by) into v_pools
      from howdah_private.queue_jobs as j
      where j.locked_at < v_before
        and not exists (select from howdah_private.workers as w where w.pool_id = j.locked_by);
      if v_pools is not null then
        perform graphile_worker.force_unlock_workers(v_pools);
      end if;
      -- a wake-up replaced while a worker held it has neither a key nor attempts left; the worker
      -- would have completed it but died before
      perform graphile_worker.complete_jobs(array_agg(j.id))
      from howdah_private.queue_jobs as j
      where j.task = 'advance' and j.key is null and j.attempts >= j.max_attempts
        and j.locked_at is null
      having count(*) > 0;
    end if;
    v_lost := v_lost || howdah_private.sweep_queue(v_sweep, v_before, repair_queue.at_most);
  end loop;
  v_lost := v_lost || howdah_private.repair_parked(v_before);
  perform howdah_private.delete_old_debounces();
  perform howdah_private.delete_taken_deferrals();
  perform howdah_private.enqueue_advance(v_lost);
  return cardinality(v_lost);
end $$;

-- Checks the next queued runs, or the next runs that wait for a timer, in the order of
-- executions_live_idx. Returns those that are due and have no wake-up. `enable_sort`: see
-- fair_share_claims.sql. `offset 0`: each id is looked up by its key in its own partition. Before
-- PostgreSQL 17 `e.id = any (v_ids)` looks for each id in the index of each partition.
create or replace function howdah_private.sweep_queue(
  sweep howdah_private.queue_sweep, before timestamptz, at_most int
) returns uuid[]
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set enable_sort = off set jit = off
as $$
declare
  v_ids uuid[];
  v_lost uuid[];
  v_last howdah.executions;
begin
  if sweep.status = 'queued' then
    v_ids := array(
      select e.id::uuid from howdah.executions as e
      where e.status = 'queued' and e.waiting_for is null and (
        e.tenant_id, e.priority, greatest(e.run_at, e.wake_at), e.id::uuid
      ) > (sweep.tenant_id, sweep.priority, sweep.due_at, sweep.execution_id)
      order by e.status, e.waiting_for, e.tenant_id, e.priority, greatest(e.run_at, e.wake_at), e.id
      limit sweep_queue.at_most
    );
  else
    v_ids := array(
      select e.id::uuid from howdah.executions as e
      where e.status = 'waiting' and e.waiting_for = 'timer' and (
        e.tenant_id, e.priority, greatest(e.run_at, e.wake_at), e.id::uuid
      ) > (sweep.tenant_id, sweep.priority, sweep.due_at, sweep.execution_id)
      order by e.status, e.waiting_for, e.tenant_id, e.priority, greatest(e.run_at, e.wake_at), e.id
      limit sweep_queue.at_most
    );
  end if;
  v_lost := array(
    select e.id::uuid from unnest(v_ids) as i (id)
    cross join lateral (select e.* from howdah.executions as e where e.id = i.id offset 0) as e
    where howdah_private.is_in_queue(e.status, e.waiting_for)
      and greatest(e.run_at, e.wake_at, e.updated_at) < sweep_queue.before
      and e.crashes_without_progress < howdah_private.suspect_deaths() -- it needs no wake-up
      and not exists (
        select from howdah_private.queue_jobs as j
        where j.key in (e.id::text, e.id::text || ' again') and j.attempts < j.max_attempts
          and j.run_at <= clock_timestamp()
          and (j.locked_at is null or j.locked_at > sweep_queue.before)
      )
  );
  select e.* into v_last from howdah.executions as e where e.id = v_ids[sweep_queue.at_most];
  if found then
    update howdah_private.queue_sweep as s
    set is_new_round = false, tenant_id = v_last.tenant_id, priority = v_last.priority,
      due_at = greatest(v_last.run_at, v_last.wake_at), execution_id = v_last.id
    where s.status = sweep.status;
  else
    update howdah_private.queue_sweep as s
    set is_new_round = true, tenant_id = default, priority = default, due_at = default,
      execution_id = default
    where s.status = sweep.status;
  end if;
  return v_lost;
end $$;
