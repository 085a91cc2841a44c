-- The first counters of a new usage limit: what was used before the limit existed counts.
--
-- The transaction that makes a limit of runs or storage blocks those who insert runs or store files
-- (usage_lock_key), counts what exists, and writes the counters. Later inserts find the limit. A
-- limit of one tenant does not block commits of steps, since a hot path must not wait for the
-- transaction that edits a limit. A limit of the system does, until its transaction ends. Tokens
-- and cost of concurrent commits are counted again once no transaction is left that did not see the
-- limit (recount_limit).

-- The rollup of usage (usage_rollup.sql) has what counts for limits of a day, a month or no period:
-- runs and calls by the day, deleted runs included. Periods follow the calendar in UTC, so a period
-- is a number of whole days. The rollup knows no hours and, except for deleted runs, no sessions.
-- Limits per minute or hour, and limits of a session, are counted from the runs and steps.

-- Returns whether the rollup has what counts for a limit of runs, tokens or cost.
create or replace function howdah_private.is_rolled_up(l howdah.limits) returns boolean
  language sql immutable
  return l.scope in ('tenant', 'user', 'agent', 'system')
    and coalesce(l.period in ('day', 'month'), true);

-- Returns the use since a time per subject, with what was used before the limit existed. One
-- statement reads existing and deleted runs, so that none is missed or counted twice.
create or replace function howdah_private.usage_since(l howdah.limits, since timestamptz)
  returns table (subject_id uuid, used numeric)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  case when l.metric = 'storage' then
    return query select s.id, sum(r.size)
    from howdah.resources as r
    cross join lateral (values (howdah_private.limit_subject(
      l, r.tenant_id, null, null, r.session_id))) as s (id)
    where (l.scope = 'system' or r.tenant_id = l.tenant_id) and s.id is not null
    group by s.id;
  when l.metric not in ('runs', 'tokens', 'cost') then
    return; -- requests leave no rows
  when howdah_private.is_rolled_up(l) then
    return query select u.subject_id, sum(u.used)
    from howdah_private.rolled_up_use(l, (usage_since.since at time zone 'UTC')::date) as u
    group by u.subject_id having sum(u.used) > 0;
  else
    return query select u.subject_id, sum(u.used) from (
      select r.* from howdah_private.use_of_runs(l, usage_since.since) as r
      where l.metric = 'runs'
      union all
      select s.* from howdah_private.use_of_steps(l, usage_since.since) as s
      where l.metric <> 'runs'
      union all
      select d.* from howdah_private.use_of_deleted_runs(
        l, (usage_since.since at time zone 'UTC')::date) as d
    ) as u
    group by u.subject_id having sum(u.used) > 0;
  end case;
end $$;

-- Returns the use since a day by the rollup and by what it does not count yet: runs by the day on
-- which they began, tokens and cost by the day on which the call ended. Several rows for a subject.
create or replace function howdah_private.rolled_up_use(l howdah.limits, since date)
  returns table (subject_id uuid, used numeric)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
as $$
  select s.id, case l.metric when 'runs' then u.roots when 'cost' then u.cost else u.tokens end
  from (
    select k.tenant_id, k.user_id, k.agent_id, k.roots::numeric as roots,
      k.tokens_in + k.tokens_out::numeric as tokens, k.cost
    from howdah.usage_totals as k
    where (l.scope = 'system' or k.tenant_id = l.tenant_id) and k.day >= rolled_up_use.since
      and (k.kind is null) = (l.metric = 'runs')
    union all
    select n.tenant_id, e.user_id, n.agent_id, n.sign * n.is_root::int, 0, 0
    from howdah_private.uncounted_events(case when l.scope <> 'system' then l.tenant_id end) as n
    join howdah.executions as e on e.id = n.execution_id
    where l.metric = 'runs' and not n.is_compensation
      and (n.created_at at time zone 'UTC')::date >= rolled_up_use.since
    union all
    select n.tenant_id, e.user_id, n.agent_id, 0, c.tokens_in + c.tokens_out::numeric, c.cost
    from howdah_private.uncounted_events(case when l.scope <> 'system' then l.tenant_id end) as n
    join howdah.executions as e on e.id = n.execution_id
    cross join lateral howdah_private.step_usage(n) as c
    where l.metric <> 'runs' and c.day >= rolled_up_use.since
  ) as u
  cross join lateral (
    values (howdah_private.limit_subject(l, u.tenant_id, u.user_id, u.agent_id, null))
  ) as s (id)
  where s.id is not null
