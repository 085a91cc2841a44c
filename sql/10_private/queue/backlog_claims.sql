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
  v_tenants uuid[];
  v_priorities smallint[]; -- of the first due run of each tenant
  v_slots int[] := array[claim_backlog.room];
  v_workers int;
begin
  select array_agg(d.tenant_id), array_agg(d.priority) into v_tenants, v_priorities
  from howdah_private.due_tenants_after(claim_backlog.last_tenant_id) as d;
  if v_tenants is null then
    return '{}';
  elsif cardinality(v_tenants) > 1 then
    v_slots := howdah_private.share_slots(howdah_private.runs_at_work(v_tenants),
      howdah_private.weights(v_tenants), claim_backlog.room);
  end if;
  v_workers := greatest((
    select count(*) from howdah_private.workers as w
    where w.only_tenants is null and w.only_run is null
  ), 1);
  return array(
    select r.id
    from unnest(v_tenants, v_priorities, v_slots) as t (id, priority, slots)
    cross join lateral (
      select d.id, d.place, count(*) over () as due_runs
      from howdah_private.due_runs(
        t.id, t.priority, t.slots * v_workers, claim_backlog.except_ids
      ) with ordinality as d (id, priority, place)
    ) as r
    where t.slots > 0 and r.place <= least(ceil(r.due_runs::numeric / v_workers), t.slots)
  );
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
  grants as (
    select t.place
    from tenants as t cross join level as l
    cross join lateral generate_series(0, ceil(l.load * t.weight)::int - t.at_work) as s (slot)
    order by (t.at_work + s.slot)::float8 / t.weight, t.place
    limit share_slots.slots
  )
  select array_agg(coalesce(g.slots, 0) order by t.place)
  from tenants as t
  left join (select s.place, count(*)::int as slots from grants as s group by s.place) as g
    using (place)
$$;
