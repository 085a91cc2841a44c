-- Claims beyond the wake-ups that came: as many due runs as a worker has room for. Under a backlog
-- it need not wait for each wake-up in turn. A worker that starts, or that hears of due runs which
-- another worker has no room for, finds them here.
--
-- The room is shared out slot by slot: each slot goes to the tenant with the fewest runs at work
-- for its weight. Of the runs of a tenant the worker takes only its part, as if all workers asked
-- at the same moment, so that others with room find some too.
create or replace function howdah_private.claim_backlog(
  last_tenant_id uuid, room int, except_ids uuid[]
) returns uuid[]
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenants uuid[] := array(
    select d.tenant_id from howdah_private.due_tenants_after(claim_backlog.last_tenant_id) as d
  );
  v_slots int[] := array[claim_backlog.room];
  v_workers int;
begin
  if cardinality(v_tenants) = 0 then
    return '{}';
  elsif cardinality(v_tenants) > 1 then
    v_slots := howdah_private.share_slots(howdah_private.runs_at_work(v_tenants),
      howdah_private.weights(v_tenants), claim_backlog.room);
  end if;
  v_workers := greatest((
    select count(*) from howdah_private.workers as w where w.only_tenants is null
  ), 1);
  return array(
    select r.id
    from unnest(v_tenants, v_slots) as t (id, slots)
    cross join lateral (
      select d.id, d.place, count(*) over () as due_runs
      from unnest(
        howdah_private.due_runs(t.id, t.slots * v_workers, claim_backlog.except_ids)
      ) with ordinality as d (id, place)
    ) as r
    where t.slots > 0 and r.place <= least(ceil(r.due_runs::numeric / v_workers), t.slots)
  );
end $$;

-- Returns the first due runs of a tenant, by priority and then by the time at which they were due.
-- Each priority is read on its own: within one, the index is in the order of due times, so runs
-- that sleep are not read. `enable_sort`: see fair_share_claims.sql.
create or replace function howdah_private.due_runs(
  tenant_id uuid, max_count int, except_ids uuid[]
) returns uuid[]
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
  set enable_sort = off set plan_cache_mode = force_generic_plan
as $$
declare
  v_ids record := howdah_private.shared_ids();
  v_now timestamptz := clock_timestamp();
  v_due uuid[] := '{}';
  v_priority int := -32769; -- below every smallint
begin
  loop
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
    exit when v_priority is null;
    v_due := v_due || array(
      select r.id
      from (
        (select e.id::uuid as id, greatest(e.run_at, e.wake_at) as due_at
        from howdah.executions as e
        where e.status = 'queued' and e.waiting_for is null
          and e.tenant_id = due_runs.tenant_id and e.priority = v_priority
          and greatest(e.run_at, e.wake_at) <= v_now
          and e.id <> all (due_runs.except_ids) and e.id between v_ids.oldest and v_ids.youngest
        order by e.status, e.waiting_for, e.tenant_id, e.priority, greatest(e.run_at, e.wake_at)
        limit due_runs.max_count)
        union all
        (select e.id::uuid, greatest(e.run_at, e.wake_at)
        from howdah.executions as e
        where e.status = 'waiting' and e.waiting_for = 'timer'
          and e.tenant_id = due_runs.tenant_id and e.priority = v_priority
          and greatest(e.run_at, e.wake_at) <= v_now
          and e.id <> all (due_runs.except_ids) and e.id between v_ids.oldest and v_ids.youngest
        order by e.status, e.waiting_for, e.tenant_id, e.priority, greatest(e.run_at, e.wake_at)
        limit due_runs.max_count)
      ) as r
      order by r.due_at, r.id
      limit due_runs.max_count - cardinality(v_due)
    );
    exit when cardinality(v_due) >= due_runs.max_count;
  end loop;
  return v_due;
end $$;

-- Returns how many of the free slots each tenant gets, in the order of the arrays. A slot goes to
-- the tenant with the fewest runs for its weight, counting those at work and the slots it got
-- before; among equals to the first. All slots are given in one statement: `level` is the number of
-- runs per weight that all tenants could have, if runs could be divided. A tenant takes part with
-- one run more than that at most, so the slots are the first of few candidates.
create or replace function howdah_private.share_slots(at_work int[], weights int[], slots int)
  returns int[]
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  with tenants as (
    select t.place, t.at_work, t.weight, t.at_work::float8 / t.weight as load
    from unnest(share_slots.at_work, share_slots.weights) with ordinality
      as t (at_work, weight, place)
  ),
  level as (
    select min((share_slots.slots + l.at_work) / l.weight) as load
    from (
      select sum(t.at_work) over w as at_work, (sum(t.weight) over w)::float8 as weight
      from tenants as t window w as (order by t.load)
    ) as l
  ),
  given as (
    select t.place
    from tenants as t cross join level as l
    cross join lateral generate_series(0, ceil(l.load * t.weight)::int - t.at_work) as s (slot)
    order by (t.at_work + s.slot)::float8 / t.weight, t.place
    limit share_slots.slots
  )
  select array_agg(coalesce(g.slots, 0) order by t.place)
  from tenants as t
  left join (select s.place, count(*)::int as slots from given as s group by s.place) as g
    using (place)
$$;
