-- Limits: how much of a metric may be used within a period, or at once. One table,
-- three ways to count:
--
--   usage limits  runs, requests, tokens, cost, storage: counters per period (usage_counters.sql)
--   running runs  counted from the runs at work when runs are claimed (running_run_limits.sql)
--   call limits   running calls, calls and tokens of a model within 60 seconds, counted from
--                 limited_calls before a call begins (call_admission.sql)
--
-- Runs, requests and storage above a limit are refused. A run that reaches another limit is
-- parked as a row and goes on when there is room (parking.sql). Where no limit exists, all of
-- this costs one look at an empty index per statement.
--
-- A usage limit counts for one subject, or for each subject. In the second case every subject has
-- a counter. A subject with a limit of its own, by the same author, is exempt from the limit for
-- each, which continues to count, so that it holds again when the other limit is deleted. Authors
-- are the tenant and the owner of the database (`is_imposed`).

-- Returns when the current period began: -infinity without a period.
create or replace function howdah_private.period_begins(
  period howdah.limit_period, at timestamptz
) returns timestamptz
  language sql stable
  return coalesce(
    date_trunc(period_begins.period::text, period_begins.at at time zone 'UTC')
      at time zone 'UTC',
    '-infinity'
  );

-- Returns when the period ends. Null without a period: what is used stays used.
create or replace function howdah_private.period_ends(
  period howdah.limit_period, at timestamptz
) returns timestamptz
  language sql stable
  return (
    date_trunc(period_ends.period::text, period_ends.at at time zone 'UTC')
      + ('1 ' || period_ends.period)::interval
  ) at time zone 'UTC';

-- Returns whether calls count for the limit.
create or replace function howdah_private.is_call_limit(l howdah.limits) returns boolean
  language sql immutable
  return l.scope in ('model', 'tool') and l.metric <> 'running_runs';

-- Returns whether the limit has counters per period.
create or replace function howdah_private.is_usage_limit(l howdah.limits) returns boolean
  language sql immutable
  return l.scope not in ('model', 'tool') and l.metric <> 'running_runs';

-- Returns the usage limits of a tenant, its users, agents, sessions and API keys, and of the
-- system. The body is parsed, so that it becomes part of the calling statement.
create or replace function howdah_private.usage_limits(
  tenant_id uuid, metrics howdah.limit_metric[]
) returns setof howdah.limits
  language sql stable rows 4
begin atomic
  select l.* from howdah.limits as l
  where l.tenant_id = usage_limits.tenant_id and l.metric = any (usage_limits.metrics)
    and l.scope not in ('system', 'model')
  union all
  select l.* from howdah.limits as l
  where l.scope = 'system' and l.metric = any (usage_limits.metrics);
end;

-- Returns whether the limit holds for each subject separately, not for one named subject.
create or replace function howdah_private.applies_to_each(l howdah.limits) returns boolean
  language sql immutable
  return l.is_per_tenant
    or (l.subject_id is null and l.scope in ('user', 'agent', 'session', 'api_key'))
    or (l.key is null and l.scope = 'key');

-- Returns the subject that a use counts for. Null when it does not count. The body has no subquery,
-- so that it becomes part of the calling statement.
create or replace function howdah_private.limit_subject(
  l howdah.limits, tenant_id uuid, user_id uuid, agent_id uuid, session_id uuid,
  api_key_id uuid default null
) returns uuid
  language sql immutable
  return case
    when l.scope = 'system' then
      case when l.is_per_tenant then limit_subject.tenant_id else l.id end
    when l.tenant_id <> limit_subject.tenant_id then null
    when l.scope = 'tenant' then limit_subject.tenant_id
    when l.scope = 'user' and coalesce(l.subject_id = limit_subject.user_id, true)
      then limit_subject.user_id
    when l.scope = 'agent' and coalesce(l.subject_id = limit_subject.agent_id, true)
      then limit_subject.agent_id
    when l.scope = 'session' and coalesce(l.subject_id = limit_subject.session_id, true)
      then limit_subject.session_id
    when l.scope = 'api_key' and coalesce(l.subject_id = limit_subject.api_key_id, true)
      then limit_subject.api_key_id end;

-- Returns the subject under which runs of a concurrency key are parked.
create or replace function howdah_private.key_subject(key text) returns uuid
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  select left(encode(sha256(convert_to(key_subject.key, 'UTF8')), 'hex'), 32)::uuid
$$;

-- Returns whether a limit for each does not hold for a subject, since the subject has its own.
-- A limit that an owner of the database imposed and a limit of the tenant do not replace each
-- other. Both apply, so the smaller one counts.
create or replace function howdah_private.is_replaced(l howdah.limits, subject_id uuid)
  returns boolean
  language sql stable
  return howdah_private.applies_to_each(l) and exists (
    select from howdah.limits as o
    where o.metric = l.metric and o.period is not distinct from l.period
      and o.is_imposed = l.is_imposed
      and case when l.is_per_tenant
        then o.tenant_id = is_replaced.subject_id and o.scope = 'tenant'
        else o.tenant_id = l.tenant_id and o.scope = l.scope
          and coalesce(o.subject_id, howdah_private.key_subject(o.key))
            = is_replaced.subject_id end
  );

