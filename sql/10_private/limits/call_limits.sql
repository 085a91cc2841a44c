-- Limits of calls: how many calls of a tool or a model are in the air at once, and how many begin within a minute.
--
-- Exact, since whoever begins a call that is limited does so under the lock of its limits (calls_key), taken in the order
-- of their ids after the run's own row, and counts only what has committed. A call that may not begin is not made: its run is
-- noted as parked (parked_runs) and parks by its next commit (follow_parked). A job, `admit`, lets runs go on: when a call
-- ends, when the oldest call of the minute is over a minute old, when the limit changes. What runs park adds such a
-- job too, which sees what has committed by then, so that no end that came in between is missed.
--
-- A call ends when its worker says so, and with whatever takes its run from that worker: its end, its death, a pause.
--
-- Every claim and commit says whether calls of the tenant are limited at all; nobody else asks before a call.

create or replace function howdah_private.calls_key(limit_id uuid) returns bigint
  language sql immutable parallel safe
  return hashtextextended('howdah.calls ' || calls_key.limit_id::text, 0);

-- Whether calls of a tenant may be limited, by it or by the system.
create or replace function howdah_private.are_calls_limited(tenant_id uuid) returns boolean
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp set enable_seqscan = off
as $$
begin
  return exists (select from howdah.call_limits as l where l.tenant_id = are_calls_limited.tenant_id)
    or exists (select from howdah.call_limits as l where l.tool_id is null and l.model_id is null);
end $$;

-- The limits that a call of a tool or of a model counts for.
create or replace function howdah_private.limits_of_call(
  tenant_id uuid, tool_id uuid, tool text, model_id uuid, model text
) returns setof howdah.call_limits
  language sql stable security definer rows 2
  set search_path = pg_catalog, pg_temp
as $$
  select l.* from howdah.call_limits as l
  where l.tenant_id = limits_of_call.tenant_id and l.tool_id = limits_of_call.tool_id
  union all
  select l.* from howdah.call_limits as l
  where l.tenant_id = limits_of_call.tenant_id and l.model_id = limits_of_call.model_id
  union all
  select l.* from howdah.call_limits as l
  where l.tool_id is null and l.model_id is null
    and (l.every_tool = limits_of_call.tool or l.every_model = limits_of_call.model)
$$;

-- How many more calls may begin now, and when time alone lets another one begin: null when one may, or when one has to end
-- before. It reads no more rows than the limit lets be.
create or replace function howdah_private.room_for_calls(l howdah.call_limits, out room int, out free_at timestamptz)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_since timestamptz := clock_timestamp() - interval '1 minute';
  v_begun int;
  v_oldest timestamptz;
begin
  room := 2147483647;
  if l.max_per_minute is not null then
    select count(*), min(c.began_at) into v_begun, v_oldest
    from (
      select o.began_at from howdah_private.limited_calls as o
      where o.limit_id = l.id and o.began_at > v_since
      order by o.began_at desc limit l.max_per_minute
    ) as c;
    room := l.max_per_minute - v_begun;
    free_at := case when room = 0 then v_oldest + interval '1 minute' end;
  end if;
  if l.max_tokens_per_minute is not null then
    select c.ended_at into v_oldest
    from (
      select o.ended_at, sum(o.tokens) over (order by o.ended_at desc, o.id) as tokens
      from howdah_private.limited_calls as o where o.limit_id = l.id and o.ended_at > v_since
    ) as c
    where c.tokens >= l.max_tokens_per_minute order by c.ended_at desc limit 1;
    if found then
      room := 0;
      free_at := greatest(free_at, v_oldest + interval '1 minute');
    end if;
  end if;
  if l.max_at_once is not null then
    v_begun := (select count(*) from howdah_private.limited_calls as c where c.limit_id = l.id and c.ended_at is null);
    room := least(room, l.max_at_once - v_begun);
    free_at := case when v_begun < l.max_at_once then free_at end;
  end if;
