-- Limits of running runs: how many runs of an agent, a model, a key or a tenant run at once.
--
-- Exact: all transactions that claim runs of a tenant with such limits, or admit its parked runs,
-- execute one after the other. They hold the tenant's lock (lock_running_limits), which is taken
-- before any row of a run, never after one. They count only committed runs. A transaction
-- that stops a run takes no lock. It adds a job (enqueue_admission), which executes after the
-- commit. Where a tenant has no such limits, none of this happens.

-- Locks the limits of running runs of all tenants of these runs, in the order of tenants.
create or replace function howdah_private.lock_running_limits(ids uuid[]) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (select from howdah.limits as l where l.metric = 'running_runs') then
    return;
  end if;
  perform howdah_private.lock_limits(array(
    select distinct e.tenant_id from howdah.executions as e
    where e.id = any (lock_running_limits.ids) and exists (
      select from howdah.limits as l
      where l.metric = 'running_runs' and l.tenant_id = e.tenant_id
    )
  ));
end $$;

-- Returns whether a run counts for a limit: by its agent, its model, or its key. The model is the
-- one that the run was begun with, else the first of its pinned version (model_chosen). A limit for
-- each key does not hold for a key with a limit of its own.
create or replace function howdah_private.is_limited_by(
  l howdah.limits, agent_id uuid, agent_version_id uuid, model_id text, concurrency_key text
) returns boolean
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select case
    when l.scope = 'key' then coalesce(l.key = is_limited_by.concurrency_key
      or (l.key is null and is_limited_by.concurrency_key is not null
        and not howdah_private.is_replaced(
          l, howdah_private.key_subject(is_limited_by.concurrency_key))), false)
    when l.agent_id is not null then l.agent_id = is_limited_by.agent_id
    when l.model_id is not null and is_limited_by.model_id is not null
      then l.model_id::text = is_limited_by.model_id
    when l.model_id is not null then (
      select v.definition #>> '{models,0,id}' = l.model_id::text
      from howdah.agent_versions as v where v.id = is_limited_by.agent_version_id
    )
    else true end
$$;

-- Returns the model that a run was begun with, or an empty text if the run calls a tool in place of
-- a model. A handoff to another agent ends that choice.
create or replace function howdah_private.model_chosen(overrides jsonb, handoffs int) returns text
  language sql immutable
  return case when model_chosen.handoffs > 0 then null
    when model_chosen.overrides ? 'tool' then ''
    else model_chosen.overrides #>> '{model,id}' end;

-- Returns the limits of running runs of these tenants, and how many more runs each limit allows
-- now. The number is negative if a limit was lowered below its usage. A limit that applies to each
-- concurrency key has one row for each of `keys`, except keys with a limit of their own.
create or replace function howdah_private.remaining_runs(tenants uuid[], keys text[] default '{}')
  returns table (run_limit howdah.limits, key text, room int)
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  with running as materialized (
    select e.tenant_id, e.agent_id, e.agent_version_id,
      howdah_private.model_chosen(e.overrides, e.handoffs) as model_id, e.concurrency_key,
      count(*)::int as runs
    from howdah.executions as e
    where e.status = 'running' and e.waiting_for is null
      and e.tenant_id = any (remaining_runs.tenants)
      and exists (
        select from howdah.limits as l
        where l.metric = 'running_runs' and l.tenant_id = any (remaining_runs.tenants)
      )
    group by 1, 2, 3, 4, 5
  ),
  wanted as (
    select l, l.id, l.tenant_id, l.max_value, null::text as key
    from howdah.limits as l
    where l.metric = 'running_runs' and l.tenant_id = any (remaining_runs.tenants)
      and not howdah_private.applies_to_each(l)
    union all
    select l, l.id, l.tenant_id, l.max_value, k.key
    from howdah.limits as l cross join unnest(remaining_runs.keys) as k (key)
    where l.metric = 'running_runs' and l.tenant_id = any (remaining_runs.tenants)
      and howdah_private.applies_to_each(l)
      and not howdah_private.is_replaced(l, howdah_private.key_subject(k.key))
  )
  select w.l, w.key, w.max_value::int - coalesce((
    select sum(r.runs)::int from running as r
    where r.tenant_id = w.tenant_id and case when w.key is not null then r.concurrency_key = w.key
      else howdah_private.is_limited_by(
        w.l, r.agent_id, r.agent_version_id, r.model_id, r.concurrency_key) end
  ), 0)
  from wanted as w
  order by w.id, w.key