-- Returns how much a subject has used of a usage limit: the sum of its slots.
create or replace function howdah_private.counted_use(
  l howdah.limits, subject_id uuid, at timestamptz
) returns numeric
  language sql stable
  return coalesce((
    select sum(c.used) from howdah_private.limit_counters as c
    where c.limit_id = l.id and c.subject_id = counted_use.subject_id
      and c.started_at = howdah_private.period_begins(l.period, counted_use.at)
  ), 0);

-- Returns whether a subject has reached a usage limit.
create or replace function howdah_private.is_used_up(
  l howdah.limits, subject_id uuid, at timestamptz
) returns boolean
  language sql stable
  return howdah_private.counted_use(l, is_used_up.subject_id, is_used_up.at) >= l.max_value
    and not howdah_private.is_replaced(l, is_used_up.subject_id);

-- Returns how many runs of the keys of a limit run and wait now. A limit for each key has a row for
-- each key in use that has no limit of its own, if the caller may see one of its runs.
create or replace function howdah_private.use_of_keys(l howdah.limits)
  returns table (key text, used numeric, waiting int)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  with hidden as materialized (select howdah_private.hidden_agents() as ids),
  runs as (
    select e.concurrency_key as key, true as is_running,
      coalesce(e.agent_id, e.workflow_id) <> all (h.ids) as is_visible
    from howdah.executions as e cross join hidden as h
    where e.status = 'running' and e.waiting_for is null and e.tenant_id = l.tenant_id
      and e.concurrency_key is not null
    union all
    select e.concurrency_key, false, coalesce(e.agent_id, e.workflow_id) <> all (h.ids)
    from howdah_private.parked_runs as p cross join hidden as h
    join howdah.executions as e on e.id = p.execution_id
    where p.limit_id = l.id and e.status = 'waiting' and e.waiting_for = 'quota'
  )
  select coalesce(l.key, r.key), (count(*) filter (where r.is_running))::numeric,
    (count(*) filter (where not r.is_running))::int
  from (select l.key is null as applies_to_each) as x
  left join runs as r on case when x.applies_to_each
    then not howdah_private.is_replaced(l, howdah_private.key_subject(r.key))
    else r.key = l.key end
  where not x.applies_to_each or r.key is not null
  group by 1
  having bool_or(r.is_visible) or not bool_or(x.applies_to_each)
$$;

-- Returns the current use of a limit, and how many runs wait for it. A limit for each has a row
-- for each subject that used something or has runs that wait. Filters by tenant itself. Of a limit
-- over all tenants only an operator sees the figures. A limit for each key has a row for each key
-- that runs or waits.
create or replace function howdah_private.limit_use(limit_id uuid)
  returns table (
    subject_id uuid, key text, used numeric, waiting int, started_at timestamptz,
    resets_at timestamptz
  )
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_limit howdah.limits;
  v_is_operator boolean := howdah_private.is_operator();
  v_began_at timestamptz;
  v_ends_at timestamptz;
  v_used numeric;
begin
  select l.* into v_limit from howdah.limits as l
  where l.id = limit_use.limit_id and (v_is_operator or l.tenant_id = howdah.current_tenant());
  if not found then
    return;
  elsif howdah_private.is_usage_limit(v_limit) then
    v_began_at := howdah_private.period_begins(v_limit.period, clock_timestamp());
    v_ends_at := howdah_private.period_ends(v_limit.period, clock_timestamp());
  end if;
  if v_limit.scope = 'key' then
    return query
    select null::uuid, k.key, k.used, k.waiting, null::timestamptz, null::timestamptz
    from howdah_private.use_of_keys(v_limit) as k;
  elsif howdah_private.applies_to_each(v_limit) then
    return query
    select s.id, null::text, sum(s.used), sum(s.waiting)::int, nullif(v_began_at, '-infinity'),
      v_ends_at
    from (
      select c.subject_id as id, c.used, 0 as waiting from howdah_private.limit_counters as c
      where c.limit_id = v_limit.id and c.started_at = v_began_at and c.used > 0
      union all
      select p.subject_id, 0, 1 from howdah_private.parked_runs as p
      where p.limit_id = v_limit.id and p.subject_id is not null
    ) as s
    where not howdah_private.is_replaced(v_limit, s.id)
      and (not v_limit.is_per_tenant or v_is_operator or s.id = howdah.current_tenant())
    group by s.id;
  elsif (v_limit.scope = 'system' or v_limit.key is not null) and not v_is_operator then
    return query select null::uuid, null::text, null::numeric, null::int,
      nullif(v_began_at, '-infinity'), v_ends_at;
  else
    if v_limit.metric = 'running_runs' then
      v_used := howdah_private.running_runs(v_limit);
    elsif howdah_private.is_call_limit(v_limit) then
      v_used := howdah_private.counted_calls(v_limit);
    else
      v_used := howdah_private.counted_use(v_limit, howdah_private.limit_subject(v_limit,
        v_limit.tenant_id, v_limit.user_id, v_limit.agent_id, v_limit.session_id,
        v_limit.api_key_id), clock_timestamp());
    end if;
    return query select v_limit.subject_id, null::text, v_used, (
        select count(*)::int from howdah_private.parked_runs as p where p.limit_id = v_limit.id
      ), nullif(v_began_at, '-infinity'), v_ends_at;
  end if;
end $$;