$$;

-- Returns one row for each run that began since a time. The ids of runs tell their time; a day is
-- subtracted for clocks that differ and for ids that clients chose.
create or replace function howdah_private.use_of_runs(l howdah.limits, since timestamptz)
  returns table (subject_id uuid, used numeric)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
as $$
  select s.id, 1::numeric
  from howdah.executions as e
  cross join lateral (values (howdah_private.limit_subject(
    l, e.tenant_id, e.user_id, e.agent_id, e.session_id))) as s (id)
  where (l.scope = 'system' or e.tenant_id = l.tenant_id)
    and e.id >= howdah.uuid_v7_floor(greatest(use_of_runs.since, '2000-01-02') - interval '1 day')
    and e.created_at >= use_of_runs.since
    and e.parent_execution_id is null and e.compensates_execution_id is null
    and s.id is not null
$$;

-- Returns the tokens or cost of each step since a time, of live runs and of runs that ended later.
create or replace function howdah_private.use_of_steps(l howdah.limits, since timestamptz)
  returns table (subject_id uuid, used numeric)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
as $$
  select b.id, case l.metric when 'cost' then s.cost else s.tokens_in + s.tokens_out end
  from howdah.executions as e
  join howdah.steps as s on s.execution_id = e.id and s.finished_at >= use_of_steps.since
  cross join lateral (values (howdah_private.limit_subject(
    l, e.tenant_id, e.user_id, e.agent_id, howdah_private.session_of_run(e)))) as b (id)
  where (l.scope = 'system' or e.tenant_id = l.tenant_id)
    and (e.completed_at is null or e.completed_at >= use_of_steps.since) and b.id is not null
$$;

-- Returns the use of deleted runs of sessions that still exist, by the day on which the runs began.
create or replace function howdah_private.use_of_deleted_runs(l howdah.limits, since date)
  returns table (subject_id uuid, used numeric)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_custom_plan
as $$
  select k.session_id,
    case l.metric when 'runs' then k.roots when 'cost' then k.cost
      else k.tokens_in + k.tokens_out end
  from howdah.usage_totals as k
  where l.scope = 'session' and coalesce(l.period in ('day', 'month'), true)
    and k.tenant_id = l.tenant_id and k.session_id is not null and k.kind is null
    and k.session_id = coalesce(l.subject_id, k.session_id)
    and k.day >= use_of_deleted_runs.since
$$;

-- Returns the advisory lock that inserts of runs and files share, and that the maker of a limit
-- takes alone. Every insert takes it, so it is an inlined expression.
create or replace function howdah_private.usage_lock_key(tenant_id uuid) returns bigint
  language sql immutable parallel safe
  return hashtextextended('howdah.usage ' || usage_lock_key.tenant_id::text, 0);

-- Blocks inserts of runs and files until the transaction ends.
create or replace function howdah_private.block_usage(l howdah.limits) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if l.scope = 'system' then
    lock table howdah.executions, howdah.resources in share row exclusive mode;
  else
    perform pg_advisory_xact_lock(howdah_private.usage_lock_key(l.tenant_id));
  end if;
end $$;

-- Writes the first counters of a limit. Inserts wait for it, so it waits for them only briefly.
create or replace function howdah_private.initialize_counters(l howdah.limits) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set lock_timeout = '2s'
as $$
declare
  v_began_at timestamptz;
