-- Quotas: how much of a metric somebody may use within a period.
--
-- Exact, since whatever is used is added to a counter in the transaction that uses it, under the lock of the counter's row:
-- who comes second waits for the first, and then sees what he has used. Counters are locked in the order of their
-- quotas, periods and subjects, after the runs and sessions that a statement is about. Runs, requests and storage that would go beyond are
-- refused, and nothing is counted of them. Tokens and cost are known only when they are spent: they are
-- counted by the commit that spends them, and every commit and claim says whether there is room for another model call; a
-- run without any is parked as a row and goes on when the period turns or its quota is changed.
--
-- What ran before a quota was made counts. Who makes one locks out those who begin runs or store files (quotas_key), looks
-- at what there is, and leaves a counter; who comes then finds the quota. Commits are not locked out, since no hot path may
-- wait for who edits a quota: what was spent beside that transaction is counted again once nobody is left who has not seen
-- the quota (recount).
--
-- A quota counts for a subject, or for each: then every subject has a counter. Where one has a quota of its own, that one
-- holds for it instead; the general one goes on counting, so that it holds again when the other is deleted.
--
-- Where nobody has a quota all of this is one look at an empty index per statement; a tenant without one pays for
-- the look at its own.

create or replace function howdah_private.quota_begins(period howdah.quota_period, at timestamptz) returns timestamptz
  language sql stable
  return coalesce(
    date_trunc(quota_begins.period::text, quota_begins.at at time zone 'UTC') at time zone 'UTC', '-infinity');

-- Null for a quota without a period: what is used stays used.
create or replace function howdah_private.quota_ends(period howdah.quota_period, at timestamptz) returns timestamptz
  language sql stable
  return (
    date_trunc(quota_ends.period::text, quota_ends.at at time zone 'UTC') + ('1 ' || quota_ends.period)::interval
  ) at time zone 'UTC';

-- Of a tenant, its agents, users, sessions and API keys, and of the system. Parsed when it is made, so that it becomes part of
-- the statement that asks.
create or replace function howdah_private.quotas_of(tenant_id uuid, metrics howdah.quota_metric[])
  returns setof howdah.quotas
  language sql stable rows 4
begin atomic
  select q.* from howdah.quotas as q
  where q.tenant_id = quotas_of.tenant_id and q.metric = any (quotas_of.metrics) and q.scope <> 'system'
  union all
  select q.* from howdah.quotas as q where q.scope = 'system' and q.metric = any (quotas_of.metrics);
end;

-- Whether each tenant, user, agent, session or API key may use so much.
create or replace function howdah_private.is_for_each(q howdah.quotas) returns boolean
  language sql immutable
  return q.is_per_tenant or (q.subject_id is null and q.scope not in ('tenant', 'system'));

-- For whom a use counts; null when it does not.
create or replace function howdah_private.quota_subject(
  q howdah.quotas, tenant_id uuid, user_id uuid, agent_id uuid, session_id uuid, api_key_id uuid default null
) returns uuid
  language sql immutable
  return (
    select s.id
    from (values (case q.scope
      when 'system' then case when q.is_per_tenant then quota_subject.tenant_id else q.id end
      when 'tenant' then quota_subject.tenant_id
      when 'user' then quota_subject.user_id
      when 'agent' then quota_subject.agent_id
      when 'session' then quota_subject.session_id
      else quota_subject.api_key_id end)) as s (id)
    where coalesce(q.subject_id, s.id) = s.id and (q.scope = 'system' or q.tenant_id = quota_subject.tenant_id)
  );

-- Whether a quota for each gives way to one of the subject's own. What an owner of the database imposed gives way to
-- nothing a tenant writes.
create or replace function howdah_private.is_replaced(q howdah.quotas, subject_id uuid) returns boolean
  language sql stable
  return howdah_private.is_for_each(q) and exists (
    select from howdah.quotas as o
    where o.metric = q.metric and o.period is not distinct from q.period and (o.is_imposed or not q.is_imposed)
      and case when q.is_per_tenant then o.tenant_id = is_replaced.subject_id and o.scope = 'tenant'
        else o.tenant_id = q.tenant_id and o.scope = q.scope and o.subject_id = is_replaced.subject_id end
  );

