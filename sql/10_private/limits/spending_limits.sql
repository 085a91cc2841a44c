-- Limits of tokens and cost. The amounts are known only when a model has answered, so the commit
-- that spends them counts them. Every commit and claim checks whether another model call is
-- allowed. A run for which none is allowed is parked until the period ends or the limit changes.

-- Counts the tokens and cost of the steps that a commit has just written. The heads of the runs are
-- locked, so exactly what commits is counted. Returns whether one of the runs of the call, written
-- now or by an earlier attempt, has reached a limit; each of them is checked (reached_limit) only
-- then. commit_steps calls this where such a limit exists.
create or replace function howdah_private.count_spending(
  results howdah_private.commit_result[], ids uuid[], log_ends int[]
) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (
    select from howdah.limits as l
    where l.metric in ('tokens', 'cost') and l.scope <> 'model'
      and (l.scope = 'system' or l.tenant_id in (
        select e.tenant_id from howdah.executions as e
        where e.id = any (count_spending.ids)
          and e.id between count_spending.ids[1]
            and count_spending.ids[cardinality(count_spending.ids)]))
  ) then
    return false;
  end if;
  perform howdah_private.add_usage(jsonb_agg(jsonb_build_object(
    'metric', u.metric, 'amount', u.amount, 'at', clock_timestamp(), 'tenant_id', s.tenant_id,
    'user_id', s.user_id, 'agent_id', s.agent_id, 'session_id', s.session_id)))
  from (
    select e.tenant_id, e.user_id, e.agent_id, howdah_private.session_of_run(e) as session_id,
      sum(n.tokens) as tokens, sum(n.cost) as cost
    from unnest(count_spending.results) as r
    join unnest(count_spending.ids, count_spending.log_ends) as c (id, log_end)
      on c.id = r.execution_id
    join howdah.executions as e on e.id = r.execution_id
    cross join lateral (
      select sum(s.tokens_in + s.tokens_out) as tokens, sum(s.cost) as cost
      from howdah.steps as s where s.execution_id = r.execution_id and s.seq > c.log_end
    ) as n
    where n.tokens > 0 and e.id = any (count_spending.ids)
    group by 1, 2, 3, 4
  ) as s
  cross join lateral (values ('tokens', s.tokens), ('cost', s.cost)) as u (metric, amount)
  having count(*) > 0;
  return exists (
    select from unnest(count_spending.ids) as i (id)
    where (howdah_private.reached_limit(i.id)).limit_id is not null);
end $$;

-- Returns the limit that allows a run no further model call, of several the one with the longest
-- period. Null while a call is allowed.
create or replace function howdah_private.reached_limit(
  id uuid, out limit_id uuid, out subject_id uuid
)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
begin
  select l.id, s.id into reached_limit.limit_id, reached_limit.subject_id
  from howdah.executions as e
  cross join lateral howdah_private.usage_limits(e.tenant_id, '{tokens,cost}') as l
  cross join lateral (values (howdah_private.limit_subject(
    l, e.tenant_id, e.user_id, e.agent_id, howdah_private.session_of_run(e)))) as s (id)
  where e.id = reached_limit.id and s.id is not null
    and howdah_private.is_used_up(l, s.id, v_now)
  order by l.period desc nulls first, l.id limit 1;
end $$;

-- Parks the due runs that may call no model, and returns them. Part of a claim.
create or replace function howdah_private.park_over_spending_limit(ids uuid[]) returns uuid[]
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_over uuid[];
  v_limits uuid[];
  v_subjects uuid[];
begin
  select array_agg(o.id), array_agg(o.limit_id), array_agg(o.subject_id)
  into v_over, v_limits, v_subjects
  from (
    select e.id::uuid as id, r.limit_id, r.subject_id
    from howdah.executions as e cross join lateral howdah_private.reached_limit(e.id) as r
    where e.id = any (park_over_spending_limit.ids)
      and howdah_private.is_in_queue(e.status, e.waiting_for)
      and greatest(e.run_at, e.wake_at) <= clock_timestamp()
  ) as o
  where o.limit_id is not null;
  if v_over is null then
    return '{}';
  end if;
  v_over := howdah_private.park_runs(v_over, v_limits, v_subjects);
  perform howdah_private.enqueue_admissions(v_over);
  return v_over;
end $$;