end $$;

-- Asks to make a call, in a transaction of its own. `free`: no limit is about it. `begun`: it counts from now on, as
-- call_id. `full`: not now; with `parks` the run is noted as waiting for the limit, and has to park. `stale`: the run is not the worker's.
create or replace function howdah_private.begin_call(
  worker uuid, id uuid, fence int, tool_id uuid, tool text, model_id uuid, model text, parks boolean,
  out outcome text, out call_id uuid
)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_run record;
  v_limits uuid[];
  v_full uuid;
begin
  outcome := 'stale';
  -- held until the call is written: whoever takes the run away comes before or after, and ends what there is
  select e.tenant_id, e.priority, e.run_at into v_run from howdah.executions as e
  where e.id = begin_call.id and e.owner_worker = begin_call.worker and e.fence = begin_call.fence and e.status = 'running'
  for share;
  if not found then
    return;
  end if;
  v_limits := array(
    select l.id from howdah_private.limits_of_call(v_run.tenant_id, begin_call.tool_id, begin_call.tool,
      begin_call.model_id, begin_call.model) as l order by l.id);
  outcome := 'free';
  if v_limits = '{}' then
    return;
  end if;
  for v_place in 1 .. cardinality(v_limits) loop
    perform pg_advisory_xact_lock(howdah_private.calls_key(v_limits[v_place]));
  end loop;
  select l.id into v_full from howdah.call_limits as l cross join lateral howdah_private.room_for_calls(l) as r
  where l.id = any (v_limits) and r.room <= 0 order by r.free_at desc nulls last, l.id limit 1;
  if v_full is null then
    outcome := 'begun';
    call_id := gen_random_uuid();
    insert into howdah_private.limited_calls (call_id, limit_id, execution_id, began_at)
    select begin_call.call_id, l.id, begin_call.id, clock_timestamp() from unnest(v_limits) as l (id);
    return;
  end if;
  outcome := 'full';
  if begin_call.parks then
    insert into howdah_private.parked_runs (execution_id, tenant_id, call_limit_id, priority, due_at)
    values (begin_call.id, v_run.tenant_id, v_full, v_run.priority, v_run.run_at)
    on conflict (execution_id) do update
    set call_limit_id = excluded.call_limit_id, concurrency_limit_id = null, quota_id = null, quota_subject_id = null;
  end if;
end $$;

-- The call has ended, and used so many tokens.
create or replace function howdah_private.end_call(call_id uuid, tokens int) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_limits uuid[];
begin
  with ended as (
    update howdah_private.limited_calls as c
    set ended_at = coalesce(c.ended_at, clock_timestamp()), tokens = end_call.tokens
    where c.call_id = end_call.call_id
    returning c.limit_id
  )
  select array_agg(e.limit_id) into v_limits from ended as e;
  perform howdah_private.admit_callers(v_limits);
end $$;

-- A run is not at work any more: nor are its calls.
create or replace function howdah_private.end_calls_of(execution_id uuid) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_limits uuid[];
begin
  if not exists (
    select from howdah_private.limited_calls as c
    where c.execution_id = end_calls_of.execution_id and c.ended_at is null
  ) then
    return; -- mostly
  end if;
  with ended as (
    update howdah_private.limited_calls as c set ended_at = clock_timestamp()
    where c.execution_id = end_calls_of.execution_id and c.ended_at is null
    returning c.limit_id
  )
  select array_agg(e.limit_id) into v_limits from ended as e;
  perform howdah_private.admit_callers(v_limits);
end $$;

-- A job for each of the limits at which somebody waits; it sees what has committed by then.
create or replace function howdah_private.admit_callers(limits uuid[]) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.enqueue_admission(l.id, p.tenant_id)
  from (select distinct u.id from unnest(admit_callers.limits) as u (id)) as l
  cross join lateral (
    select r.tenant_id from howdah_private.parked_runs as r where r.call_limit_id = l.id limit 1
  ) as p;