create or replace function howdah_private.is_used_up(q howdah.quotas, subject_id uuid, at timestamptz) returns boolean
  language sql stable
  return coalesce((
    select c.used from howdah_private.quota_counters as c
    where c.quota_id = q.id and c.started_at = howdah_private.quota_begins(q.period, is_used_up.at)
      and c.subject_id = is_used_up.subject_id
  ), 0) >= q.max_value and not howdah_private.is_replaced(q, is_used_up.subject_id);

-- What a run counts for: a child for the session of its root.
create or replace function howdah_private.session_of_run(e howdah.executions) returns uuid
  language sql stable
  return case when e.depth = 0 then e.session_id
    else (select r.session_id from howdah.executions as r where r.id = e.root_execution_id) end;

-- Adds uses to the counters of all quotas they count for, in their order, and gives those back as they stand then.
-- A use: {metric, amount, at, tenant_id, user_id, agent_id, session_id, api_key_id}.
create or replace function howdah_private.count_uses(uses jsonb)
  returns table (quota_id uuid, subject_id uuid, used numeric, amount numeric)
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  with amounts as materialized (
    select q.id, howdah_private.quota_begins(q.period, u.at) as started_at, s.id as subject_id, sum(u.amount) as amount
    from jsonb_to_recordset(count_uses.uses) as u (
      metric howdah.quota_metric, amount numeric, at timestamptz, tenant_id uuid, user_id uuid, agent_id uuid,
      session_id uuid, api_key_id uuid
    )
    cross join lateral howdah_private.quotas_of(u.tenant_id, array[u.metric]) as q
    cross join lateral (
      values (howdah_private.quota_subject(q, u.tenant_id, u.user_id, u.agent_id, u.session_id, u.api_key_id))
    ) as s (id)
    where s.id is not null
    group by 1, 2, 3
  ),
  counted as (
    insert into howdah_private.quota_counters as c (quota_id, started_at, subject_id, used)
    select a.id, a.started_at, a.subject_id, a.amount from amounts as a order by a.id, a.started_at, a.subject_id
    on conflict (quota_id, started_at, subject_id) do update set used = c.used + excluded.used
    returning c.quota_id, c.started_at, c.subject_id, c.used
  )
  select c.quota_id, c.subject_id, c.used, a.amount
  from counted as c
  join amounts as a on a.id = c.quota_id and a.started_at = c.started_at and a.subject_id = c.subject_id
$$;

-- Counts what must not go beyond; refused as a whole when it would.
create or replace function howdah_private.use_quotas(uses jsonb) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_over record;
begin
  select q as quota, c.subject_id, c.used - c.amount as used, c.amount into v_over
  from howdah_private.count_uses(use_quotas.uses) as c join howdah.quotas as q on q.id = c.quota_id
  where c.used > q.max_value and c.amount > 0 and not howdah_private.is_replaced(q, c.subject_id)
  order by q.period desc nulls first, q.id, c.subject_id limit 1;
  if found then
    perform howdah_private.refuse_use(v_over.quota, v_over.subject_id, v_over.used, v_over.amount,
      (select max(u.at) from jsonb_to_recordset(use_quotas.uses) as u (at timestamptz)));
  end if;
end $$;

-- Free again when the period of the use ends: a transaction that was open over its turn uses the one before, and may be tried again at once.
create or replace function howdah_private.refuse_use(
  quota howdah.quotas, subject_id uuid, used numeric, amount numeric, at timestamptz
) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_ends_at timestamptz := howdah_private.quota_ends(quota.period, refuse_use.at);
  v_moment text := howdah_private.timestamp_key(v_ends_at);
  v_max text := trim_scale(quota.max_value)::text;
