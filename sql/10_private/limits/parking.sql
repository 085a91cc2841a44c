-- Parking: a run that reached a limit waits as a row (`waiting` for `quota`) until there is room.
-- One mechanism for limits of tokens and cost, of running runs, and of calls.
--
--   park        the run's status becomes waiting, and parked_runs names the limit (and subject)
--   enqueue     whatever may have made room adds a job `admit` for the limit: the end of a run or
--               of a call, a change of the limit, the end of a period. The transaction that parks
--               a run adds such a job too. The job executes after the commit and sees everything
--               that committed before, so no change is missed.
--   admit       the job lets as many runs go on as there is room for, by priority and age. They
--               are queued; whether they may run is decided when they are claimed.

-- Parks each run at the limit it reached, for a subject where the limit counts by subjects.
-- Returns the parked runs. Runs that another transaction has locked are skipped.
create or replace function howdah_private.park_runs(ids uuid[], limits uuid[], subjects uuid[])
  returns uuid[]
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_parked uuid[];
begin
  with free as (
    select e.id, o.limit_id, o.subject_id
    from unnest(park_runs.ids, park_runs.limits, park_runs.subjects)
      as o (id, limit_id, subject_id)
    join howdah.executions as e on e.id = o.id
    where e.id = any (park_runs.ids) and howdah_private.is_in_queue(e.status, e.waiting_for)
    order by e.id
    for no key update of e skip locked
  ),
  parked as (
    update howdah.executions as e
    set status = 'waiting', waiting_for = 'quota', wake_at = null, updated_at = now()
    from free as f where e.id = f.id and e.id = any (park_runs.ids)
    returning e.id::uuid as id, e.tenant_id, f.limit_id, f.subject_id, e.priority, e.run_at
  ),
  noted as (
    insert into howdah_private.parked_runs
      (execution_id, tenant_id, limit_id, subject_id, priority, due_at)
    select p.id, p.tenant_id, p.limit_id, p.subject_id, p.priority, p.run_at from parked as p
    on conflict (execution_id) do update
    set limit_id = excluded.limit_id, subject_id = excluded.subject_id
  )
  select array_agg(p.id) into v_parked from parked as p;
  perform howdah_private.announce_watched(v_parked);
  return coalesce(v_parked, '{}');
end $$;

-- Records the limits at which a commit parked runs. Runs that have room again by now go on. Runs
-- that wait to begin a call were recorded by begin_call. Part of commit_steps, which holds the
-- rows of the runs.
create or replace function howdah_private.record_parked(ids uuid[]) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_free uuid[];
begin
  with waiting as materialized (
    select e.id::uuid as id, e.tenant_id, e.priority, e.run_at, r.limit_id, r.subject_id, exists (
        select from howdah_private.parked_runs as p join howdah.limits as l on l.id = p.limit_id
        where p.execution_id = e.id and howdah_private.is_call_limit(l)
      ) as waits_to_call
    from howdah.executions as e
    left join howdah_private.reached_limits(record_parked.ids) as r on r.execution_id = e.id
    where e.id = any (record_parked.ids) and e.status = 'waiting' and e.waiting_for = 'quota'
  ),
  noted as (
    insert into howdah_private.parked_runs
      (execution_id, tenant_id, limit_id, subject_id, priority, due_at)
    select w.id, w.tenant_id, w.limit_id, w.subject_id, w.priority, w.run_at
    from waiting as w where w.limit_id is not null
    on conflict (execution_id) do update
    set limit_id = excluded.limit_id, subject_id = excluded.subject_id
  ),
  freed as (
    update howdah.executions as e set status = 'queued', waiting_for = null, updated_at = now()
    from waiting as w
    where e.id = w.id and e.id = any (record_parked.ids) and w.limit_id is null
      and not w.waits_to_call
    returning e.id::uuid as id
  )
  select array_agg(f.id) into v_free from freed as f;
  perform howdah_private.enqueue_advance(v_free);
  perform howdah_private.enqueue_admissions(record_parked.ids);
end $$;

