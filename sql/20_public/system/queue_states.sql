-- The queue of a tenant, for people who are not operators: howdah.queue_health has the figures of
-- all tenants. The functions have the rights of the caller, so runs of hidden agents do not count.
-- They read the oldest 10,000 live runs, by an index. So a page never waits for a long count.

-- Returns the oldest live runs of the caller's tenant. Few indexes begin with a tenant, so the
-- order by id finds them without a sort.
create or replace function howdah_private.oldest_live_runs()
  returns table (
    id uuid, status howdah.execution_status, waiting_for howdah.waiting_reason,
    agent_id uuid, workflow_id uuid, priority smallint, created_at timestamptz, due_at timestamptz
  )
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select e.id, e.status, e.waiting_for, e.agent_id, e.workflow_id, e.priority, e.created_at,
    greatest(e.run_at, e.wake_at)
  from howdah.executions as e
  where e.tenant_id = (select howdah.current_tenant()) and e.completed_at is null
  order by e.id
  limit 10000
$$;

create or replace function howdah.queue_states()
  returns table (
    status howdah.execution_status, waiting_for howdah.waiting_reason, runs bigint, due_runs bigint,
    oldest_due_at timestamptz, oldest_due_id uuid, next_due_at timestamptz
  )
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select r.status, r.waiting_for, count(*), count(*) filter (where d.is_due),
    min(r.due_at) filter (where d.is_due),
    (array_agg(r.id order by r.due_at, r.id) filter (where d.is_due))[1],
    min(r.due_at) filter (where not d.is_due)
  from howdah_private.oldest_live_runs() as r
  cross join lateral (
    select (r.status = 'queued' or r.waiting_for = 'timer') and r.due_at <= now() as is_due
  ) as d
  group by r.status, r.waiting_for
  order by r.status, r.waiting_for nulls first
$$;
comment on function howdah.queue_states() is
  'Live runs of the tenant by status and by what they wait for: select * from '
  'howdah.queue_states(). due_runs could begin now, the first of them since oldest_due_at. '
  'next_due_at is the time of the next one. Counts the oldest 10,000 live runs that the caller may '
  'see.';

create or replace function howdah.next_runs(most int default 20)
  returns table (
    execution_id uuid, status howdah.execution_status, agent text, workflow text,
    priority smallint, created_at timestamptz, due_at timestamptz
  )
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  with runs as materialized (
    select r.* from howdah_private.oldest_live_runs() as r
    where r.status = 'queued' or r.waiting_for = 'timer'
    order by r.due_at, r.id
    limit greatest(0, least(next_runs.most, 1000))
  )
  select r.id, r.status, a.name, w.name, r.priority, r.created_at, r.due_at
  from runs as r
  left join howdah.agents as a on a.id = r.agent_id
  left join howdah.workflows as w on w.id = r.workflow_id
  order by r.due_at, r.id
$$;
comment on function howdah.next_runs(int) is
  'Runs of the tenant that are due next, queued or waiting for a time, the oldest first: select * '
  'from howdah.next_runs(). At most 1,000, from the oldest 10,000 live runs that the caller may '
  'see. Workers also regard priorities, limits and the shares of tenants.';

-- Workers serve all tenants, so a tenant sees no host, process or release, and counts its own runs.
create or replace function howdah.live_workers()
  returns table (
    started_at timestamptz, heartbeat_at timestamptz, is_dedicated boolean, running_runs bigint
  )
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select w.started_at, w.heartbeat_at, w.only_tenants is not null,
    (select count(*) from howdah_private.run_heads as h
      where h.owner_worker = w.id and h.tenant_id = t.id)
  from (select howdah.current_tenant() as id) as t
  join howdah_private.workers as w
    on w.only_tenants is null or t.id = any (w.only_tenants)
  where t.id is not null and w.only_run is null
    and w.heartbeat_at > clock_timestamp() - interval '10 seconds'
  order by w.started_at, w.id
$$;
comment on function howdah.live_workers() is
  'Workers that take runs of the tenant and have reported within ten seconds: select * from '
  'howdah.live_workers(). running_runs counts runs of this tenant alone. is_dedicated: the worker '
  'takes runs of chosen tenants only (howdah worker --only).';
