-- The rollup of usage. Views of usage read it instead of all runs and steps.
--
--   end of a run   → usage_events      one row, with the figures of the run (record_usage)
--   every second   → usage_totals,     a batch of events is counted and deleted (count_usage):
--                    usage_durations   steps are read here, not in the commit that ends a run
--   later          → the same tables   rows of one day and key are merged (merge_usage)
--
-- Exact at any time: views add what the rollup does not count yet (uncounted_usage), and a
-- transaction that counts an event deletes it. One snapshot shows either.
--
-- A retry takes the figures of the run back by an event with sign -1. Steps are never taken back:
-- counted_steps of the run is the last counted step, so each step counts once over all retries.
--
-- Order of locks: runs, then the row of backfills, then events. Counting locks events alone
-- and skips those that another transaction holds.

-- Adds an event. Called by triggers for a run that ends or is retried, and before the deletion of a
-- run that no event has counted. `e` has the figures of the run at its end.
create or replace function howdah_private.record_usage(
  e howdah.executions, sign int, moves int, first_seq int, last_seq int
) returns void
  language plpgsql volatile security definer -- keeps its plan, since each end of a run calls it
  set search_path = pg_catalog, pg_temp
as $$
begin
  insert into howdah_private.usage_events (
    execution_id, tenant_id, tokens_in, tokens_out, created_at, moves, first_seq, last_seq, steps,
    status, sign, is_root, is_compensation, agent_id, agent_version_id, workflow_id, micros, cost)
  values (
    e.id, e.tenant_id, e.tokens_in, e.tokens_out, e.created_at, record_usage.moves,
    record_usage.first_seq, record_usage.last_seq, e.step_count - coalesce(e.forked_from_seq, 0),
    e.status, record_usage.sign, e.parent_execution_id is null,
    e.compensates_execution_id is not null, e.agent_id, e.agent_version_id, e.workflow_id,
    (extract(epoch from e.completed_at - e.started_at) * 1000000)::bigint, e.cost);
end $$;

-- Records the end of a run, and takes it back at a retry. A run that ended before usage_events
-- existed was counted if the backfill has passed it; its lock keeps the backfill where it is.
create or replace function howdah_private.tg_executions__record_usage() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if new.completed_at is not null then
    perform howdah_private.record_usage(new, 1, new.moves,
      greatest(old.counted_steps, new.forked_from_seq, 0), new.step_count);
    new.counted_steps := new.step_count;
  elsif old.counted_steps is not null or howdah_private.is_backfilled(old.id) then
    perform howdah_private.record_usage(old, -1, new.moves, 0, 0);
    new.counted_steps := old.step_count;
  end if;
  return new;
end $$;

-- Reports whether the backfill has counted a run, and stops it until the transaction ends. Without
-- a row all runs are counted.
create or replace function howdah_private.is_backfilled(id uuid) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_reached uuid;
begin
  select b.reached into v_reached from howdah_private.backfills as b
  where b.name = 'usage' for share;
  return not found or coalesce(v_reached >= is_backfilled.id, false);
end $$;

-- Counts a batch of events, and returns their number. Skips events that another transaction counts.
create or replace function howdah_private.count_usage(batch int default 1000) returns int
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_events howdah_private.usage_events[];
begin
  v_events := array(
    select u from howdah_private.usage_events as u
    where not (select howdah_private.is_batch_job_paused('count_usage'))
    order by u.execution_id, u.moves limit count_usage.batch for update skip locked
  );
  perform howdah_private.count_events(v_events) where cardinality(v_events) > 0;
  return cardinality(v_events);
end $$;

-- Counts the events of runs that are about to be deleted, which the caller has locked. Runs that
-- ended before there were events get theirs here.
create or replace function howdah_private.count_usage_of(ids uuid[]) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
as $$
declare
  v_events howdah_private.usage_events[];
begin
  perform howdah_private.record_usage(
    e, 1, e.moves, coalesce(e.forked_from_seq, 0), e.step_count)
  from howdah.executions as e
  where e.id = any (count_usage_of.ids) and e.completed_at is not null
    and e.counted_steps is null and not howdah_private.is_backfilled(e.id);
  v_events := array(
    select u from howdah_private.usage_events as u where u.execution_id = any (count_usage_of.ids)
    order by u.execution_id, u.moves for update
  );
  perform howdah_private.count_events(v_events) where cardinality(v_events) > 0;
end $$;

