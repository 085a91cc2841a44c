-- The first counters of a new usage limit: what was used before the limit existed counts.
--
-- The transaction that makes a limit of runs or storage blocks those who insert runs or store files
-- (usage_lock_key), counts what exists, and writes the counters. Later inserts find the limit. A
-- limit of one tenant does not block commits of steps, since a hot path must not wait for somebody
-- who edits a limit. A limit of the system does, until its transaction ends. Tokens and cost of
-- concurrent commits are counted again once no transaction is left that did not see the limit
-- (recount_limit).

-- Returns whether the usage of deleted runs counts. It is stored by the day on which the runs
-- began, so it cannot count within a minute or an hour.
create or replace function howdah_private.counts_deleted_runs(l howdah.limits) returns boolean
  language sql immutable
  return l.scope <> 'api_key' and coalesce(l.period in ('day', 'month'), true);

-- Returns whether the stored usage contains closed months as a whole. Runs of a closed month that
-- still exist must then not count a second time.
create or replace function howdah_private.counts_closed_months(l howdah.limits) returns boolean
  language sql immutable
  return howdah_private.counts_deleted_runs(l) and l.scope <> 'session';

-- Returns the usage of deleted runs per subject.
create or replace function howdah_private.deleted_usage(l howdah.limits, since timestamptz)
  returns table (subject_id uuid, used numeric)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select s.id, case l.metric when 'runs' then k.roots when 'cost' then k.cost
    else k.tokens_in + k.tokens_out end
  from howdah.deleted_run_usage as k
  cross join lateral (
    values (howdah_private.limit_subject(l, k.tenant_id, null, k.agent_id, null))
  ) as s (id)
  where howdah_private.counts_deleted_runs(l)
    and (l.scope = 'system' or (l.scope in ('tenant', 'agent') and k.tenant_id = l.tenant_id))
    and k.day >= (deleted_usage.since at time zone 'UTC')::date and s.id is not null
  union all
  select k.subject_id,
    case l.metric when 'runs' then k.roots when 'cost' then k.cost else k.tokens end
  from howdah_private.deleted_subject_usage as k
  where howdah_private.counts_deleted_runs(l) and k.tenant_id = l.tenant_id and k.scope = l.scope
    and k.subject_id = coalesce(l.subject_id, k.subject_id)
    and k.day >= (deleted_usage.since at time zone 'UTC')::date
$$;

-- Returns the use since a time per subject, with what was used before the limit existed. The ids
-- of runs tell their time; a day is subtracted for clocks that differ and for ids that somebody
-- chose. Existing and deleted runs are read by one statement, so that none is missed or counted
-- twice.
create or replace function howdah_private.usage_since(l howdah.limits, since timestamptz)
  returns table (subject_id uuid, used numeric)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_first uuid := howdah.uuid_v7_floor(
    greatest(usage_since.since, '2000-01-02') - interval '1 day');
begin
  case l.metric
    when 'runs' then
      return query select u.subject_id, sum(u.used) from (
        select s.id as subject_id, 1::numeric as used
        from howdah.executions as e
        cross join lateral (values (howdah_private.limit_subject(
          l, e.tenant_id, e.user_id, e.agent_id, e.session_id))) as s (id)
        where (l.scope = 'system' or e.tenant_id = l.tenant_id)
          and e.id >= v_first and e.created_at >= usage_since.since
          and e.parent_execution_id is null and e.compensates_execution_id is null
          and s.id is not null
          and not (howdah_private.counts_closed_months(l) and exists (
            select from howdah_private.counted_months() as m
            where e.id >= m.first_id and e.id < m.next_id
          ))
        union all
        select d.subject_id, d.used
        from howdah_private.deleted_usage(l, usage_since.since) as d
      ) as u
      group by u.subject_id;
    when 'tokens', 'cost' then
      return query select u.subject_id, sum(u.used) from (
        select b.id as subject_id,
          case l.metric when 'cost' then s.cost else s.tokens_in + s.tokens_out end as used
        from howdah_private.runs_with_spending(l, usage_since.since) as e
        join howdah.steps as s
          on s.execution_id = e.id and s.finished_at >= usage_since.since
        cross join lateral (values (howdah_private.limit_subject(
          l, e.tenant_id, e.user_id, e.agent_id, howdah_private.session_of_run(e)))) as b (id)
        where b.id is not null
        union all
        select d.subject_id, d.used
        from howdah_private.deleted_usage(l, usage_since.since) as d
      ) as u
      group by u.subject_id having sum(u.used) > 0;
    when 'storage' then
      return query select s.id, sum(r.size)
      from howdah.resources as r
      cross join lateral (values (howdah_private.limit_subject(
        l, r.tenant_id, null, null, r.session_id))) as s (id)
      where (l.scope = 'system' or r.tenant_id = l.tenant_id) and s.id is not null
      group by s.id;
    else
      null; -- requests leave no rows
  end case;
end $$;

-- Returns the runs that may have spent something since a time: live runs and later ended runs.
create or replace function howdah_private.runs_with_spending(l howdah.limits, since timestamptz)
  returns setof howdah.executions
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select e.* from howdah.executions as e
  where (l.scope = 'system' or e.tenant_id = l.tenant_id)
    and e.status in ('queued', 'running', 'waiting', 'paused')
  union all
  select e.* from howdah.executions as e
  where (l.scope = 'system' or e.tenant_id = l.tenant_id)
    and e.completed_at >= runs_with_spending.since
    and not (howdah_private.counts_closed_months(l) and exists (
      select from howdah_private.counted_months() as m
      where e.id >= m.first_id and e.id < m.next_id
    ))
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
