-- Concurrency limits: how many runs of an agent, of a model or of a tenant are at work at once.
--
-- Exact, since all who claim runs of a tenant with limits, or let parked ones go on, do so one after the other: they hold
-- its advisory lock (lock_limits), which they take before any run's row and which nobody takes who holds one. They count
-- only what has committed then. Whoever stops a run takes no lock: it adds a job (ask_for_room), which looks when that has
-- committed. A run over its limit is parked as a row; where a tenant has no limits, nothing of all this happens.

-- By its key in the order of tenants. What is locked is not the limit's row: who edits one may keep it for long.
create or replace function howdah_private.lock_limits(ids uuid[]) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id uuid;
begin
  if not exists (select from howdah.concurrency_limits) then
    return;
  end if;
  for v_tenant_id in
    select distinct e.tenant_id from howdah.executions as e
    where e.id = any (lock_limits.ids)
      and exists (select from howdah.concurrency_limits as l where l.tenant_id = e.tenant_id)
    order by e.tenant_id
  loop
    perform pg_advisory_xact_lock(howdah_private.limits_key(v_tenant_id));
  end loop;
end $$;

create or replace function howdah_private.limits_key(tenant_id uuid) returns bigint
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$ select hashtextextended('howdah.limits ' || limits_key.tenant_id, 0) $$;

-- Whether a run counts: by its agent, and by the model its pinned version asks first, or that it was begun with.
create or replace function howdah_private.is_limited_by(
  l howdah.concurrency_limits, agent_id uuid, agent_version_id uuid, model_id text
) returns boolean
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select case
    when l.agent_id is not null then l.agent_id = is_limited_by.agent_id
    when l.model_id is not null and is_limited_by.model_id is not null then l.model_id::text = is_limited_by.model_id
    when l.model_id is not null then (
      select v.definition #>> '{models,0,id}' = l.model_id::text
      from howdah.agent_versions as v where v.id = is_limited_by.agent_version_id
    )
    else true end
$$;

-- The model a run was begun with, while the agent that it was said of has the run.
create or replace function howdah_private.model_chosen(overrides jsonb, handoffs int) returns text
  language sql immutable
  return case when model_chosen.handoffs = 0 then model_chosen.overrides #>> '{model,id}' end;

-- The limits of tenants and how many more runs each lets work now; below zero when it was lowered.
create or replace function howdah_private.room_left(tenants uuid[])
  returns table (concurrency_limit howdah.concurrency_limits, room int)
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  with at_work as materialized (
    select e.tenant_id, e.agent_id, e.agent_version_id, howdah_private.model_chosen(e.overrides, e.handoffs) as model_id, count(*)::int as runs from howdah.executions as e
    where e.status = 'running' and e.waiting_for is null and e.tenant_id = any (room_left.tenants)
      and exists (select from howdah.concurrency_limits as l where l.tenant_id = any (room_left.tenants))
    group by 1, 2, 3, 4
  )
  select l, l.max_running - coalesce((
    select sum(w.runs)::int from at_work as w
    where w.tenant_id = l.tenant_id and howdah_private.is_limited_by(l, w.agent_id, w.agent_version_id, w.model_id)
  ), 0)
  from howdah.concurrency_limits as l
  where l.tenant_id = any (room_left.tenants)
  order by l.id
$$;

-- Of the due runs those that find a limit reached, the best ones first served, are parked; gives them back.
create or replace function howdah_private.park_over_limit(ids uuid[]) returns uuid[]
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_limits howdah.concurrency_limits[];
  v_room int[];
  v_run record;
  v_mine int[];
  v_full int;
  v_over uuid[] := '{}';
  v_reached uuid[] := '{}';
begin
  select array_agg(r.concurrency_limit), array_agg(r.room) into v_limits, v_room
  from howdah_private.room_left(array(
    select distinct e.tenant_id from howdah.executions as e where e.id = any (park_over_limit.ids))) as r;
  if v_limits is null then
    return '{}';
  end if;
  for v_run in
    select e.id::uuid, e.tenant_id, e.agent_id, e.agent_version_id, howdah_private.model_chosen(e.overrides, e.handoffs) as model_id from howdah.executions as e
    where e.id = any (park_over_limit.ids)
      and howdah_private.is_in_queue(e.status, e.waiting_for)
      and greatest(e.run_at, e.wake_at) <= clock_timestamp()
    order by e.priority, greatest(e.run_at, e.wake_at), e.id
  loop
    v_mine := array(
      select i.place from generate_subscripts(v_limits, 1) as i (place)
      where v_limits[i.place].tenant_id = v_run.tenant_id
        and howdah_private.is_limited_by(v_limits[i.place], v_run.agent_id, v_run.agent_version_id, v_run.model_id)
    );
    v_full := (select m.place from unnest(v_mine) as m (place) where v_room[m.place] <= 0 limit 1);
    if v_full is not null then
      v_over := v_over || v_run.id;
      v_reached := v_reached || v_limits[v_full].id;
    else
      v_room := array(
        select r.room - (r.place = any (v_mine))::int from unnest(v_room) with ordinality as r (room, place)
        order by r.place);
    end if;
  end loop;
  return case when cardinality(v_over) > 0 then howdah_private.park_runs(v_over, v_reached, null) else '{}' end;
end $$;