-- Moves the figures of runs that are about to be deleted to their sessions, since a limit of a
-- session counts its runs and could no longer find these. Every other sum of the rollup stays the
-- same. The figures of a deleted session lose it when rows are merged.
create or replace function howdah_private.assign_usage_to_sessions(ids uuid[]) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
as $$
  insert into howdah.usage_totals (tenant_id, day, agent_id, agent_version_id, workflow_id,
    user_id, session_id, outcome, runs, roots, steps, tokens_in, tokens_out, cost)
  select e.tenant_id, (e.created_at at time zone 'UTC')::date, e.agent_id, e.agent_version_id,
    e.workflow_id, e.user_id, m.session_id, e.status::text, sum(m.sign),
    sum(m.sign * (e.parent_execution_id is null and e.compensates_execution_id is null)::int),
    sum(m.sign * (e.step_count - coalesce(e.forked_from_seq, 0))), sum(m.sign * e.tokens_in),
    sum(m.sign * e.tokens_out), sum(m.sign * e.cost)
  from howdah.executions as e
  cross join lateral (select howdah_private.session_of_run(e) as id offset 0) as s
  cross join lateral (values (1, s.id), (-1, null)) as m (sign, session_id)
  where e.id = any (assign_usage_to_sessions.ids) and s.id is not null
  group by 1, 2, 3, 4, 5, 6, 7, 8
$$;

-- Adds events to the rollup and deletes them. The caller has locked them.
create or replace function howdah_private.count_events(events howdah_private.usage_events[])
  returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.add_run_usage(count_events.events);
  perform howdah_private.add_step_usage(count_events.events);
  delete from howdah_private.usage_events as u
  using unnest(count_events.events) as c
  where u.execution_id = c.execution_id and u.moves = c.moves;
end $$;

-- Adds the figures of runs. Compensations are not work of their agent. Events of a tenant that is
-- gone are dropped.
--
-- Plan. This is called each second in which a run ends, mostly with few events, and to plan its
-- statements takes longer than to execute them. So the plans are kept, as those of add_step_usage.
-- They read what belongs to a run by keys, whatever the statistics were.
create or replace function howdah_private.add_run_usage(events howdah_private.usage_events[])
  returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
  set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off set jit = off
as $$
begin
  insert into howdah.usage_totals (tenant_id, day, agent_id, agent_version_id, workflow_id,
    user_id, outcome, runs, roots, steps, tokens_in, tokens_out, cost)
  select u.tenant_id, (u.created_at at time zone 'UTC')::date, u.agent_id, u.agent_version_id,
    u.workflow_id, e.user_id, u.status::text, sum(u.sign), sum(u.sign * u.is_root::int),
    sum(u.sign * u.steps), sum(u.sign * u.tokens_in), sum(u.sign * u.tokens_out),
    sum(u.sign * u.cost)
  from unnest(add_run_usage.events) as u
  join howdah.tenants as t on t.id = u.tenant_id
  left join howdah.executions as e on e.id = u.execution_id
  where not u.is_compensation
  group by 1, 2, 3, 4, 5, 6, 7;
  insert into howdah.usage_durations (tenant_id, day, agent_id, agent_version_id, workflow_id,
    calls, buckets, bucket_calls, bucket_micros)
  select b.tenant_id, b.day, b.agent_id, b.agent_version_id, b.workflow_id, sum(b.calls),
    array_agg(b.bucket order by b.bucket), array_agg(b.calls order by b.bucket),
    array_agg(b.micros order by b.bucket)
  from (
    select u.tenant_id, (u.created_at at time zone 'UTC')::date as day, u.agent_id,
      u.agent_version_id, u.workflow_id, howdah_private.duration_bucket(u.micros) as bucket,
      sum(u.sign)::bigint as calls, sum(u.sign * u.micros)::bigint as micros
    from unnest(add_run_usage.events) as u
    join howdah.tenants as t on t.id = u.tenant_id
    where not u.is_compensation and u.micros is not null
    group by 1, 2, 3, 4, 5, 6
  ) as b
  group by 1, 2, 3, 4, 5;
end $$;

-- Adds the figures of steps. Each dimension multiplies the rows, so calls of tools do not tell the
-- user, and the durations of calls tell the month only, and the agent only if it is restricted now,
-- so that grants hide them. What an answer cache answered has no bucket.
--
-- Every step of every run passes here, so steps are read once and summed once, by the keys of both
-- tables, and what is the same for all steps of a run is looked up once for the run. They are
-- hashed: the planner expects a few steps and would sort them by twelve columns.
create or replace function howdah_private.add_step_usage(events howdah_private.usage_events[])
  returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
  set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
  set enable_sort = off set jit = off
