-- Isolation: a run that two workers have died with runs alone, in a process of its own.
--
-- A death counts against every run that the worker held, since nobody can tell which of them was
-- the cause. Any commit resets the count. From the second death on, a run is a suspect: no claim
-- takes it beside other runs. A worker takes it from the table `suspects` (take_suspect), and
-- starts a process that registers as a worker for this run only (isolate_worker). A worker whose
-- tools exist in its own process only hands its other runs over instead, takes the suspect alone,
-- and takes other runs again when the suspect has survived for some time.
--
-- An innocent run commits a step there, and continues among others. A run whose process dies is the
-- cause, so the third death ends it as `poison` (terminate_poison). If the worker that started the
-- process is dead too, the machine may have stopped, so this death alone proves nothing: the run
-- ends with its third such death.
--
-- The row of a suspect stays until the run ends. One more death makes the run a suspect again, and
-- from then on it does not leave its process after a step.
--
-- A claim of an older worker takes no suspects either, since this function of the database decides.

-- Returns the number of deaths without a commit from which on a run is a suspect.
create or replace function howdah_private.suspect_deaths() returns smallint
  language sql immutable parallel safe
  return 2::smallint;

-- Adds runs that a dead worker has released to the suspects, if it was their second death since
-- they last made progress, or the first one of a run that was a suspect before.
create or replace function howdah_private.suspect_runs(ids uuid[]) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  update howdah.executions as e set crashes_without_progress = howdah_private.suspect_deaths()
  from howdah_private.suspects as s
  where e.id = any (suspect_runs.ids) and s.execution_id = e.id
    and e.crashes_without_progress < howdah_private.suspect_deaths();
  insert into howdah_private.suspects as s (execution_id, tenant_id)
  select e.id, e.tenant_id from howdah.executions as e
  where e.id = any (suspect_runs.ids) and e.completed_at is null
    and e.crashes_without_progress = howdah_private.suspect_deaths()
  order by e.id
  on conflict (execution_id) do update
  set times = s.times + 1, suspected_at = clock_timestamp(), due_at = clock_timestamp(),
    taken_by = null;
end $$;

-- Reserves the next due suspect for a worker and returns it. The worker has to run it alone and
-- call return_suspect afterwards. Tenants take turns, and a run that became a suspect again comes
-- after the others, because it may stay in its process for long. `is_repeated` says so. A run that
-- needs custom tools or engines waits for a worker that has them.
--
-- Reads no runs while there are no suspects: every worker calls this each second.
create or replace function howdah_private.take_suspect(worker uuid)
  returns table (execution_id uuid, is_repeated boolean)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_worker howdah_private.workers;
begin
  if not exists (select from howdah_private.suspects) then
    return;
  end if;
  -- the lock conflicts with the reaper's, which deletes the worker and so writes its suspects
  select w.* into v_worker from howdah_private.workers as w
  where w.id = take_suspect.worker for key share;
  if not found then
    return;
  end if;
  delete from howdah_private.suspects as s
  where not exists (
    select from howdah.executions as e
    where e.id = s.execution_id and e.completed_at is null
  );
  return query
  update howdah_private.suspects as s set taken_by = take_suspect.worker
  where s.taken_by is null and s.execution_id = (
    select d.execution_id
    from (
      select c.execution_id, c.suspected_at, c.times,
        row_number() over (partition by c.tenant_id order by c.suspected_at, c.execution_id) as turn
      from howdah_private.suspects as c join howdah.executions as e on e.id = c.execution_id
      left join howdah_private.needed_code as n on n.agent_version_id = e.agent_version_id
      where c.taken_by is null and c.due_at <= clock_timestamp()
        and coalesce(howdah_private.has_code(v_worker, n), true)
        and howdah_private.is_in_queue(e.status, e.waiting_for)
        and e.crashes_without_progress >= howdah_private.suspect_deaths()
        and greatest(e.run_at, e.wake_at) <= clock_timestamp() and e.contents_encrypted_at is null
        and howdah_private.is_in_scope(v_worker, e)
    ) as d
    order by d.times > 1, d.turn, d.suspected_at, d.execution_id limit 1
  )
  returning s.execution_id, s.times > 1;
end $$;

-- Gives a suspect back that a worker had taken. If it is still due, some worker takes it again in a
-- few seconds: its process may have had no memory to start, or another session may hold the run.
create or replace function howdah_private.return_suspect(worker uuid, id uuid) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  update howdah_private.suspects as s
  set taken_by = null, due_at = clock_timestamp() + interval '2 seconds'
  where s.execution_id = return_suspect.id and s.taken_by = return_suspect.worker
$$;

-- Lets a worker take this run and no other from now on, or again any run if it is null. `parent` is
-- the worker that started the process of this one. Returns false if the worker is not registered,
-- or holds runs. The lock waits for claims under way.
create or replace function howdah_private.isolate_worker(
  worker uuid, run uuid, parent uuid default null
) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform from howdah_private.workers as w where w.id = isolate_worker.worker for no key update;
  if not found or (isolate_worker.run is not null and exists (
    select from howdah.executions as e where e.owner_worker = isolate_worker.worker
  )) then
    return false;
  end if;
  update howdah_private.workers as w
  set only_run = isolate_worker.run, parent_id = isolate_worker.parent
  where w.id = isolate_worker.worker;
  return true;
end $$;

-- Returns whether a due suspect waits for this worker, or is run by it. For workers that end when
-- nothing is due any more.
create or replace function howdah_private.has_due_suspect(scope howdah_private.workers)
  returns boolean
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select from howdah_private.suspects as s join howdah.executions as e on e.id = s.execution_id
    left join howdah_private.needed_code as n on n.agent_version_id = e.agent_version_id
    where howdah_private.is_in_queue(e.status, e.waiting_for)
      and coalesce(howdah_private.has_code(has_due_suspect.scope, n), true)
      and e.crashes_without_progress >= howdah_private.suspect_deaths()
      and greatest(e.run_at, e.wake_at) <= clock_timestamp()
      and howdah_private.is_in_scope(has_due_suspect.scope, e)
  )
$$;

-- Ends those of the runs that a worker has released by its death that were the cause of it: see
-- above. A run that an older worker had marked `at_risk` counts as one that ran alone.
create or replace function howdah_private.terminate_poison(
  released uuid[], only_run uuid, parent uuid
) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_is_machine_alive boolean :=
    terminate_poison.parent is null or howdah_private.is_worker_present(terminate_poison.parent);
  v_poison uuid[] := array(
    select e.id::uuid from howdah.executions as e
    where e.id = any (terminate_poison.released)
      and (e.id = terminate_poison.only_run or e.at_risk)
      and e.crashes_without_progress >= howdah_private.suspect_deaths()
        + case when v_is_machine_alive or e.at_risk then 1 else 3 end
  );
begin
  perform howdah_private.lock_sessions_of(v_poison) where cardinality(v_poison) > 1;
  perform howdah_private.terminate_runs(array[e.id::uuid], 'poison', jsonb_build_object(
    'code', 'internal', 'retryable', false,
    'message', format('%s workers died while they worked on this run', e.crashes_without_progress)
  ))
  from howdah.executions as e where e.id = any (v_poison);
end $$;