-- Adds a job for each limit, or key of a limit, at which these runs are parked. One job stands for
-- all of them, so limits and keys are taken in their order.
create or replace function howdah_private.enqueue_admissions(ids uuid[]) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform graphile_worker.add_job(
    'admit', json_build_object('id', p.limit_id, 'tenant_id', p.tenant_id, 'subject_id', p.key_id),
    run_at => clock_timestamp(), job_key => concat_ws(' ', 'limit', p.limit_id, p.key_id),
    priority => -32768)
  from (
    select distinct r.limit_id, r.tenant_id, case when l.scope = 'key' then r.subject_id end
      as key_id
    from howdah_private.parked_runs as r left join howdah.limits as l on l.id = r.limit_id
    where r.execution_id = any (enqueue_admissions.ids)
    order by 1, 3
  ) as p;
end $$;

-- Adds a job that admits runs at a limit, before all other jobs; at a limit of keys the runs of one
-- key, if a subject is given. The job has no key, since transactions that stop runs must not wait
-- for each other.
create or replace function howdah_private.enqueue_admission(
  limit_id uuid, tenant_id uuid, subject_id uuid default null
) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select graphile_worker.add_job('admit', json_build_object('id', enqueue_admission.limit_id,
    'tenant_id', enqueue_admission.tenant_id, 'subject_id', enqueue_admission.subject_id),
    run_at => clock_timestamp(), priority => -32768)
$$;

-- Returns the subjects for which runs are parked at a limit: one index look-up for each.
create or replace function howdah_private.parked_subjects(limit_id uuid) returns setof uuid
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  with recursive subjects as (
    (
      select p.subject_id as id from howdah_private.parked_runs as p
      where p.limit_id = parked_subjects.limit_id order by p.subject_id limit 1
    )
    union all
    select (
      select p.subject_id from howdah_private.parked_runs as p
      where p.limit_id = parked_subjects.limit_id and p.subject_id > s.id
      order by p.subject_id limit 1
    ) from subjects as s where s.id is not null
  )
  select s.id from subjects as s where s.id is not null
$$;

-- Returns how many runs may be admitted at a limit, for which subjects (null: for all), and when
-- to check again although nothing changes: when a period or a minute ends, or in a second, when
-- the runs that are admitted now have begun their calls. A deleted limit admits all.
create or replace function howdah_private.free_slots(
  l howdah.limits, out room int, out subjects uuid[], out check_at timestamptz
)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_waiting uuid[];
begin
  room := 2147483647;
  if l.metric = 'running_runs' then
    room := (
      select r.room from howdah_private.remaining_runs(array[l.tenant_id]) as r
      where (r.run_limit).id = l.id
    );
  elsif howdah_private.is_call_limit(l) then
    select r.room, r.free_at into room, check_at from howdah_private.remaining_calls(l) as r;
    if room > 0 then
      check_at := clock_timestamp() + interval '1 second';
    end if;
  elsif l.id is not null then
    v_waiting := array(select s.id from howdah_private.parked_subjects(l.id) as s (id));
    subjects := array(
      select s.id from unnest(v_waiting) as s (id)
      where not howdah_private.is_used_up(l, s.id, clock_timestamp())
    );
    if cardinality(subjects) < cardinality(v_waiting) then
      check_at := howdah_private.period_ends(l.period, clock_timestamp());
    end if;
  end if;
end $$;

-- Returns whether a limit allows a subject nothing more now.
create or replace function howdah_private.is_reached(l howdah.limits, subject_id uuid)
  returns boolean
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select case
    when l.scope = 'key' then exists (
      select from howdah_private.free_slots_of_keys(l, array[is_reached.subject_id]) as r
      where r.room <= 0
    )
    when l.metric = 'running_runs' then exists (
      select from howdah_private.remaining_runs(array[l.tenant_id]) as r
      where (r.run_limit).id = l.id and r.room <= 0
    )
    when howdah_private.is_call_limit(l) then (
      select r.room <= 0 from howdah_private.remaining_calls(l) as r
    )
    else howdah_private.is_used_up(l, is_reached.subject_id, clock_timestamp()) end
$$;