begin
  raise exception using errcode = 'HWQTA',
    message = format('the quota of %s is used up: at most %s %s%s, %s are used and %s more asked for%s',
      case when quota.is_per_tenant then 'each tenant' when quota.scope = 'tenant' then 'the tenant'
        when quota.scope = 'system' then 'this installation'
        else format('%s %s', replace(quota.scope::text, '_', ' '), refuse_use.subject_id) end,
      v_max, case quota.metric when 'storage' then 'bytes of resources' else quota.metric::text end,
      ' per ' || quota.period, trim_scale(refuse_use.used), trim_scale(refuse_use.amount),
      '; free again at ' || v_moment),
    detail = jsonb_build_object('quota_id', quota.id, 'scope', quota.scope,
      'subject_id', case when howdah_private.is_for_each(quota) then refuse_use.subject_id else quota.subject_id end,
      'metric', quota.metric, 'period', quota.period, 'max_value', quota.max_value, 'used', refuse_use.used,
      'retry_at', v_moment, 'retry_after_seconds', case when v_ends_at is not null
        then greatest(ceil(extract(epoch from v_ends_at - clock_timestamp())), 1) end)::text,
    hint = case
      when refuse_use.amount > quota.max_value and quota.max_value > 0
        then format('That is more than is ever allowed at once: ask for at most %s.', v_max)
      else format('%s its max_value raised%s: the quota %s.',
        case quota.metric when 'storage' then 'Delete something, or have'
          else case when v_ends_at is null or quota.max_value = 0 then 'Have' else 'Wait until then, or have' end end,
        case when howdah_private.is_for_each(quota) then ' (one for this subject alone takes its place)' end,
        quota.id) end;
end $$;

-- What deleted runs have used, as it was kept: by the day on which the runs began. At which hour nobody knows any more.
create or replace function howdah_private.is_kept(quota howdah.quotas) returns boolean
  language sql immutable
  return quota.scope <> 'api_key' and coalesce(quota.period in ('day', 'month'), true);

-- Whether what is kept of it has closed months in it as a whole: their runs, while they are there, are counted already.
create or replace function howdah_private.is_kept_by_month(quota howdah.quotas) returns boolean
  language sql immutable
  return howdah_private.is_kept(quota) and quota.scope <> 'session';

create or replace function howdah_private.kept_since(quota howdah.quotas, since timestamptz)
  returns table (subject_id uuid, used numeric)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select s.id, case quota.metric when 'runs' then k.roots when 'cost' then k.cost else k.tokens_in + k.tokens_out end
  from howdah.kept_usage as k
  cross join lateral (values (howdah_private.quota_subject(quota, k.tenant_id, null, k.agent_id, null))) as s (id)
  where howdah_private.is_kept(quota) and (quota.scope = 'system' or (quota.scope in ('tenant', 'agent') and k.tenant_id = quota.tenant_id))
    and k.day >= (kept_since.since at time zone 'UTC')::date and s.id is not null
  union all
  select k.subject_id, case quota.metric when 'runs' then k.roots when 'cost' then k.cost else k.tokens end
  from howdah_private.kept_subjects as k
  where howdah_private.is_kept(quota) and k.tenant_id = quota.tenant_id and k.scope = quota.scope
    and k.subject_id = coalesce(quota.subject_id, k.subject_id) and k.day >= (kept_since.since at time zone 'UTC')::date
$$;

-- What a quota has been used, with what ran before there was one. The ids of runs tell their time; a day is for clocks
-- and for who gave an id himself. What live runs and those that ended since have spent is found by their indexes. What was deleted is
-- looked at by the same statement as what is there, so that none of it is missed or counted twice; closed months are kept already.
create or replace function howdah_private.used_since(quota howdah.quotas, since timestamptz)
  returns table (subject_id uuid, used numeric)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_first uuid := howdah.uuid_v7_floor(greatest(used_since.since, '2000-01-02') - interval '1 day');
