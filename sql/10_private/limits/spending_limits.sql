-- Limits of tokens and cost. The amounts are known only when a model has answered, so the commit
-- that spends them counts them. Every commit and claim checks whether another model call is
-- allowed. A run for which none is allowed is parked until the period ends or the limit changes.
--
-- Cost. A batch of runs mostly has few subjects: one tenant, some users and agents. So limits are
-- read once for each tenant of the batch, and counters once for each limit and subject.
--
-- Slots. All commits of a tenant would wait for each other at its counter until the flush of the
-- transaction before. So a counter of a tenant, an agent or the system has slots, and its use is
-- their sum. A commit that is far from the limit locks and changes one slot, and so do commits
-- beside it. Near the limit, a commit locks all slots, as if the counter were one row.
--
-- Exact nevertheless: one transaction at a time holds a slot, and without the other slots it adds
-- at most `counter_share` of the limit. So what other transactions have counted and not committed
-- is at most that share for each other slot. A commit with one slot adds this margin to the use
-- that it sees. If that is below the limit, its runs go on. Otherwise another commit came between
-- the choice and the lock: the runs wait, and go on at once if the limit is not reached
-- (record_parked). A commit that reaches the limit has all slots, so it comes after all commits
-- that held one. Commits in progress while a limit is lowered still count with the old share.

-- Returns the last slot of the counters of a limit of tokens or cost.
create or replace function howdah_private.last_counter_slot(scope howdah.limit_scope) returns int
  language sql immutable
  return case when last_counter_slot.scope in ('tenant', 'agent', 'system') then 7 else 0 end;

-- Returns how much of a limit a transaction may use at most while it holds one slot. With seven
-- other slots, commits lock all slots from about 90 % of the limit on.
create or replace function howdah_private.counter_share(max_value numeric) returns numeric
  language sql immutable
  return counter_share.max_value / 80;

-- Returns the subjects that runs count for, one row for each run and limit of tokens or cost.
-- `ids` are in order.
create or replace function howdah_private.spending_subjects(ids uuid[])
  returns table (
    execution_id uuid, limit_id uuid, metric howdah.limit_metric, period howdah.limit_period,
    max_value numeric, last_slot int, subject_id uuid
  )
  language plpgsql stable security definer rows 64
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  return query
  with runs as materialized (
    select e.id::uuid as id, e.tenant_id, e.user_id, e.agent_id,
      case when e.depth = 0 then e.session_id
        else howdah_private.session_of_run(e) end as session_id
    from howdah.executions as e
    where e.id = any (spending_subjects.ids) and e.id between spending_subjects.ids[1]
      and spending_subjects.ids[cardinality(spending_subjects.ids)]
  ),
  tenants as materialized (select distinct r.tenant_id as id from runs as r)
  select r.id, l.id, l.metric, l.period, l.max_value,
    howdah_private.last_counter_slot(l.scope), s.id
  from tenants as t
  cross join lateral howdah_private.usage_limits(t.id, '{tokens,cost}') as l
  join runs as r on r.tenant_id = t.id
  cross join lateral (values (howdah_private.limit_subject(
    l, r.tenant_id, r.user_id, r.agent_id, r.session_id))) as s (id)
  where s.id is not null;
end $$;

-- Counts the tokens and cost that a commit has just written: those of each run in `written`, which
-- are among `ids`. The heads of the runs are locked, so exactly what commits is counted. Returns
-- those of `ids`, written now or by an earlier attempt, that have reached a limit. `ids` are in
-- order. commit_steps calls this function where such a limit exists.
create or replace function howdah_private.count_spending(
  ids uuid[], written uuid[], tokens bigint[], costs numeric[]
) returns uuid[]
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
  v_slot int := pg_backend_pid();
  v_limits uuid[];
  v_starts timestamptz[];
  v_subjects uuid[];
  v_rooms numeric[]; -- what a subject may use, less the margin for other transactions