-- The job `admit`: takes the lock of the limit and admits runs. Returns how many. For a deleted
-- limit it takes the lock of running runs: a claim that holds this lock may have seen the limit,
-- and its parked runs are visible only when it has committed.
create or replace function howdah_private.admit_parked(
  limit_id uuid, tenant_id uuid, subject_id uuid default null
) returns int
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.lock_limits(array[howdah_private.limit_lock_id(l)])
  from howdah.limits as l where l.id = admit_parked.limit_id;
  if not found then
    perform howdah_private.lock_limits(array[admit_parked.tenant_id]);
  end if;
  return howdah_private.admit_at_limit(
    admit_parked.limit_id, admit_parked.tenant_id, admit_parked.subject_id);
end $$;

-- Admits up to 200 of the runs that are parked at a limit, and adds a job for those that are left.
-- A run that another transaction has locked is skipped and tried again, since the holder of the
-- lock of a limit waits for no other transaction. At a limit of calls the next batch comes a second
-- later, when the admitted runs have begun their calls.
create or replace function howdah_private.admit_at_limit(
  limit_id uuid, tenant_id uuid, subject_id uuid default null
) returns int
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_batch constant int := 200;
  v_limit howdah.limits;
  v_room record;
  v_done record;
begin
  select l.* into v_limit from howdah.limits as l where l.id = admit_at_limit.limit_id;
  if v_limit.scope = 'key' then
    return howdah_private.admit_by_key(v_limit, admit_at_limit.subject_id);
  end if;
  select r.* into v_room from howdah_private.free_slots(v_limit) as r;
  select d.* into v_done from howdah_private.admit_runs(
    howdah_private.next_parked_runs(
      admit_at_limit.limit_id, v_room.subjects, v_limit.id is null, 2 * v_batch),
    least(v_room.room, v_batch)) as d;
  if howdah_private.is_call_limit(v_limit) is not true
    and (v_done.held > 0 or v_done.seen >= 2 * v_batch or v_done.admitted >= v_batch) then
    perform graphile_worker.add_job('admit', json_build_object('id', admit_at_limit.limit_id,
      'tenant_id', admit_at_limit.tenant_id),
      run_at => clock_timestamp() + v_done.held * interval '1 millisecond');
  end if;
  if v_room.check_at is not null and exists (
    select from howdah_private.parked_runs as p where p.limit_id = admit_at_limit.limit_id
  ) then
    perform graphile_worker.add_job('admit', json_build_object('id', admit_at_limit.limit_id,
      'tenant_id', admit_at_limit.tenant_id), run_at => v_room.check_at,
      job_key => 'limit ' || admit_at_limit.limit_id || ' check', priority => -32768);
  end if;
  return v_done.admitted;
end $$;

-- Admits runs that wait at a limit of concurrency keys: those of one key (`subject_id`), or those
-- of all keys in turn, at most 200 for each key. Adds a job for each key that has more waiting
-- runs, or waiting runs that another transaction has locked.
create or replace function howdah_private.admit_by_key(l howdah.limits, subject_id uuid)
  returns int
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_batch constant int := 200;
  v_key record;
  v_done record;
  v_admitted int;
begin
  -- runs without a subject wait since the limit was of another scope
  select d.admitted into v_admitted from howdah_private.admit_runs(array(
    select p.execution_id from howdah_private.parked_runs as p
    where p.limit_id = l.id and p.subject_id is null
    order by p.priority, p.due_at, p.execution_id limit v_batch
  ), v_batch) as d;
  for v_key in
    select r.subject_id as id, least(r.room, v_batch) as room
    from howdah_private.free_slots_of_keys(l, case when admit_by_key.subject_id is not null
      then array[admit_by_key.subject_id]
      else array(select s.id from howdah_private.parked_subjects(l.id) as s (id)) end) as r
    where r.room > 0
  loop
    -- some more than there is room for: rows of runs that wait no more are dropped
    select d.* into v_done from howdah_private.admit_runs(array(
      select p.execution_id from howdah_private.parked_runs as p
      where p.limit_id = l.id and p.subject_id = v_key.id
      order by p.priority, p.due_at, p.execution_id limit 2 * v_key.room
    ), v_key.room) as d;
    v_admitted := v_admitted + v_done.admitted;
    if v_done.held > 0 or v_done.seen >= 2 * v_key.room or v_done.admitted >= v_batch then
      perform graphile_worker.add_job('admit', json_build_object('id', l.id,
        'tenant_id', l.tenant_id, 'subject_id', v_key.id),
        run_at => clock_timestamp() + v_done.held * interval '1 millisecond');
    end if;
  end loop;
  return v_admitted;
