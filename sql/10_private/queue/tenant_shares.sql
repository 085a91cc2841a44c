-- Returns how many runs each tenant has at work over all workers, and which tenants could use more.
-- The tenants are those given, and some that have due runs, in turn after the tenant that was
-- served last. `due` means that a run of the tenant is due and the tenant has reached no limit of
-- running runs. A tenant at a limit of its own gets no room from others, since its runs might not
-- start in it. `other_workers` is the number of other workers that might take wake-ups.
-- Limits of keys do not count here: they stop the runs of one key, not the tenant.
--
-- A worker without room calls this to decide which runs should yield
-- (src/runtime/scheduling/plan-preemption.ts).
create or replace function howdah_private.shares(after uuid, tenants uuid[])
  returns table (tenant_id uuid, at_work int, due boolean, other_workers int, weight int)
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan set jit = off
as $$
  with due as materialized (
    select coalesce(array_agg(d.tenant_id), '{}') as tenants
    from howdah_private.due_tenants_after(shares.after) as d
  ),
  candidates as materialized (
    select array(
      select t.id from unnest(d.tenants || shares.tenants) as t (id) group by t.id
    ) as tenants, d.tenants as due
    from due as d
  )
  select t.id, t.runs, t.id = any (a.due) and t.id <> all (l.reached),
    (select count(*)::int - 1 from howdah_private.workers as w where w.only_tenants is null),
    t.weight
  from candidates as a
  cross join lateral (
    select coalesce(array_agg((r.run_limit).tenant_id), '{}') as reached
    from howdah_private.remaining_runs(a.due) as r
    where r.room <= 0 and (r.run_limit).scope <> 'key'
  ) as l
  cross join lateral unnest(
    a.tenants, howdah_private.runs_at_work(a.tenants), howdah_private.weights(a.tenants)
  ) as t (id, runs, weight)
$$;
