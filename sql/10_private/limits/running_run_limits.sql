-- Limits of running runs: how many runs of an agent, of a model or of a tenant run at once.
--
-- Exact: all transactions that claim runs of a tenant with such limits, or admit its parked runs,
-- execute one after the other. They hold the tenant's advisory lock (lock_running_limits), which
-- is taken before any row of a run, never after one. They count only committed runs. A transaction
-- that stops a run takes no lock. It adds a job (enqueue_admission), which executes after the
-- commit. Where a tenant has no such limits, none of this happens.

-- Returns the advisory lock of a tenant's limits of running runs. The row of a limit is not
-- locked, since a slow transaction that edits a limit must delay nobody.
create or replace function howdah_private.running_lock_key(tenant_id uuid) returns bigint
  language sql immutable parallel safe
  return hashtextextended('howdah.running ' || running_lock_key.tenant_id::text, 0);

-- Locks the limits of running runs of all tenants of these runs, in the order of tenants.
create or replace function howdah_private.lock_running_limits(ids uuid[]) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id uuid;
begin
  if not exists (select from howdah.limits as l where l.metric = 'running_runs') then
    return;
  end if;
  for v_tenant_id in
    select distinct e.tenant_id from howdah.executions as e
    where e.id = any (lock_running_limits.ids) and exists (
      select from howdah.limits as l
      where l.metric = 'running_runs' and l.tenant_id = e.tenant_id
    )
    order by e.tenant_id
  loop
    perform pg_advisory_xact_lock(howdah_private.running_lock_key(v_tenant_id));
  end loop;
end $$;

-- Returns whether a run counts for a limit: by its agent, or by its model. The model is the one
-- that the run was begun with, else the first of its pinned version.
create or replace function howdah_private.is_limited_by(
  l howdah.limits, agent_id uuid, agent_version_id uuid, model_id text
) returns boolean
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select case
    when l.agent_id is not null then l.agent_id = is_limited_by.agent_id
    when l.model_id is not null and is_limited_by.model_id is not null
      then l.model_id::text = is_limited_by.model_id
    when l.model_id is not null then (
      select v.definition #>> '{models,0,id}' = l.model_id::text
      from howdah.agent_versions as v where v.id = is_limited_by.agent_version_id
    )
    else true end
$$;

-- Returns the model that a run was begun with. A handoff to another agent ends that choice.
create or replace function howdah_private.model_chosen(overrides jsonb, handoffs int) returns text
  language sql immutable
  return case when model_chosen.handoffs = 0 then model_chosen.overrides #>> '{model,id}' end;

-- Returns the limits of running runs of these tenants, and how many more runs each allows now:
-- below zero after a limit was lowered.
create or replace function howdah_private.remaining_runs(tenants uuid[])
  returns table (run_limit howdah.limits, room int)
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  with running as materialized (
    select e.tenant_id, e.agent_id, e.agent_version_id,
      howdah_private.model_chosen(e.overrides, e.handoffs) as model_id, count(*)::int as runs
    from howdah.executions as e
    where e.status = 'running' and e.waiting_for is null
      and e.tenant_id = any (remaining_runs.tenants)
      and exists (
        select from howdah.limits as l
        where l.metric = 'running_runs' and l.tenant_id = any (remaining_runs.tenants)
      )
    group by 1, 2, 3, 4
  )
  select l, l.max_value::int - coalesce((
    select sum(r.runs)::int from running as r
    where r.tenant_id = l.tenant_id
      and howdah_private.is_limited_by(l, r.agent_id, r.agent_version_id, r.model_id)
  ), 0)
  from howdah.limits as l
  where l.metric = 'running_runs' and l.tenant_id = any (remaining_runs.tenants)
  order by l.id
$$;

-- Returns how many runs of a limit run now.
create or replace function howdah_private.running_runs(l howdah.limits) returns int
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select count(*)::int from howdah.executions as e
  where e.status = 'running' and e.waiting_for is null and e.tenant_id = l.tenant_id
    and howdah_private.is_limited_by(l, e.agent_id, e.agent_version_id,
      howdah_private.model_chosen(e.overrides, e.handoffs))
$$;

-- Parks the due runs above a limit, and returns them. Runs are counted by priority and age. Part
-- of a claim, under the lock of the limits.
create or replace function howdah_private.park_over_running_limit(ids uuid[]) returns uuid[]
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_limits howdah.limits[];
  v_room int[];
  v_run record;
  v_own int[]; -- places of the limits that the run counts for
  v_full int;
  v_over uuid[] := '{}';
  v_reached uuid[] := '{}';
begin
  select array_agg(r.run_limit), array_agg(r.room) into v_limits, v_room
  from howdah_private.remaining_runs(array(
    select distinct e.tenant_id from howdah.executions as e
    where e.id = any (park_over_running_limit.ids))) as r;
  if v_limits is null then
    return '{}';
  end if;
  for v_run in
    select e.id::uuid, e.tenant_id, e.agent_id, e.agent_version_id,
      howdah_private.model_chosen(e.overrides, e.handoffs) as model_id
    from howdah.executions as e
    where e.id = any (park_over_running_limit.ids)
      and howdah_private.is_in_queue(e.status, e.waiting_for)
      and greatest(e.run_at, e.wake_at) <= clock_timestamp()
    order by e.priority, greatest(e.run_at, e.wake_at), e.id
  loop
    v_own := array(
      select i.place from generate_subscripts(v_limits, 1) as i (place)
      where v_limits[i.place].tenant_id = v_run.tenant_id and howdah_private.is_limited_by(
        v_limits[i.place], v_run.agent_id, v_run.agent_version_id, v_run.model_id)
    );
    v_full := (select o.place from unnest(v_own) as o (place) where v_room[o.place] <= 0 limit 1);
    if v_full is not null then
      v_over := v_over || v_run.id;
      v_reached := v_reached || v_limits[v_full].id;
    else
      v_room := array(
        select r.room - (r.place = any (v_own))::int
        from unnest(v_room) with ordinality as r (room, place)
        order by r.place);
    end if;
  end loop;
  return case when cardinality(v_over) > 0
    then howdah_private.park_runs(v_over, v_reached, null) else '{}' end;
end $$;