end $$;

-- Returns the runs that go on next at a limit, in their order. Each branch reads its rows in the
-- order of an index: a limit may park more runs than one job should read. Without subjects all runs
-- of a limit are in one order; at a deleted limit no order matters.
create or replace function howdah_private.next_parked_runs(
  limit_id uuid, subjects uuid[], is_deleted boolean, row_limit int
) returns uuid[]
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if next_parked_runs.is_deleted then
    return array(
      select p.execution_id from howdah_private.parked_runs as p
      where p.limit_id = next_parked_runs.limit_id
      order by p.subject_id, p.priority, p.due_at, p.execution_id limit next_parked_runs.row_limit);
  elsif next_parked_runs.subjects is null then
    return array(
      select p.execution_id from howdah_private.parked_runs as p
      where p.limit_id = next_parked_runs.limit_id and p.subject_id is null
      order by p.priority, p.due_at, p.execution_id limit next_parked_runs.row_limit
    ) || array( -- they wait since the limit was of another scope or metric
      select p.execution_id from howdah_private.parked_runs as p
      where p.limit_id = next_parked_runs.limit_id and p.subject_id is not null
      limit next_parked_runs.row_limit
    );
  end if;
  return array(
    select p.execution_id from howdah_private.parked_runs as p
    where p.limit_id = next_parked_runs.limit_id
      and (p.subject_id is null or p.subject_id = any (next_parked_runs.subjects))
    order by p.priority, p.due_at, p.execution_id limit next_parked_runs.row_limit);
end $$;

-- Queues the first of these runs that still wait, as many as there is room for. Returns how many
-- were admitted, how many another transaction has locked, and how many were looked at.
create or replace function howdah_private.admit_runs(
  ids uuid[], room int, out admitted int, out held int, out seen int
)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_id uuid;
  v_admitted uuid[] := '{}';
begin
  seen := 0;
  held := 0;
  foreach v_id in array admit_runs.ids loop
    exit when cardinality(v_admitted) >= admit_runs.room;
    seen := seen + 1;
    perform from howdah.executions as e where e.id = v_id for no key update skip locked;
    if not found and exists (select from howdah.executions as e where e.id = v_id) then
      held := held + 1;
      continue;
    end if;
    update howdah.executions as e set status = 'queued', waiting_for = null, updated_at = now()
    where e.id = v_id and e.status = 'waiting' and e.waiting_for = 'quota';
    if found then
      v_admitted := v_admitted || v_id;
    end if;
    delete from howdah_private.parked_runs as p where p.execution_id = v_id;
  end loop;
  admitted := cardinality(v_admitted);
  perform howdah_private.enqueue_advance(v_admitted);
  perform howdah_private.announce_watched(v_admitted);
end $$;

-- Repairs what should not happen: runs that wait at a limit that has room, or that are parked at
-- none. Returns the latter. Part of repair_queue, which may hold runs and therefore waits for
-- nobody.
create or replace function howdah_private.repair_parked(before timestamptz) returns uuid[]
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_lost uuid[];
begin
  perform howdah_private.admit_at_limit(p.limit_id, p.tenant_id)
  from (
    select distinct on (r.limit_id) r.limit_id, r.tenant_id
    from howdah_private.parked_runs as r order by r.limit_id
  ) as p
  left join howdah.limits as l on l.id = p.limit_id
  where howdah_private.try_lock_limit(howdah_private.limit_lock_id(l));
  perform howdah_private.delete_old_counters();
  perform howdah_private.delete_old_calls();
  with lost as (
    select e.id from howdah.executions as e
    where e.status = 'waiting' and e.waiting_for = 'quota' and e.updated_at < repair_parked.before
      and not exists (select from howdah_private.parked_runs as p where p.execution_id = e.id)
    order by e.id
    for no key update skip locked
  ),
  woken as (
    update howdah.executions as e set status = 'queued', waiting_for = null, updated_at = now()
    from lost as l where e.id = l.id
    returning e.id::uuid as id
  )
  select array_agg(w.id) into v_lost from woken as w;
  return coalesce(v_lost, '{}');
end $$;