-- Each at the limit that it found reached, or at the quota when there are subjects.
create or replace function howdah_private.park_runs(ids uuid[], limits uuid[], subjects uuid[]) returns uuid[]
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_parked uuid[];
begin
  with free as (
    select e.id, case when o.subject_id is null then o.limit_id end as concurrency_limit_id,
      case when o.subject_id is not null then o.limit_id end as quota_id, o.subject_id
    from unnest(park_runs.ids, park_runs.limits, park_runs.subjects) as o (id, limit_id, subject_id)
    join howdah.executions as e on e.id = o.id
    where e.id = any (park_runs.ids) and howdah_private.is_in_queue(e.status, e.waiting_for)
    order by e.id
    for no key update of e skip locked
  ),
  parked as (
    update howdah.executions as e
    set status = 'waiting', waiting_for = 'quota', wake_at = null, updated_at = now()
    from free as f where e.id = f.id and e.id = any (park_runs.ids)
    returning e.id::uuid as id, e.tenant_id, f.concurrency_limit_id, f.quota_id, f.subject_id, e.priority, e.run_at
  ),
  noted as (
    insert into howdah_private.parked_runs
      (execution_id, tenant_id, concurrency_limit_id, quota_id, quota_subject_id, priority, due_at)
    select p.id, p.tenant_id, p.concurrency_limit_id, p.quota_id, p.subject_id, p.priority, p.run_at from parked as p
    on conflict (execution_id) do update set concurrency_limit_id = excluded.concurrency_limit_id, call_limit_id = null,
      quota_id = excluded.quota_id, quota_subject_id = excluded.quota_subject_id
  )
  select array_agg(p.id) into v_parked from parked as p;
  perform howdah_private.announce_watched(v_parked);
  return coalesce(v_parked, '{}');
end $$;

-- Room may be there for what is parked with these runs, in a moment: a job per limit, which sees what has committed by then.
create or replace function howdah_private.ask_for_room(ids uuid[]) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.enqueue_admission(p.concurrency_limit_id, p.tenant_id)
  from (
    select distinct r.concurrency_limit_id, r.tenant_id from howdah_private.parked_runs as r
    where r.execution_id = any (ask_for_room.ids) and r.concurrency_limit_id is not null
  ) as p
$$;

-- Before all other jobs; without a key, since who stops a run waits for nobody who stops another.
create or replace function howdah_private.enqueue_admission(limit_id uuid, tenant_id uuid) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select graphile_worker.add_job('admit', json_build_object('id', enqueue_admission.limit_id,
    'tenant_id', enqueue_admission.tenant_id), run_at => clock_timestamp(), priority => -32768)
$$;

-- Lets as many of the runs parked at a limit go on as it has room for, by priority and age; all of them, some hundred at a
-- time, when it is gone. They are queued: whether they may work is decided when they are claimed. A run whose row somebody
-- holds is passed over and looked at again, since nobody may be waited for under the lock of the limits. The same job looks
-- after those that are parked at a quota.
create or replace function howdah_private.admit_parked(limit_id uuid, tenant_id uuid) returns int
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_most constant int := 200;
  v_room int;
  v_done record;
begin
  if exists (select from howdah.call_limits as l where l.id = admit_parked.limit_id)
    or exists (select from howdah_private.parked_runs as p where p.call_limit_id = admit_parked.limit_id) then
    return howdah_private.admit_at_call_limit(admit_parked.limit_id);
  end if;
  perform howdah_private.catch_up_quota(admit_parked.limit_id);
  if exists (select from howdah.quotas as q where q.id = admit_parked.limit_id)
    or exists (select from howdah_private.parked_runs as p where p.quota_id = admit_parked.limit_id) then
    return howdah_private.admit_at_quota(admit_parked.limit_id);
  end if;
  perform pg_advisory_xact_lock(howdah_private.limits_key(admit_parked.tenant_id));
  select r.room into v_room from howdah_private.room_left(array[admit_parked.tenant_id]) as r
  where (r.concurrency_limit).id = admit_parked.limit_id;
  v_room := least(coalesce(v_room, v_most), v_most);
  select * into v_done from howdah_private.admit_runs(array(
    select p.execution_id from howdah_private.parked_runs as p
    where p.concurrency_limit_id = admit_parked.limit_id
    order by p.priority, p.due_at, p.execution_id limit 2 * v_most
  ), v_room);
  if v_done.held > 0 or v_done.seen >= 2 * v_most or v_done.admitted >= v_most then
    perform graphile_worker.add_job('admit', json_build_object('id', admit_parked.limit_id,
      'tenant_id', admit_parked.tenant_id), run_at => clock_timestamp() + v_done.held * interval '1 millisecond');
  end if;
  return v_done.admitted;
end $$;

-- Of parked runs the first ones that still wait are queued, as many as there is room for. How many those are, how many somebody holds,
-- and how many were looked at.
create or replace function howdah_private.admit_runs(ids uuid[], room int, out admitted int, out held int, out seen int)
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
    if not found then
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

-- What should never happen: runs that wait for room at a limit that has some, or at none. Called by repair_queue, which may
-- hold runs: it waits for nobody.
create or replace function howdah_private.repair_parked(before timestamptz) returns uuid[]
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_lost uuid[];
begin
  perform howdah_private.admit_parked(p.concurrency_limit_id, p.tenant_id)
  from (
    select distinct r.concurrency_limit_id, r.tenant_id from howdah_private.parked_runs as r
    where r.concurrency_limit_id is not null
  ) as p
  where pg_try_advisory_xact_lock(howdah_private.limits_key(p.tenant_id));
  perform howdah_private.admit_at_quota(p.quota_id)
  from (
    select distinct r.quota_id from howdah_private.parked_runs as r where r.quota_id is not null order by 1
  ) as p;
  perform howdah_private.admit_at_call_limit(p.call_limit_id)
  from (
    select distinct r.call_limit_id from howdah_private.parked_runs as r where r.call_limit_id is not null order by 1
  ) as p
  where pg_try_advisory_xact_lock(howdah_private.calls_key(p.call_limit_id));
  perform howdah_private.forget_counters();
  perform howdah_private.forget_calls();
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
