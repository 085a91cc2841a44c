-- Claims of workers with a scope (`howdah worker --only`), which run only the runs of some tenants,
-- agents or workflows.
--
-- Wake-ups carry no scope, so such a worker takes none. It searches for due runs of its own
-- whenever a job is added to the queue, and once per second. A run that it claims loses its
-- wake-up. Runs outside of the scope keep theirs for other workers. Other workers may claim runs
-- inside the scope as well.
--
-- A run below a run of an agent belongs to that agent's scope, whichever agent it runs. So a lone
-- worker for one agent brings the runs of that agent to their end. A run that was handed over to
-- another agent stays in the scope too.
--
-- For a scope of tenants, the search reads the first rows of executions_live_idx. For a scope of
-- agents, it reads all due runs of the tenant. So a worker searches less often the longer its
-- searches take (workers/due-work-poller.ts).

-- Returns the due runs for a scoped worker: shared among tenants by their weights, and within a
-- tenant ordered by priority, then age. The age has no lower bound, unlike in claim_backlog, since
-- no wake-up will bring the old runs.
create or replace function howdah_private.runs_in_scope(
  scope howdah_private.workers, last_tenant_id uuid, room int
) returns uuid[]
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set enable_sort = off
  set plan_cache_mode = force_generic_plan set jit = off
as $$
declare
  v_tenants uuid[] := (runs_in_scope.scope).only_tenants;
  v_members uuid[] := (runs_in_scope.scope).only_members;
  v_now timestamptz := clock_timestamp();
begin
  return array(
    with tenants as (
      select t.id, t.at_work, t.weight
      from unnest(
        v_tenants, howdah_private.runs_at_work(v_tenants), howdah_private.weights(v_tenants)
      ) as t (id, at_work, weight)
    ),
    due as (
      select t.id as tenant_id, t.at_work, t.weight, r.id,
        row_number() over (partition by t.id order by r.priority, r.due_at, r.id) as place
      from tenants as t cross join lateral (
        (select e.id::uuid, e.priority, greatest(e.run_at, e.wake_at) as due_at
          from howdah.executions as e
        where e.status = 'queued' and e.waiting_for is null and e.tenant_id = t.id
          and greatest(e.run_at, e.wake_at) <= v_now
          and e.crashes_without_progress < howdah_private.suspect_deaths()
          and (v_members is null or e.agent_id = any (v_members) or e.workflow_id = any (v_members)
            or ((e.depth > 0 or e.handoffs > 0)
              and howdah_private.descends_from_agent(e.id, e.ancestors, v_members)))
        order by e.status, e.waiting_for, e.tenant_id, e.priority, greatest(e.run_at, e.wake_at)
        limit runs_in_scope.room)
        union all
        (select e.id::uuid, e.priority, greatest(e.run_at, e.wake_at) from howdah.executions as e
        where e.status = 'waiting' and e.waiting_for = 'timer' and e.tenant_id = t.id
          and greatest(e.run_at, e.wake_at) <= v_now
          and e.crashes_without_progress < howdah_private.suspect_deaths()
          and (v_members is null or e.agent_id = any (v_members) or e.workflow_id = any (v_members)
            or ((e.depth > 0 or e.handoffs > 0)
              and howdah_private.descends_from_agent(e.id, e.ancestors, v_members)))
        order by e.status, e.waiting_for, e.tenant_id, e.priority, greatest(e.run_at, e.wake_at)
        limit runs_in_scope.room)
      ) as r
    )
    select d.id from due as d
    order by (d.at_work + d.place)::float8 / d.weight,
      coalesce(d.tenant_id <= runs_in_scope.last_tenant_id, false), d.tenant_id
    limit runs_in_scope.room
  );
end $$;

-- Returns whether the run or one of its ancestors started with one of these agents or workflows, or
-- has one of them now.
create or replace function howdah_private.descends_from_agent(
  id uuid, ancestors uuid[], members uuid[]
) returns boolean
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select from howdah.executions as e
    where e.id = any (descends_from_agent.ancestors || descends_from_agent.id)
      and (e.agent_id = any (descends_from_agent.members)
        or e.workflow_id = any (descends_from_agent.members)
        or (e.handoffs > 0
          and howdah_private.first_agent_of(e.id) = any (descends_from_agent.members)))
  )
$$;

-- Returns whether a worker with a scope takes a run.
create or replace function howdah_private.is_in_scope(
  worker howdah_private.workers, e howdah.executions
) returns boolean
  language sql stable
  return (worker).only_tenants is null or (
    e.tenant_id = any ((worker).only_tenants) and ((worker).only_members is null
      or e.agent_id = any ((worker).only_members) or e.workflow_id = any ((worker).only_members)
      or ((e.depth > 0 or e.handoffs > 0)
        and howdah_private.descends_from_agent(e.id, e.ancestors, (worker).only_members))));

-- Reports whether any work is left for a worker. For most workers, that is a due job with attempts
-- left, even one that another worker is doing. For a worker with a scope, it is a due run of its
-- own, or a job other than a wake-up. Every worker writes due answers of watched tables. Returns
-- true for a worker that is not registered at the moment, since the answer is unknown.
create or replace function howdah_private.has_due_work(worker uuid) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_worker howdah_private.workers;
begin
  select w.* into v_worker from howdah_private.workers as w where w.id = has_due_work.worker;
  return v_worker.id is null
    or (v_worker.only_tenants is not null
      and cardinality(howdah_private.runs_in_scope(v_worker, null, 1)) > 0)
    or howdah_private.has_due_suspect(v_worker)
    or exists (
      select from graphile_worker.jobs as j
      where j.run_at <= clock_timestamp() and j.attempts < j.max_attempts
        and (j.task_identifier <> 'advance' or v_worker.only_tenants is null)
    )
    or exists (
      select from howdah_private.due_answers as d
      where d.due_at <= clock_timestamp()
        and not (select howdah_private.is_batch_job_paused('write_answer'))
    );
end $$;