as $$
begin
  with runs as materialized (
    select u as event, e.user_id, a.is_restricted
    from unnest(add_step_usage.events) as u
    join howdah.tenants as t on t.id = u.tenant_id
    left join howdah.executions as e on e.id = u.execution_id
    left join howdah.agents as a on a.id = u.agent_id
    where u.last_seq > u.first_seq
  ),
  sums as materialized (
    select (r.event).tenant_id, s.day, (r.event).agent_id, (r.event).agent_version_id,
      (r.event).workflow_id,
      case when s.tool is null or s.tokens_in + s.tokens_out > 0 then r.user_id end as user_id,
      s.kind, s.model_id, s.tool, s.is_error, r.is_restricted,
      case when s.tool is not null or (s.kind = 'model' and s.model_id is not null)
        then case when s.micros is not null then howdah_private.duration_bucket(s.micros) end
      end as bucket,
      count(*) as steps, sum(s.micros)::bigint as micros, sum(s.tokens_in) as tokens_in,
      sum(s.tokens_out) as tokens_out, sum(s.cost) as cost,
      sum(howdah_private.cached_tokens(s.usage, s.tokens_in)) as cached_tokens,
      sum(howdah_private.cache_write_tokens(s.usage, s.tokens_in)) as cache_write_tokens,
      count(*) filter (where s.usage -> 'estimated' = 'true') as estimated_steps
    from runs as r cross join lateral howdah_private.step_usage(r.event) as s
    group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12
  ),
  buckets as (
    select c.tenant_id, date_trunc('month', c.day::timestamp)::date as day,
      case when c.is_restricted then c.agent_id end as agent_id,
      case when c.tool is null then c.model_id end as model_id, c.tool, c.bucket,
      case when c.bucket is null then 0 else sum(c.steps)::bigint end as calls,
      case when c.bucket is null then sum(c.steps)::bigint else 0 end as cached_calls,
      coalesce(sum(c.steps) filter (where c.is_error and c.bucket is not null), 0)::bigint
        as errors, sum(c.micros)::bigint as micros
    from sums as c
    where c.bucket is not null or c.tool is not null
      or (c.kind = 'model' and c.model_id is not null)
    group by 1, 2, 3, 4, 5, 6
  ),
  durations as (
    insert into howdah.usage_durations (tenant_id, day, agent_id, model_id, tool, calls, errors,
      cached_calls, buckets, bucket_calls, bucket_micros)
    select b.tenant_id, b.day, b.agent_id, b.model_id, b.tool, sum(b.calls), sum(b.errors),
      sum(b.cached_calls),
      coalesce(array_agg(b.bucket order by b.bucket) filter (where b.bucket is not null), '{}'),
      coalesce(array_agg(b.calls order by b.bucket) filter (where b.bucket is not null), '{}'),
      coalesce(array_agg(b.micros order by b.bucket) filter (where b.bucket is not null), '{}')
    from buckets as b group by 1, 2, 3, 4, 5
  )
  insert into howdah.usage_totals (tenant_id, day, agent_id, agent_version_id, workflow_id,
    user_id, kind, model_id, tool, outcome, steps, errors, tokens_in, tokens_out, cost,
    cached_tokens, cache_write_tokens, estimated_steps)
  select c.tenant_id, c.day, c.agent_id, c.agent_version_id, c.workflow_id, c.user_id, c.kind,
    c.model_id, c.tool, case when c.is_error then 'error' else 'ok' end, sum(c.steps),
    coalesce(sum(c.steps) filter (where c.is_error), 0), sum(c.tokens_in), sum(c.tokens_out),
    sum(c.cost), sum(c.cached_tokens), sum(c.cache_write_tokens), sum(c.estimated_steps)
  from sums as c
  group by 1, 2, 3, 4, 5, 6, 7, 8, 9, 10;
end $$;

-- Records a batch of the runs that ended before there were events, and returns their number, 0 when
-- all are recorded. `migrate up` repeats it (backfills.ts). Waits for retries of such runs.
create or replace function howdah_private.backfill_usage(batch int default 500) returns int
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
as $$
declare
  v_reached uuid;
  v_ids uuid[];
