-- Usage totals of deleted runs, which limits count that are made later. The transaction that
-- deletes runs adds their figures. Views have them in the rollup (usage_rollup.sql).

-- Adds the usage of runs that are about to be deleted: a sorted list of runs, or all runs between
-- two ids. The caller of a list holds row locks on the runs and the lock against the counting of
-- months (lock_runs_for_deletion), so that nobody else counts the runs. Runs of a closed month are
-- counted already. Uses a custom plan: a list is a lookup by key, a range is a scan of a whole
-- month.
create or replace function howdah_private.roll_up_usage(
  ids uuid[], first_id uuid default null, last_id uuid default null
) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
as $$
declare
  v_first_id uuid := coalesce(roll_up_usage.first_id, roll_up_usage.ids[1]);
  v_last_id uuid := coalesce(
    roll_up_usage.last_id, roll_up_usage.ids[cardinality(roll_up_usage.ids)]);
begin
  insert into howdah.deleted_step_usage as k
    (tenant_id, day, kind, model_id, tool, steps, errors, tokens_in, tokens_out, cost,
      cached_tokens, cache_write_tokens, estimated_steps)
  select s.tenant_id, (s.started_at at time zone 'UTC')::date, s.kind, s.model_id, t.tool,
    count(*), count(s.error), coalesce(sum(s.tokens_in), 0), coalesce(sum(s.tokens_out), 0),
    coalesce(sum(s.cost), 0),
    sum(howdah_private.cached_tokens(u.usage, s.tokens_in)),
    sum(howdah_private.cache_write_tokens(u.usage, s.tokens_in)),
    count(*) filter (where u.usage -> 'estimated' = 'true')
  from howdah.steps as s
  join howdah.executions as e on e.id = s.execution_id and s.seq > coalesce(e.forked_from_seq, 0)
  cross join lateral (
    select case when s.kind = 'tool' and howdah_private.is_tool_call_id(s.call_id) then s.name end
  ) as t (tool)
  cross join lateral ( -- offset 0: a large output is decompressed once
    select case when s.model_id is not null then s.output -> 'usage' end offset 0
  ) as u (usage)
  where e.id between v_first_id and v_last_id
    and s.execution_id between v_first_id and v_last_id
    and (roll_up_usage.ids is null
      or (e.id = any (roll_up_usage.ids) and s.execution_id = any (roll_up_usage.ids)))
    and (s.model_id is not null or t.tool is not null)
    and not exists (select from howdah_private.counted_months() as m
      where e.id >= m.first_id and e.id < m.next_id)
  group by 1, 2, 3, 4, 5 order by 1, 2, 3, 4, 5
  on conflict (tenant_id, day, kind, model_id, tool) do update
  set steps = k.steps + excluded.steps, errors = k.errors + excluded.errors,
    tokens_in = k.tokens_in + excluded.tokens_in, tokens_out = k.tokens_out + excluded.tokens_out,
    cost = k.cost + excluded.cost, cached_tokens = k.cached_tokens + excluded.cached_tokens,
    cache_write_tokens = k.cache_write_tokens + excluded.cache_write_tokens,
    estimated_steps = k.estimated_steps + excluded.estimated_steps;
  insert into howdah.deleted_run_usage as k
    (tenant_id, day, agent_id, agent_version_id, workflow_id, runs, roots, completed, failed,
      cancelled, steps, tokens_in, tokens_out, cost)
  select e.tenant_id, (e.created_at at time zone 'UTC')::date, e.agent_id, e.agent_version_id,
    e.workflow_id, count(*), count(*) filter (where e.parent_execution_id is null),
    count(*) filter (where e.status = 'completed'), count(*) filter (where e.status = 'failed'),
    count(*) filter (where e.status = 'cancelled'),
    sum(e.step_count - coalesce(e.forked_from_seq, 0)),
    sum(e.tokens_in), sum(e.tokens_out), sum(e.cost)
  from howdah.executions as e
  where e.id between v_first_id and v_last_id
    and (roll_up_usage.ids is null or e.id = any (roll_up_usage.ids))
    and e.compensates_execution_id is null
    and not exists (select from howdah_private.counted_months() as m
      where e.id >= m.first_id and e.id < m.next_id)
  group by 1, 2, 3, 4, 5 order by 1, 2, 3, 4, 5
  on conflict (tenant_id, day, agent_id, agent_version_id, workflow_id) do update
  set runs = k.runs + excluded.runs, roots = k.roots + excluded.roots,
    completed = k.completed + excluded.completed, failed = k.failed + excluded.failed,
    cancelled = k.cancelled + excluded.cancelled, steps = k.steps + excluded.steps,
    tokens_in = k.tokens_in + excluded.tokens_in, tokens_out = k.tokens_out + excluded.tokens_out,
    cost = k.cost + excluded.cost;
  perform howdah_private.roll_up_subjects(roll_up_usage.ids, v_first_id, v_last_id);
