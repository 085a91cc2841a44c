-- Fair shares between tenants. Wake-ups come in the order of the queue, so 10,000 runs of one
-- tenant would all be claimed before the first run of the next tenant. Therefore a wake-up only
-- says that a worker has room. The room goes to the tenant with the fewest runs at work for its
-- weight, counted over all workers. Among equals it goes to the next tenant after the one this
-- worker served last. Within a tenant priority counts, then age; between tenants only the share
-- counts.
--
-- `enable_sort` of these functions: they need the first rows of executions_live_idx. The planner
-- would rather read all runs of a tenant when it expects most of them to be queued. Constant
-- columns stay in the `order by`, since below row-level security the planner does not see that they
-- are constant. `plan_cache_mode`: see claim_executions.

-- Returns the ids between which shares are counted, those of about one month, so that few
-- partitions are opened. Runs with older or younger ids still have their own wake-ups.
create or replace function howdah_private.shared_ids(out oldest uuid, out youngest uuid)
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_ms constant bigint := extract(epoch from now()) * 1000;
begin
  -- the same as uuid_v7_floor(), which is too slow to be called twice in every claim
  oldest := lpad(to_hex(v_ms - 35 * 86400000::bigint), 12, '0') || '70008000000000000000';
  youngest := lpad(to_hex(v_ms + 3600000), 12, '0') || '70008000000000000000';
end $$;

-- Returns whether a tenant other than this one has queued runs. Mostly none has, and then this is
-- all that a claim pays for fair shares.
create or replace function howdah_private.other_tenants_queued(tenant_id uuid) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
  set enable_sort = off set jit = off set plan_cache_mode = force_generic_plan
as $$
declare
  v_ids record := howdah_private.shared_ids();
begin
  perform from (
    (select from howdah.executions as e
    where e.status = 'queued' and e.waiting_for is null
      and e.tenant_id < other_tenants_queued.tenant_id
      and e.id between v_ids.oldest and v_ids.youngest
    order by e.status, e.waiting_for, e.tenant_id limit 1)
    union all
    (select from howdah.executions as e
    where e.status = 'queued' and e.waiting_for is null
      and e.tenant_id > other_tenants_queued.tenant_id
      and e.id between v_ids.oldest and v_ids.youngest
    order by e.status, e.waiting_for, e.tenant_id limit 1)
    union all
    (select from howdah.executions as e
    where e.status = 'waiting' and e.waiting_for = 'timer'
      and e.tenant_id < other_tenants_queued.tenant_id
      and e.id between v_ids.oldest and v_ids.youngest
    order by e.status, e.waiting_for, e.tenant_id limit 1)
    union all
    (select from howdah.executions as e
    where e.status = 'waiting' and e.waiting_for = 'timer'
      and e.tenant_id > other_tenants_queued.tenant_id
      and e.id between v_ids.oldest and v_ids.youngest
    order by e.status, e.waiting_for, e.tenant_id limit 1)
  ) as r limit 1;
  return found;
end $$;

-- Returns the tenants above `low` and up to `high` that have due runs, each with the best priority
-- of these runs. A due run is queued, or waits for a timer that has rung.
--
-- A loose index scan over executions_live_idx looks up the first run of each tenant and priority.
-- It costs the same with ten queued runs and with a million. A tenant is left at its first due run,
-- and only tenants with due runs count against max_tenants. So runs that are due later hide other
-- tenants only when the scan meets 64 of them. Such tenants take part with their own wake-ups. Runs
-- whose timer has rung have a part of the index of their own.
create or replace function howdah_private.due_tenants(low uuid, high uuid, max_tenants int)
  returns table (tenant_id uuid, priority smallint)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
  set enable_sort = off set jit = off set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
  v_ids record := howdah_private.shared_ids();
  v_now timestamptz := clock_timestamp();
  v_max_lookups constant int := 64;