begin
  case quota.metric
    when 'runs' then
      return query select u.subject_id, sum(u.used) from (
        select s.id as subject_id, 1::numeric as used
        from howdah.executions as e
        cross join lateral (
          values (howdah_private.quota_subject(quota, e.tenant_id, e.user_id, e.agent_id, e.session_id))) as s (id)
        where (quota.scope = 'system' or e.tenant_id = quota.tenant_id)
          and e.id >= v_first and e.created_at >= used_since.since
          and e.parent_execution_id is null and e.compensates_execution_id is null and s.id is not null
          and not (howdah_private.is_kept_by_month(quota)
            and exists (select from howdah_private.closing_months() as m where e.id >= m.first_id and e.id < m.next_id))
        union all
        select k.subject_id, k.used from howdah_private.kept_since(quota, used_since.since) as k
      ) as u
      group by u.subject_id;
    when 'tokens', 'cost' then
      return query select u.subject_id, sum(u.used) from (
        select b.id as subject_id, case quota.metric when 'cost' then s.cost else s.tokens_in + s.tokens_out end as used
        from howdah_private.spenders_since(quota, used_since.since) as e
        join howdah.steps as s on s.execution_id = e.id and s.finished_at >= used_since.since
        cross join lateral (values (howdah_private.quota_subject(
          quota, e.tenant_id, e.user_id, e.agent_id, howdah_private.session_of_run(e)))) as b (id)
        where b.id is not null
        union all
        select k.subject_id, k.used from howdah_private.kept_since(quota, used_since.since) as k
      ) as u
      group by u.subject_id having sum(u.used) > 0;
    when 'storage' then
      return query select s.id, sum(r.size)
      from howdah.resources as r
      cross join lateral (values (howdah_private.quota_subject(quota, r.tenant_id, null, null, r.session_id))) as s (id)
      where (quota.scope = 'system' or r.tenant_id = quota.tenant_id) and s.id is not null
      group by s.id;
    else
      null; -- requests leave no rows
  end case;
end $$;

-- Runs that may have spent something since: live ones, and those that ended since.
create or replace function howdah_private.spenders_since(quota howdah.quotas, since timestamptz) returns setof howdah.executions
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select l.* from howdah.executions as l
  where (quota.scope = 'system' or l.tenant_id = quota.tenant_id) and l.status in ('queued', 'running', 'waiting', 'paused')
  union all
  select d.* from howdah.executions as d
  where (quota.scope = 'system' or d.tenant_id = quota.tenant_id) and d.completed_at >= spenders_since.since
    and not (howdah_private.is_kept_by_month(quota)
      and exists (select from howdah_private.closing_months() as m where d.id >= m.first_id and d.id < m.next_id))
$$;

-- Whom a new quota must wait for, and who waits for it. Taken in place of a call: every insert of runs asks.
create or replace function howdah_private.quotas_key(tenant_id uuid) returns bigint
  language sql immutable parallel safe
  return hashtextextended('howdah.quotas ' || quotas_key.tenant_id::text, 0);

create or replace function howdah_private.lock_out_users(quota howdah.quotas) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if quota.scope = 'system' then
    lock table howdah.executions, howdah.resources in share row exclusive mode;
  else
    perform pg_advisory_xact_lock(howdah_private.quotas_key(quota.tenant_id));
  end if;
end $$;

-- The first counters of a quota. Those it locks out wait, so it does not wait long for them.
create or replace function howdah_private.begin_quota(quota howdah.quotas) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set lock_timeout = '2s'
as $$
declare
  v_began_at timestamptz;
begin
  if quota.metric in ('runs', 'storage') then
    perform howdah_private.lock_out_users(quota);
  end if;
  delete from howdah_private.quota_counters as c where c.quota_id = quota.id;
  v_began_at := howdah_private.quota_begins(quota.period, clock_timestamp());
  insert into howdah_private.quota_counters (quota_id, started_at, subject_id, used)
  select quota.id, v_began_at, u.subject_id, u.used from howdah_private.used_since(quota, v_began_at) as u;
  if quota.metric in ('tokens', 'cost') then
    insert into howdah_private.quota_recounts (quota_id) values (quota.id)
    on conflict (quota_id) do update set after = null;
    perform howdah_private.enqueue_admission(quota.id, quota.tenant_id);
  end if;
exception when lock_not_available then
  raise exception using errcode = 'HWCNF',
    message = 'a transaction that uses what the quota is about has not ended for two seconds',
    detail = jsonb_build_object('metric', quota.metric, 'scope', quota.scope)::text,
    hint = 'Try again; pg_stat_activity shows transactions that are open for long.';
end $$;

-- Counts again what was spent before a quota was seen by all who spend; asked by a job, in a transaction that began when
-- the quota was there. Whoever began before it may not have seen the quota: while one is left, false. Of whom those have
-- spent for, the counters are locked before they are counted: who commits now has added what he spent, or will.
create or replace function howdah_private.recount(quota howdah.quotas) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_pending howdah_private.quota_recounts;
  v_began_at timestamptz := howdah_private.quota_begins(quota.period, clock_timestamp());
  v_subjects uuid[];