begin
  select b.reached into v_reached from howdah_private.backfills as b
  where b.name = 'usage' for update;
  if not found then
    return 0;
  end if;
  v_ids := array(
    select e.id::uuid from howdah.executions as e
    where e.id > coalesce(v_reached, '00000000-0000-0000-0000-000000000000')
      and e.completed_at is not null and e.counted_steps is null
    order by e.id limit backfill_usage.batch
  );
  perform howdah_private.record_usage(
    e, 1, e.moves, coalesce(e.forked_from_seq, 0), e.step_count)
  from howdah.executions as e where e.id = any (v_ids);
  update howdah_private.backfills as b set reached = v_ids[cardinality(v_ids)]
  where b.name = 'usage' and cardinality(v_ids) > 0;
  delete from howdah_private.backfills as b where b.name = 'usage' and cardinality(v_ids) = 0;
  return cardinality(v_ids);
end $$;

-- Merges the rows of one day of a tenant that has many unmerged rows, or a few for a day that is
-- over. Returns whether there was such a day. Durations of calls are kept by month, on its first
-- day, and wait for more rows. Two transactions that merge one day each merge the rows that they
-- delete.
create or replace function howdah_private.merge_usage(at_least int default 500) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
as $$
declare
  v_day record;
begin
  select c.tenant_id, c.day into v_day from (
    select o.tenant_id, o.day, count(*) as n, false as is_month from howdah.usage_totals as o
    where not o.is_merged group by 1, 2
    union all
    select o.tenant_id, o.day, count(*), num_nonnulls(o.model_id, o.tool) > 0
    from howdah.usage_durations as o where not o.is_merged group by 1, 2, 4
  ) as c
  where c.n >= case when c.is_month then 4 * merge_usage.at_least
    when c.day < (now() at time zone 'UTC')::date - 1 then least(20, merge_usage.at_least)
    else merge_usage.at_least end
    and not (select howdah_private.is_batch_job_paused('merge_usage'))
  order by c.n desc limit 1;
  if not found then
    return false;
  end if;
  perform howdah_private.merge_totals(v_day.tenant_id, v_day.day);
  perform howdah_private.merge_durations(v_day.tenant_id, v_day.day);
  return true;
end $$;

create or replace function howdah_private.merge_totals(tenant_id uuid, day date) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  with old as (
    delete from howdah.usage_totals as k
    where k.tenant_id = merge_totals.tenant_id and k.day = merge_totals.day returning k.*
  )
  insert into howdah.usage_totals (tenant_id, day, is_merged, agent_id, agent_version_id,
    workflow_id, user_id, session_id, model_id, kind, outcome, tool, runs, roots, steps, errors,
    tokens_in, tokens_out, cached_tokens, cache_write_tokens, estimated_steps, cost)
  select o.tenant_id, o.day, true, o.agent_id, o.agent_version_id, o.workflow_id, u.id, s.id,
    o.model_id, o.kind, o.outcome, o.tool, sum(o.runs), sum(o.roots), sum(o.steps), sum(o.errors),
    sum(o.tokens_in), sum(o.tokens_out), sum(o.cached_tokens), sum(o.cache_write_tokens),
    sum(o.estimated_steps), sum(o.cost)
  from old as o -- the user or session may be deleted
  left join howdah.users as u on u.tenant_id = o.tenant_id and u.id = o.user_id
  left join howdah.sessions as s on s.tenant_id = o.tenant_id and s.id = o.session_id
  group by 1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12
$$;

create or replace function howdah_private.merge_durations(tenant_id uuid, day date) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  with old as (
    delete from howdah.usage_durations as k
    where k.tenant_id = merge_durations.tenant_id and k.day = merge_durations.day returning k.*
  )
  insert into howdah.usage_durations (tenant_id, day, is_merged, agent_id, agent_version_id,
    workflow_id, model_id, tool, calls, errors, cached_calls, buckets, bucket_calls,
    bucket_micros)
  select j.tenant_id, j.day, true, j.agent_id, j.agent_version_id, j.workflow_id, j.model_id,
    j.tool, j.calls, j.errors, j.cached_calls, coalesce((j.histogram).buckets, '{}'),
    coalesce((j.histogram).calls, '{}'), coalesce((j.histogram).micros, '{}')
  from (
    select o.tenant_id, o.day, o.agent_id, o.agent_version_id, o.workflow_id, o.model_id, o.tool,
      sum(o.calls) as calls, sum(o.errors) as errors, sum(o.cached_calls) as cached_calls,
      howdah_private.merge_histograms(array_agg(
        row(o.buckets, o.bucket_calls, o.bucket_micros)::howdah_private.histogram)) as histogram
    from old as o
    group by 1, 2, 3, 4, 5, 6, 7
    offset 0 -- merges once
  ) as j
  where (j.histogram).buckets is not null or j.cached_calls > 0
$$;