$$;

-- Returns how many more runs of each subject a limit of keys allows now. A limit that does not hold
-- for a subject allows all: the key has a limit of its own by now, or the limit has another key.
create or replace function howdah_private.free_slots_of_keys(l howdah.limits, subjects uuid[])
  returns table (subject_id uuid, room int)
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  with running as materialized (
    select howdah_private.key_subject(e.concurrency_key) as subject_id, count(*)::int as runs
    from howdah.executions as e
    where e.status = 'running' and e.waiting_for is null and e.tenant_id = l.tenant_id
      and e.concurrency_key is not null
    group by 1
  )
  select s.id, case
    when coalesce(howdah_private.key_subject(l.key) <> s.id, howdah_private.is_replaced(l, s.id))
      then 2147483647
    else l.max_value::int - coalesce(r.runs, 0) end
  from unnest(free_slots_of_keys.subjects) as s (id)
  left join running as r on r.subject_id = s.id
  order by s.id
$$;

-- Returns how many runs of a limit run now.
create or replace function howdah_private.running_runs(l howdah.limits) returns int
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select count(*)::int from howdah.executions as e
  where e.status = 'running' and e.waiting_for is null and e.tenant_id = l.tenant_id
    and howdah_private.is_limited_by(l, e.agent_id, e.agent_version_id,
      howdah_private.model_chosen(e.overrides, e.handoffs), e.concurrency_key)
$$;

-- Parks the due runs above a limit, and returns them. Runs are counted by priority and age. Part
-- of a claim, under the lock of the limits.
create or replace function howdah_private.park_over_running_limit(ids uuid[]) returns uuid[]
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_limits howdah.limits[];
  v_keys text[]; -- the key of each limit for each key
  v_room int[];
  v_run record;
  v_features text; -- of the run before: mostly they are the same, and so are the limits
  v_place int;
  v_own int[]; -- places of the limits that the run counts for
  v_full int;
  v_over uuid[] := '{}';
  v_reached uuid[] := '{}';
  v_subjects uuid[] := '{}';
begin
  select array_agg(r.run_limit), array_agg(r.key), array_agg(r.room) into v_limits, v_keys, v_room
  from (
    select array_agg(distinct e.tenant_id) as tenants,
      coalesce(array_agg(distinct e.concurrency_key)
        filter (where e.concurrency_key is not null), '{}') as keys
    from howdah.executions as e where e.id = any (park_over_running_limit.ids)
  ) as t
  cross join lateral howdah_private.remaining_runs(t.tenants, t.keys) as r;
  if v_limits is null then
    return '{}';
  end if;
  for v_run in
    select e.id::uuid, e.tenant_id, e.agent_id, e.agent_version_id, e.concurrency_key,
      howdah_private.model_chosen(e.overrides, e.handoffs) as model_id,
      row(e.tenant_id, e.agent_id, e.agent_version_id, e.concurrency_key,
        howdah_private.model_chosen(e.overrides, e.handoffs))::text as features
    from howdah.executions as e
    where e.id = any (park_over_running_limit.ids)
      and howdah_private.is_in_queue(e.status, e.waiting_for)
      and greatest(e.run_at, e.wake_at) <= clock_timestamp()
    order by e.priority, greatest(e.run_at, e.wake_at), e.id
  loop
    if v_run.features is distinct from v_features then
      v_features := v_run.features;
      v_own := array(
        select i.place from generate_subscripts(v_limits, 1) as i (place)
        where v_limits[i.place].tenant_id = v_run.tenant_id
          and case when v_keys[i.place] is not null then v_keys[i.place] = v_run.concurrency_key
            else howdah_private.is_limited_by(v_limits[i.place], v_run.agent_id,
              v_run.agent_version_id, v_run.model_id, v_run.concurrency_key) end
      );
    end if;
    v_full := (select o.place from unnest(v_own) as o (place) where v_room[o.place] <= 0 limit 1);
    if v_full is not null then
      v_over := v_over || v_run.id;
      v_reached := v_reached || v_limits[v_full].id;
      v_subjects := v_subjects || case when v_limits[v_full].scope = 'key'
        then howdah_private.key_subject(v_run.concurrency_key) end;
    else
      foreach v_place in array v_own loop
        v_room[v_place] := v_room[v_place] - 1;
      end loop;
    end if;
  end loop;
  return case when cardinality(v_over) > 0
    then howdah_private.park_runs(v_over, v_reached, v_subjects) else '{}' end;
end $$;