begin
  select r.* into v_pending from howdah_private.quota_recounts as r where r.quota_id = quota.id for update;
  if not found then
    return true;
  end if;
  v_pending.after := coalesce(v_pending.after, pg_current_xact_id());
  if pg_snapshot_xmin(pg_current_snapshot()) < v_pending.after then
    update howdah_private.quota_recounts as r set after = v_pending.after where r.quota_id = quota.id;
    return false;
  end if;
  with locked as (
    insert into howdah_private.quota_counters as c (quota_id, started_at, subject_id, used)
    select quota.id, v_began_at, u.subject_id, 0 from howdah_private.used_since(quota, v_began_at) as u
    order by u.subject_id
    on conflict (quota_id, started_at, subject_id) do update set used = c.used
    returning c.subject_id
  )
  select array_agg(l.subject_id) into v_subjects from locked as l;
  update howdah_private.quota_counters as c set used = u.used
  from howdah_private.used_since(quota, v_began_at) as u
  where c.quota_id = quota.id and c.started_at = v_began_at and c.subject_id = u.subject_id
    and c.subject_id = any (v_subjects);
  delete from howdah_private.quota_recounts as r where r.quota_id = quota.id;
  return true;
end $$;

-- Where a quota stands now, of each subject that used something when it is for each; for those who may see it.
create or replace function howdah_private.quota_use(quota_id uuid)
  returns table (subject_id uuid, used numeric, started_at timestamptz, resets_at timestamptz)
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_tenant_id uuid := case when howdah_private.is_operator()
    then (select x.tenant_id from howdah.quotas as x where x.id = quota_use.quota_id) else howdah.current_tenant() end;
  v_quota howdah.quotas;
  v_began_at timestamptz;
begin
  select q.* into v_quota from howdah.quotas as q
  where q.id = quota_use.quota_id and q.tenant_id = v_tenant_id;
  v_began_at := howdah_private.quota_begins(v_quota.period, clock_timestamp());
  if howdah_private.is_for_each(v_quota) then
    return query
    select c.subject_id, c.used, nullif(v_began_at, '-infinity'),
      howdah_private.quota_ends(v_quota.period, clock_timestamp())
    from howdah_private.quota_counters as c
    where c.quota_id = v_quota.id and c.started_at = v_began_at and c.used > 0
      and not howdah_private.is_replaced(v_quota, c.subject_id)
      and (not v_quota.is_per_tenant or howdah_private.is_operator() or c.subject_id = howdah.current_tenant());
  elsif v_quota.id is not null then
    return query
    select v_quota.subject_id, case when v_quota.scope <> 'system' or howdah_private.is_operator() -- it is of all tenants
        then coalesce((
          select c.used from howdah_private.quota_counters as c
          where c.quota_id = v_quota.id and c.started_at = v_began_at
            and c.subject_id = howdah_private.quota_subject(v_quota, v_quota.tenant_id, v_quota.user_id,
              v_quota.agent_id, v_quota.session_id, v_quota.api_key_id)
        ), 0) end,
      nullif(v_began_at, '-infinity'), howdah_private.quota_ends(v_quota.period, clock_timestamp());
  end if;
end $$;

-- Counters of periods that are over, and of quotas that are gone: those are not deleted with them, since who deletes a
-- quota and takes long must hold up nobody. Of quotas for each that have no period also those whose subject is gone. Called
-- by repair_queue, which waits for nobody.
create or replace function howdah_private.forget_counters() returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  delete from howdah_private.quota_counters as c
  using (
    select o.quota_id, o.started_at, o.subject_id from howdah_private.quota_counters as o
    left join howdah.quotas as q on q.id = o.quota_id
    where q.id is null
      or o.started_at < howdah_private.quota_begins(q.period, clock_timestamp()) - interval '1 day'
      or (q.period is null and howdah_private.is_for_each(q) and not case q.scope
        when 'system' then exists (select from howdah.tenants as t where t.id = o.subject_id)
        when 'user' then exists (select from howdah.users as u where u.id = o.subject_id)
        when 'agent' then exists (select from howdah.agents as a where a.id = o.subject_id)
        else exists (select from howdah.sessions as s where s.id = o.subject_id) end)
    for update of o skip locked
  ) as old
  where c.quota_id = old.quota_id and c.started_at = old.started_at and c.subject_id = old.subject_id
$$;
