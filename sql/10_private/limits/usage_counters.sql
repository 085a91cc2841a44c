-- Counters of usage limits: runs, requests, tokens, cost and storage.
--
-- Exact: a use is added to a counter in the transaction that uses it, under the lock of the
-- counter's row. The second transaction waits for the first and then sees what the first used.
-- Counters are locked in the order of limits, periods, subjects and slots, after the runs and
-- sessions of the statement. Only tokens and cost have several slots (spending_limits.sql). Runs,
-- requests and storage above a limit are refused, and nothing of them is counted.

-- Returns the session that a run counts for: a child counts for the session of its root.
create or replace function howdah_private.session_of_run(e howdah.executions) returns uuid
  language sql stable
  return case when e.depth = 0 then e.session_id
    else (
      select r.session_id from howdah.executions as r where r.id = e.root_execution_id
    ) end;

-- Adds uses to the counters of all limits they count for, and returns the counters.
-- A use: {metric, amount, at, tenant_id, user_id, agent_id, session_id, api_key_id}.
create or replace function howdah_private.add_usage(uses jsonb)
  returns table (limit_id uuid, subject_id uuid, used numeric, amount numeric)
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  with amounts as materialized (
    select l.id, howdah_private.period_begins(l.period, u.at) as started_at, s.id as subject_id,
      sum(u.amount) as amount
    from jsonb_to_recordset(add_usage.uses) as u (
      metric howdah.limit_metric, amount numeric, at timestamptz, tenant_id uuid, user_id uuid,
      agent_id uuid, session_id uuid, api_key_id uuid
    )
    cross join lateral howdah_private.usage_limits(u.tenant_id, array[u.metric]) as l
    cross join lateral (
      values (howdah_private.limit_subject(
        l, u.tenant_id, u.user_id, u.agent_id, u.session_id, u.api_key_id))
    ) as s (id)
    where s.id is not null
    group by 1, 2, 3
  ),
  counted as (
    insert into howdah_private.limit_counters as c (limit_id, started_at, subject_id, used)
    select a.id, a.started_at, a.subject_id, a.amount
    from amounts as a order by a.id, a.started_at, a.subject_id
    on conflict (limit_id, started_at, subject_id, slot)
      do update set used = c.used + excluded.used
    returning c.limit_id, c.started_at, c.subject_id, c.used
  )
  select c.limit_id, c.subject_id, c.used, a.amount
  from counted as c
  join amounts as a
    on a.id = c.limit_id and a.started_at = c.started_at and a.subject_id = c.subject_id
$$;

-- Adds uses that must stay within their limits. Refuses all of them when one does not.
create or replace function howdah_private.consume_limits(uses jsonb) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_over record;
begin
  select l as reached, c.subject_id, c.used - c.amount as used, c.amount into v_over
  from howdah_private.add_usage(consume_limits.uses) as c
  join howdah.limits as l on l.id = c.limit_id
  where c.used > l.max_value and c.amount > 0
    and not howdah_private.is_replaced(l, c.subject_id)
  order by l.period desc nulls first, l.id, c.subject_id limit 1;
  if found then
    perform howdah_private.raise_usage(
      v_over.reached, v_over.subject_id, v_over.used, v_over.amount,
      (select max(u.at) from jsonb_to_recordset(consume_limits.uses) as u (at timestamptz)));
  end if;
end $$;

-- Refuses a use (HWQTA) and says when the limit resets: when the period of the use ends. A
-- transaction that stays open beyond the end of a period uses the earlier period, and may be tried
-- again at once.
create or replace function howdah_private.raise_usage(
  l howdah.limits, subject_id uuid, used numeric, amount numeric, at timestamptz
) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_ends_at timestamptz := howdah_private.period_ends(l.period, raise_usage.at);
  v_resets_at text := howdah_private.timestamp_key(v_ends_at);
  v_max text := trim_scale(l.max_value)::text;
begin
  raise exception using errcode = 'HWQTA',
    message = format(
      'the limit of %s is reached: at most %s %s%s, %s are used and %s more requested%s',
      case when l.is_per_tenant then 'each tenant' when l.scope = 'tenant' then 'the tenant'
        when l.scope = 'system' then 'this installation'
        else format('%s %s', replace(l.scope::text, '_', ' '), raise_usage.subject_id) end,
      v_max,
      case l.metric when 'storage' then 'bytes of resources' else l.metric::text end,
      ' per ' || l.period, trim_scale(raise_usage.used), trim_scale(raise_usage.amount),
      '; it resets at ' || v_resets_at),
    detail = jsonb_build_object('limit_id', l.id, 'scope', l.scope,
      'subject_id', case when howdah_private.applies_to_each(l) then raise_usage.subject_id
        else l.subject_id end,
      'metric', l.metric, 'period', l.period, 'max_value', l.max_value,
      'used', raise_usage.used, 'retry_at', v_resets_at,
      'retry_after_seconds', case when v_ends_at is not null
        then greatest(ceil(extract(epoch from v_ends_at - clock_timestamp())), 1) end)::text,
    hint = case
      when raise_usage.amount > l.max_value and l.max_value > 0
        then format('That is more than is ever allowed at once: request at most %s.', v_max)
      else format('%s raise max_value of the limit %s%s.',
        case when l.metric = 'storage' then 'Delete resources, or'
          when v_ends_at is null or l.max_value = 0 then 'Ask an admin to'
          else 'Wait until then, or ask an admin to' end,
        l.id, case when howdah_private.applies_to_each(l)
          then ', or write a limit for this subject alone, which takes its place' end) end;
end $$;

-- Deletes the counters of ended periods and of deleted limits. A limit is deleted without its
-- counters, so that a slow transaction with that deletion delays no commit. A limit that applies to
-- each subject and has no period also loses the counters of deleted subjects. repair_queue calls
-- this function, so it skips locked rows.
create or replace function howdah_private.delete_old_counters() returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  delete from howdah_private.limit_counters as c
  using (
    select o.limit_id, o.started_at, o.subject_id, o.slot from howdah_private.limit_counters as o
    left join howdah.limits as l on l.id = o.limit_id
    where l.id is null
      or o.started_at
        < howdah_private.period_begins(l.period, clock_timestamp()) - interval '1 day'
      or (l.period is null and howdah_private.applies_to_each(l) and not case l.scope
        when 'system' then exists (select from howdah.tenants as t where t.id = o.subject_id)
        when 'user' then exists (select from howdah.users as u where u.id = o.subject_id)
        when 'agent' then exists (select from howdah.agents as a where a.id = o.subject_id)
        else exists (select from howdah.sessions as s where s.id = o.subject_id) end)
    for update of o skip locked
  ) as old
  where c.limit_id = old.limit_id and c.started_at = old.started_at
    and c.subject_id = old.subject_id and c.slot = old.slot
$$;