begin
  with spent as materialized (
    select s.limit_id, howdah_private.period_begins(s.period, v_now) as started_at, s.subject_id,
      s.max_value, s.last_slot, howdah_private.counter_share(s.max_value) as share,
      sum(case s.metric when 'tokens' then u.tokens else u.cost end) as amount
    from howdah_private.spending_subjects(count_spending.ids) as s
    left join unnest(count_spending.written, count_spending.tokens, count_spending.costs)
      as u (id, tokens, cost) on u.id = s.execution_id
    group by s.limit_id, s.period, s.subject_id, s.max_value, s.last_slot
  ),
  amounts as materialized (
    select s.*, c.used,
      s.amount > s.share or s.amount + s.last_slot * s.share + c.used >= s.max_value as is_near
    from spent as s
    cross join lateral (
      select coalesce(sum(o.used), 0) as used from howdah_private.limit_counters as o
      where o.limit_id = s.limit_id and o.started_at = s.started_at
        and o.subject_id = s.subject_id
    ) as c
  ),
  counted as (
    insert into howdah_private.limit_counters as c (limit_id, started_at, subject_id, slot, used)
    select a.limit_id, a.started_at, a.subject_id, n.slot,
      case n.slot when v_slot % (a.last_slot + 1) then a.amount else 0 end
    from amounts as a cross join lateral generate_series(0, a.last_slot) as n (slot)
    where a.amount > 0 and (a.is_near or n.slot = v_slot % (a.last_slot + 1))
    order by a.limit_id, a.started_at, a.subject_id, n.slot
    on conflict (limit_id, started_at, subject_id, slot)
      do update set used = c.used + excluded.used
  )
  select array_agg(a.limit_id), array_agg(a.started_at), array_agg(a.subject_id), array_agg(
    case when a.amount > 0 and not a.is_near then a.max_value - a.last_slot * a.share
      else a.max_value end)
  into v_limits, v_starts, v_subjects, v_rooms
  from amounts as a where a.amount > 0 or a.used >= a.max_value;
  if v_limits is null then -- as in most steps of tools
    return '{}';
  end if;
  select array_agg(s.limit_id), array_agg(s.subject_id) into v_limits, v_subjects
  from unnest(v_limits, v_starts, v_subjects, v_rooms)
    as s (limit_id, started_at, subject_id, room)
  where s.room <= (
    select coalesce(sum(c.used), 0) from howdah_private.limit_counters as c
    where c.limit_id = s.limit_id and c.started_at = s.started_at and c.subject_id = s.subject_id);
  return case when v_limits is null then '{}' else howdah_private.runs_of_subjects(
    count_spending.ids, v_limits, v_subjects) end;
end $$;

-- Returns those of the runs that count for one of these subjects of limits, unless the subject has
-- a limit of its own instead. `ids` are in order.
create or replace function howdah_private.runs_of_subjects(
  ids uuid[], limits uuid[], subjects uuid[]
) returns uuid[]
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  return array(
    select distinct s.execution_id from howdah_private.spending_subjects(runs_of_subjects.ids) as s
    join unnest(runs_of_subjects.limits, runs_of_subjects.subjects) as r (limit_id, subject_id)
      on r.limit_id = s.limit_id and r.subject_id = s.subject_id
    join howdah.limits as l on l.id = s.limit_id
    where not howdah_private.is_replaced(l, s.subject_id));
end $$;

-- Returns those of the runs that may make no further model call, each with the limit that it has
-- reached: of several limits the one with the longest period. `ids` are in order.
create or replace function howdah_private.reached_limits(ids uuid[])
  returns table (execution_id uuid, limit_id uuid, subject_id uuid)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
begin
  return query
  with counted as materialized (
    select s.execution_id, s.limit_id, s.subject_id
    from howdah_private.spending_subjects(reached_limits.ids) as s
  ),
  reached as materialized (
    select c.limit_id, c.subject_id, l.period
    from (select distinct n.limit_id, n.subject_id from counted as n) as c
    join howdah.limits as l on l.id = c.limit_id
    where howdah_private.is_used_up(l, c.subject_id, v_now)
  )
  select distinct on (c.execution_id) c.execution_id, r.limit_id, r.subject_id
  from reached as r
  join counted as c on c.limit_id = r.limit_id and c.subject_id = r.subject_id
  order by c.execution_id, r.period desc nulls first, r.limit_id;
end $$;

-- Parks the due runs that may call no model, and returns them. Part of a claim, which has locked
-- the runs in the order of ids.
create or replace function howdah_private.park_over_spending_limit(ids uuid[]) returns uuid[]
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_over uuid[];
  v_limits uuid[];
  v_subjects uuid[];
begin
  select array_agg(r.execution_id), array_agg(r.limit_id), array_agg(r.subject_id)
  into v_over, v_limits, v_subjects
  from howdah_private.reached_limits(park_over_spending_limit.ids) as r;
  if v_over is null then
    return '{}';
  end if;
  v_over := howdah_private.park_runs(v_over, v_limits, v_subjects);
  perform howdah_private.enqueue_admissions(v_over);
  return v_over;
end $$;