end $$;

-- Adds the usage of the same runs to their users and sessions. Leaves out the sessions of a whole
-- month: they are inactive and are deleted with the month, so their totals would be deleted at
-- once. Until then their usage is summed from their runs, in a closed month too.
create or replace function howdah_private.roll_up_subjects(
  ids uuid[], first_id uuid, last_id uuid
) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
as $$
begin
  insert into howdah_private.deleted_subject_usage as k
    (tenant_id, scope, subject_id, day, roots, tokens, cost)
  select e.tenant_id, s.scope, s.id, (e.created_at at time zone 'UTC')::date,
    count(*) filter (where e.parent_execution_id is null and e.compensates_execution_id is null),
    sum(e.tokens_in + e.tokens_out), sum(e.cost)
  from howdah.executions as e
  cross join lateral (
    select 'user'::howdah.limit_scope, e.user_id
    where not exists (
      select from howdah_private.counted_months() as m
      where e.id >= m.first_id and e.id < m.next_id)
    union all
    select 'session', howdah_private.session_of_run(e) where roll_up_subjects.ids is not null
  ) as s (scope, id)
  where e.id between roll_up_subjects.first_id and roll_up_subjects.last_id
    and (roll_up_subjects.ids is null or e.id = any (roll_up_subjects.ids)) and s.id is not null
  group by 1, 2, 3, 4 order by 1, 2, 3, 4
  on conflict (tenant_id, scope, subject_id, day) do update
  set roots = k.roots + excluded.roots, tokens = k.tokens + excluded.tokens,
    cost = k.cost + excluded.cost;
end $$;

-- Locks runs that are to be deleted, in the order of locks. Returns the runs that still exist,
-- sorted.
create or replace function howdah_private.lock_runs_for_deletion(ids uuid[]) returns uuid[]
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.block_usage_counting();
  return array(
    select r.id from (
      select e.id::uuid as id from howdah.executions as e
      where e.id = any (lock_runs_for_deletion.ids) order by e.depth, e.id for update
    ) as r
    order by r.id);
end $$;

-- Serializes the deletion of runs and the counting of months. While this transaction lasts, no
-- month is frozen, and no frozen month is counted. Must be called before any lock on rows that both
-- write, also in a transaction that deletes twice.
create or replace function howdah_private.block_usage_counting() returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  lock table howdah.executions in row exclusive mode;
  perform from howdah_private.closed_months as m
  where m.dropped_at is null and m.runs is null order by m.month for share;
end $$;

-- Returns the months that are counted and not yet dropped. Views call it, so every role may.
create or replace function howdah_private.counted_months()
  returns table (first_id uuid, next_id uuid)
  language sql stable parallel safe security definer rows 1
  set search_path = pg_catalog, pg_temp
as $$
  select m.first_id, m.next_id from howdah_private.closed_months as m
  where m.dropped_at is null and m.runs is not null
$$;