begin
  return query
  with recursive queued as (
    select 0 as tenants, 0 as lookups, due_tenants.low as tenant_id, 32767::smallint as priority,
      false as is_due
    union all
    select q.tenants + n.is_due::int, q.lookups + 1, n.* from queued as q cross join lateral (
      select e.tenant_id, e.priority, greatest(e.run_at, e.wake_at) <= v_now as is_due
      from howdah.executions as e
      where e.status = 'queued' and e.waiting_for is null
        and (e.tenant_id, e.priority)
          > (q.tenant_id, case when q.is_due then 32767::smallint else q.priority end)
        and e.tenant_id <= due_tenants.high
        and e.id between v_ids.oldest and v_ids.youngest
      order by e.status, e.waiting_for, e.tenant_id, e.priority, greatest(e.run_at, e.wake_at)
      limit 1
    ) as n
    where q.tenants < due_tenants.max_tenants and q.lookups < v_max_lookups
  ),
  timers as (
    select 0 as tenants, 0 as lookups, due_tenants.low as tenant_id, 32767::smallint as priority,
      false as is_due
    union all
    select t.tenants + n.is_due::int, t.lookups + 1, n.* from timers as t cross join lateral (
      select e.tenant_id, e.priority, greatest(e.run_at, e.wake_at) <= v_now as is_due
      from howdah.executions as e
      where e.status = 'waiting' and e.waiting_for = 'timer'
        and (e.tenant_id, e.priority)
          > (t.tenant_id, case when t.is_due then 32767::smallint else t.priority end)
        and e.tenant_id <= due_tenants.high
        and e.id between v_ids.oldest and v_ids.youngest
      order by e.status, e.waiting_for, e.tenant_id, e.priority, greatest(e.run_at, e.wake_at)
      limit 1
    ) as n
    where t.tenants < due_tenants.max_tenants and t.lookups < v_max_lookups
  )
  select d.tenant_id, min(d.priority)
  from (
    select q.tenant_id, q.priority from queued as q where q.is_due
    union all select t.tenant_id, t.priority from timers as t where t.is_due
  ) as d
  group by d.tenant_id
  order by d.tenant_id;
end $$;

-- Returns tenants with due runs in a circle that begins after the tenant that was served last.
-- Reads a few tens of them at most. The others come when another tenant has been served.
create or replace function howdah_private.due_tenants_after(last_tenant_id uuid)
  returns table (tenant_id uuid, priority smallint)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_max_tenants constant int := 16;
  v_lowest constant uuid := '00000000-0000-0000-0000-000000000000';
  v_found int;
begin
  return query select d.* from howdah_private.due_tenants(
    coalesce(due_tenants_after.last_tenant_id, v_lowest), 'ffffffff-ffff-ffff-ffff-ffffffffffff',
    v_max_tenants
  ) as d;
  get diagnostics v_found = row_count;
  if v_found < v_max_tenants and due_tenants_after.last_tenant_id is not null then
    return query select d.*
    from howdah_private.due_tenants(v_lowest, due_tenants_after.last_tenant_id, v_max_tenants) as d;
  end if;
end $$;

-- Returns how many runs each tenant has at work, over all workers. Counts to a thousand at most.
create or replace function howdah_private.runs_at_work(tenants uuid[]) returns int[]
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
  set enable_sort = off set jit = off set plan_cache_mode = force_generic_plan
as $$
declare
  v_ids record := howdah_private.shared_ids();
begin
  return array(
    select (
      select count(*) from (
        select from howdah.executions as e
        where e.status = 'running' and e.waiting_for is null and e.tenant_id = t.id
          and e.id between v_ids.oldest and v_ids.youngest
        order by e.status, e.waiting_for, e.tenant_id, e.priority limit 1000
      ) as r
    )
    from unnest(runs_at_work.tenants) with ordinality as t (id, place) order by t.place
  );
end $$;

-- Returns the weight of each tenant. Its number of runs at work is divided by the weight.
create or replace function howdah_private.weights(tenants uuid[]) returns int[]
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select array_agg(coalesce(n.weight, 1) order by t.place)
  from unnest(weights.tenants) with ordinality as t (id, place)
  left join howdah.tenants as n on n.id = t.id
$$;

-- Returns the first due runs of a tenant, by priority, from this one on, and then by the time at
-- which they were due. Leaves out the runs in `except_ids`. Each priority is read on its own:
-- within one, the index is in the order of due times, so runs that sleep are not read.
create or replace function howdah_private.due_runs(
  tenant_id uuid, least_priority smallint, max_count int, except_ids uuid[]
)
  returns table (id uuid, priority smallint)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
  set enable_sort = off set jit = off set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
  v_ids record := howdah_private.shared_ids();
  v_now timestamptz := clock_timestamp();
  v_priority smallint := due_runs.least_priority;
  v_left int := due_runs.max_count;
  v_found int;