end $$;

-- Lets as many of the runs parked at a limit of calls go on as may call now, by priority and age; all of them, some hundred at a time,
-- when it is gone. They are queued, and ask again. For those that are left it is looked again when time lets another call begin, or in a
-- second, when those that go on now have begun theirs.
create or replace function howdah_private.admit_at_call_limit(limit_id uuid) returns int
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_most constant int := 200;
  v_limit howdah.call_limits;
  v_room record;
  v_done record;
  v_tenant_id uuid;
begin
  perform pg_advisory_xact_lock(howdah_private.calls_key(admit_at_call_limit.limit_id));
  select l.* into v_limit from howdah.call_limits as l where l.id = admit_at_call_limit.limit_id;
  select least(r.room, v_most) as room, r.free_at into v_room from howdah_private.room_for_calls(v_limit) as r;
  select * into v_done from howdah_private.admit_runs(array(
    select p.execution_id from howdah_private.parked_runs as p
    where p.call_limit_id = admit_at_call_limit.limit_id
    order by p.priority, p.due_at, p.execution_id limit 2 * v_most
  ), v_room.room);
  select p.tenant_id into v_tenant_id from howdah_private.parked_runs as p
  where p.call_limit_id = admit_at_call_limit.limit_id limit 1;
  if found and (v_room.room > 0 or v_room.free_at is not null) then
    perform graphile_worker.add_job('admit', json_build_object('id', admit_at_call_limit.limit_id, 'tenant_id', v_tenant_id),
      run_at => coalesce(v_room.free_at, clock_timestamp() + (v_limit.id is not null)::int * interval '1 second'),
      job_key => 'calls ' || admit_at_call_limit.limit_id, priority => -32768);
  end if;
  return v_done.admitted;
end $$;

-- What nobody asks about any more, and calls whose run is not at work: part of what heals. The end of a run ends its calls, so
-- the second finds nothing.
create or replace function howdah_private.forget_calls() returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (select from howdah_private.limited_calls) then
    return;
  end if;
  update howdah_private.limited_calls as c set ended_at = clock_timestamp()
  where c.ended_at is null and not exists (
    select from howdah.executions as e where e.id = c.execution_id and e.status = 'running');
  delete from howdah_private.limited_calls as c
  using (
    select o.id from howdah_private.limited_calls as o
    where o.ended_at < clock_timestamp() - interval '2 minutes' for update skip locked
  ) as old
  where c.id = old.id;
end $$;

-- How far a limit is used now.
create or replace function howdah_private.call_limit_use(limit_id uuid)
  returns table (at_once int, last_minute int, tokens_last_minute bigint, waiting int)
  language plpgsql stable security definer rows 1
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id uuid := case when howdah_private.is_operator()
    then (select x.tenant_id from howdah.call_limits as x where x.id = call_limit_use.limit_id) else howdah.current_tenant() end;
  v_since timestamptz := clock_timestamp() - interval '1 minute';
begin
  perform from howdah.call_limits as l
  where l.id = call_limit_use.limit_id and l.tenant_id = v_tenant_id
    and (coalesce(l.every_tool, l.every_model) is null or howdah_private.is_operator()); -- it is of all tenants
  if not found then
    return;
  end if;
  return query select
    (select count(*)::int from howdah_private.limited_calls as c
    where c.limit_id = call_limit_use.limit_id and c.ended_at is null),
    (select count(*)::int from howdah_private.limited_calls as c
    where c.limit_id = call_limit_use.limit_id and c.began_at > v_since),
    (select coalesce(sum(c.tokens), 0) from howdah_private.limited_calls as c
    where c.limit_id = call_limit_use.limit_id and c.ended_at > v_since),
    (select count(*)::int from howdah_private.parked_runs as p where p.call_limit_id = call_limit_use.limit_id);
end $$;