begin
  if l.metric in ('runs', 'storage') then
    perform howdah_private.block_usage(l);
  end if;
  delete from howdah_private.limit_counters as c where c.limit_id = l.id;
  v_began_at := howdah_private.period_begins(l.period, clock_timestamp());
  insert into howdah_private.limit_counters (limit_id, started_at, subject_id, used)
  select l.id, v_began_at, u.subject_id, u.used
  from howdah_private.usage_since(l, v_began_at) as u
  order by u.subject_id -- a commit that saw the limit before the change may have its counter
  on conflict (limit_id, started_at, subject_id, slot) do update set used = excluded.used;
  if l.metric in ('tokens', 'cost') then
    perform howdah_private.enqueue_recount(l, null);
  end if;
exception when lock_not_available then
  raise exception using errcode = 'HWCNF',
    message = format(
      'a transaction that uses %s has been open for more than two seconds', l.metric),
    detail = jsonb_build_object('metric', l.metric, 'scope', l.scope)::text,
    hint = 'Try again; pg_stat_activity shows long transactions.';
end $$;

-- Adds the job that counts a limit again; a limit that changes again replaces it. `after` is a
-- transaction that began when the limit was visible to all. Earlier ones may not have seen it.
create or replace function howdah_private.enqueue_recount(
  l howdah.limits, after xid8, delay interval default '0'
) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select graphile_worker.add_job('recount_limit',
    json_strip_nulls(json_build_object(
      'id', l.id, 'tenant_id', l.tenant_id, 'after', enqueue_recount.after::text)),
    run_at => clock_timestamp() + enqueue_recount.delay,
    job_key => 'limit ' || l.id || ' recount', priority => -32768)
$$;

-- Counts the usage of a new limit again (job `recount_limit`), since transactions that did not see
-- the limit yet have not counted theirs. Returns false, and tries again in a second, while such a
-- transaction may be running. Transaction ids tell: a commit gets its id before it reads the
-- limits, so a transaction with an id of `after` or later has seen the limit. If `after` is ahead
-- of this server's transaction ids, the database was restored from a backup: the function uses the
-- current id instead.
--
-- Locks the counters before it reads the usage. A concurrent commit has either added its usage
-- before, or adds it after this transaction.
create or replace function howdah_private.recount_limit(limit_id uuid, after xid8 default null)
  returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_limit howdah.limits;
  v_after xid8 := case
    when recount_limit.after < pg_snapshot_xmax(pg_current_snapshot()) then recount_limit.after
    else pg_current_xact_id() end;
  v_began_at timestamptz;
  v_subjects uuid[];
begin
  select l.* into v_limit from howdah.limits as l
  where l.id = recount_limit.limit_id and l.metric in ('tokens', 'cost');
  if not found then
    return true;
  elsif pg_snapshot_xmin(pg_current_snapshot()) < v_after then
    perform howdah_private.enqueue_recount(v_limit, v_after, '1 second');
    return false;
  end if;
  v_began_at := howdah_private.period_begins(v_limit.period, clock_timestamp());
  with locked as (
    insert into howdah_private.limit_counters as c (limit_id, started_at, subject_id, slot, used)
    select v_limit.id, v_began_at, u.subject_id, n.slot, 0
    from howdah_private.usage_since(v_limit, v_began_at) as u
    cross join generate_series(0, howdah_private.last_counter_slot(v_limit.scope)) as n (slot)
    order by u.subject_id, n.slot
    on conflict on constraint limit_counters_pkey do update set used = c.used
    returning c.subject_id
  )
  select array_agg(k.subject_id) into v_subjects from locked as k;
  update howdah_private.limit_counters as c set used = case c.slot when 0 then u.used else 0 end
  from howdah_private.usage_since(v_limit, v_began_at) as u
  where c.limit_id = v_limit.id and c.started_at = v_began_at and c.subject_id = u.subject_id
    and c.subject_id = any (v_subjects);
  return true;
end $$;