begin
  while v_priority is not null loop
    return query select r.id, v_priority
    from (
      (select e.id::uuid as id, greatest(e.run_at, e.wake_at) as due_at
      from howdah.executions as e
      where e.status = 'queued' and e.waiting_for is null
        and e.tenant_id = due_runs.tenant_id and e.priority = v_priority
        and greatest(e.run_at, e.wake_at) <= v_now
        and e.crashes_without_progress < howdah_private.suspect_deaths()
        and e.id <> all (due_runs.except_ids) and e.id between v_ids.oldest and v_ids.youngest
      order by e.status, e.waiting_for, e.tenant_id, e.priority, greatest(e.run_at, e.wake_at)
      limit v_left)
      union all
      (select e.id::uuid, greatest(e.run_at, e.wake_at)
      from howdah.executions as e
      where e.status = 'waiting' and e.waiting_for = 'timer'
        and e.tenant_id = due_runs.tenant_id and e.priority = v_priority
        and greatest(e.run_at, e.wake_at) <= v_now
        and e.crashes_without_progress < howdah_private.suspect_deaths()
        and e.id <> all (due_runs.except_ids) and e.id between v_ids.oldest and v_ids.youngest
      order by e.status, e.waiting_for, e.tenant_id, e.priority, greatest(e.run_at, e.wake_at)
      limit v_left)
    ) as r
    order by r.due_at, r.id
    limit v_left;
    get diagnostics v_found = row_count;
    v_left := v_left - v_found;
    exit when v_left <= 0;
    select min(r.priority) into v_priority
    from (
      (select e.priority from howdah.executions as e
      where e.status = 'queued' and e.waiting_for is null
        and e.tenant_id = due_runs.tenant_id and e.priority > v_priority
        and e.id between v_ids.oldest and v_ids.youngest
      order by e.status, e.waiting_for, e.tenant_id, e.priority limit 1)
      union all
      (select e.priority from howdah.executions as e
      where e.status = 'waiting' and e.waiting_for = 'timer'
        and e.tenant_id = due_runs.tenant_id and e.priority > v_priority
        and e.id between v_ids.oldest and v_ids.youngest
      order by e.status, e.waiting_for, e.tenant_id, e.priority limit 1)
    ) as r;
  end loop;
end $$;

-- Returns which of the wake-ups that came give their room to the run of another tenant. Returns
-- none when a single tenant has due runs, which one look at the index tells.
-- Tenants that due_tenants_after does not return take part with the wake-ups that came for them.
create or replace function howdah_private.swap_for_fair_share(ids uuid[], last_tenant_id uuid)
  returns table (yielding_id uuid, replacement_id uuid)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_last_tenant_id uuid := swap_for_fair_share.last_tenant_id;
  v_tenants uuid[];
  v_priorities smallint[]; -- of the next due run of each tenant; null: the tenant has no more
  v_at_work int[]; v_weights int[];
  v_taken uuid[] := swap_for_fair_share.ids;
  v_run record; v_due record;
  v_at int;
  v_ids uuid[] := array(select i.id from unnest(swap_for_fair_share.ids) as i (id) order by i.id);
  v_first uuid := v_ids[1];
  v_last uuid := v_ids[cardinality(v_ids)];
begin
  if (select count(*) from (select from howdah.tenants limit 2) as t) < 2 then
    return; -- there is one tenant
  end if;
  select e.tenant_id into v_run from howdah.executions as e
  where e.id = any (v_ids) and e.id between v_first and v_last
    and howdah_private.is_in_queue(e.status, e.waiting_for)
    and greatest(e.run_at, e.wake_at) <= clock_timestamp() limit 1;
  if not found or not howdah_private.other_tenants_queued(v_run.tenant_id) then
    return;
  end if;
  select array_agg(d.tenant_id), array_agg(d.priority) into v_tenants, v_priorities
  from howdah_private.due_tenants_after(v_last_tenant_id) as d;
  if coalesce(cardinality(v_tenants), 0) <= 1 then
    return;
  end if;
  v_tenants := v_tenants || array(select distinct e.tenant_id from howdah.executions as e
    where e.id = any (v_ids) and e.id between v_first and v_last
      and e.tenant_id <> all (v_tenants));
  select howdah_private.runs_at_work(v_tenants), howdah_private.weights(v_tenants)
  into v_at_work, v_weights;
  for v_run in
    select e.id::uuid, e.tenant_id from howdah.executions as e
    where e.id = any (v_ids) and e.id between v_first and v_last
      and howdah_private.is_in_queue(e.status, e.waiting_for)
      and greatest(e.run_at, e.wake_at) <= clock_timestamp()
    order by e.priority, greatest(e.run_at, e.wake_at), e.id
  loop
    loop
      select i.place into v_at from generate_subscripts(v_tenants, 1) as i (place)
      where v_priorities[i.place] is not null or v_tenants[i.place] = v_run.tenant_id
      order by v_at_work[i.place]::float8 / v_weights[i.place],
        v_tenants[i.place] <= v_last_tenant_id, v_tenants[i.place] limit 1;
      exit when v_tenants[v_at] = v_run.tenant_id;
      yielding_id := v_run.id;
      select d.* into v_due
      from howdah_private.due_runs(v_tenants[v_at], v_priorities[v_at], 1, v_taken) as d;
      v_priorities[v_at] := v_due.priority;
      replacement_id := v_due.id;
      exit when replacement_id is not null;
    end loop;
    if v_tenants[v_at] <> v_run.tenant_id then
      v_taken := v_taken || replacement_id;
      return next;
    end if;
    v_at_work[v_at] := v_at_work[v_at] + 1;
    v_last_tenant_id := v_tenants[v_at];
  end loop;
end $$;
