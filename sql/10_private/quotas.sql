-- Quotas: how much of a metric somebody may use within a period.
--
-- Exact, since whatever is used is added to a counter in the transaction that uses it, under the lock of the counter's row:
-- who comes second waits for the first, and then sees what he has used. Counters are locked in the order of their
-- quotas, after the runs and sessions that a statement is about. Runs, requests and storage that would go beyond are
-- refused, and nothing is counted of them. Tokens and cost are known only when they are spent: they are
-- counted by the commit that spends them, and every commit and claim says whether there is room for another model call; a
-- run without any is parked as a row and goes on when the period turns or its quota is changed.
--
-- What ran before a quota was made counts. Who makes one locks out those who begin runs or store files (quotas_key), looks
-- at what there is, and leaves a counter; who comes then finds the quota. Commits are not locked out, since no hot path may
-- wait for who edits a quota: what was spent beside that transaction is counted again once nobody is left who has not seen
-- the quota (recount).
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

create or replace function howdah_private.is_quota_of(
  q howdah.quotas, tenant_id uuid, user_id uuid, agent_id uuid, session_id uuid, api_key_id uuid default null
) returns boolean
  language sql immutable
  return case q.scope
    when 'system' then true
    when 'tenant' then q.tenant_id = is_quota_of.tenant_id
    when 'user' then q.subject_id = is_quota_of.user_id
    when 'agent' then q.subject_id = is_quota_of.agent_id
    when 'session' then q.subject_id = is_quota_of.session_id
    else q.subject_id = is_quota_of.api_key_id end;

create or replace function howdah_private.is_used_up(q howdah.quotas, at timestamptz) returns boolean
  language sql stable
  return coalesce((
    select c.used from howdah_private.quota_counters as c
    where c.quota_id = q.id and c.started_at = howdah_private.quota_begins(q.period, is_used_up.at)
  ), 0) >= q.max_value;

-- What a run counts for: a child for the session of its root.
create or replace function howdah_private.session_of_run(e howdah.executions) returns uuid
  language sql stable
  return case when e.depth = 0 then e.session_id
    else (select r.session_id from howdah.executions as r where r.id = e.root_execution_id) end;

-- Adds uses to the counters of all quotas they count for, in the order of quotas, and gives those back as they stand then.
-- A use: {metric, amount, at, tenant_id, user_id, agent_id, session_id, api_key_id}.
create or replace function howdah_private.count_uses(uses jsonb)
  returns table (quota_id uuid, started_at timestamptz, used numeric, amount numeric)
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  with amounts as materialized (
    select q.id, howdah_private.quota_begins(q.period, u.at) as started_at, sum(u.amount) as amount
    from jsonb_to_recordset(count_uses.uses) as u (
      metric howdah.quota_metric, amount numeric, at timestamptz, tenant_id uuid, user_id uuid, agent_id uuid,
      session_id uuid, api_key_id uuid
    )
    cross join lateral howdah_private.quotas_of(u.tenant_id, array[u.metric]) as q
    where howdah_private.is_quota_of(q, u.tenant_id, u.user_id, u.agent_id, u.session_id, u.api_key_id)
    group by 1, 2
  ),
  counted as (
    insert into howdah_private.quota_counters as c (quota_id, started_at, used)
    select a.id, a.started_at, a.amount from amounts as a order by a.id, a.started_at
    on conflict (quota_id, started_at) do update set used = c.used + excluded.used
    returning c.quota_id, c.started_at, c.used
  )
  select c.quota_id, c.started_at, c.used, a.amount
  from counted as c join amounts as a on a.id = c.quota_id and a.started_at = c.started_at
$$;

-- Counts what must not go beyond; refused as a whole when it would.
create or replace function howdah_private.use_quotas(uses jsonb) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_over record;
begin
  select q as quota, c.used - c.amount as used, c.amount into v_over
  from howdah_private.count_uses(use_quotas.uses) as c join howdah.quotas as q on q.id = c.quota_id
  where c.used > q.max_value and c.amount > 0
  order by q.period desc nulls first, q.id limit 1;
  if found then
    perform howdah_private.refuse_use(v_over.quota, v_over.used, v_over.amount);
  end if;
end $$;

create or replace function howdah_private.refuse_use(quota howdah.quotas, used numeric, amount numeric) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_ends_at timestamptz := howdah_private.quota_ends(quota.period, clock_timestamp());
  v_moment text := howdah_private.moment_name(v_ends_at);
  v_max text := trim_scale(quota.max_value)::text;
begin
  raise exception using errcode = 'HWQTA',
    message = format('the quota of %s is used up: at most %s %s%s, %s are used and %s more asked for%s',
      case quota.scope when 'tenant' then 'the tenant' when 'system' then 'this installation'
        else format('%s %s', replace(quota.scope::text, '_', ' '), quota.subject_id) end,
      v_max, case quota.metric when 'storage' then 'bytes of resources' else quota.metric::text end,
      ' per ' || quota.period, trim_scale(refuse_use.used), trim_scale(refuse_use.amount),
      '; free again at ' || v_moment),
    detail = jsonb_build_object('quota_id', quota.id, 'scope', quota.scope, 'subject_id', quota.subject_id,
      'metric', quota.metric, 'period', quota.period, 'max_value', quota.max_value, 'used', refuse_use.used,
      'retry_at', v_moment, 'retry_after_seconds', case when v_ends_at is not null
        then greatest(ceil(extract(epoch from v_ends_at - clock_timestamp())), 1) end)::text,
    hint = case
      when refuse_use.amount > quota.max_value and quota.max_value > 0
        then format('That is more than is ever allowed at once: ask for at most %s.', v_max)
      else format('%s it raised: update howdah.quotas set max_value = … where id = %L',
        case quota.metric when 'storage' then 'Delete something, or have'
          else case when v_ends_at is null then 'Have' else 'Wait until then, or have' end end, quota.id) end;
end $$;

-- What a quota has been used, with what ran before there was one. The ids of runs tell their time; a day is for clocks
-- and for who gave an id himself. What live runs and those that ended since have spent is found by their indexes.
create or replace function howdah_private.used_since(quota howdah.quotas, since timestamptz) returns numeric
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_first uuid := howdah.uuid_v7_floor(greatest(used_since.since, '2000-01-02') - interval '1 day');
  v_used numeric;
begin
  case quota.metric
    when 'runs' then
      select count(*) into v_used from howdah.executions as e
      where (quota.scope = 'system' or e.tenant_id = quota.tenant_id)
        and e.id >= v_first and e.created_at >= used_since.since
        and e.parent_execution_id is null and e.compensates_execution_id is null
        and howdah_private.is_quota_of(quota, e.tenant_id, e.user_id, e.agent_id, e.session_id);
    when 'tokens', 'cost' then
      select sum(case quota.metric when 'cost' then s.cost else s.tokens_in + s.tokens_out end) into v_used
      from (
        select l as e from howdah.executions as l
        where (quota.scope = 'system' or l.tenant_id = quota.tenant_id)
          and l.status in ('queued', 'running', 'waiting', 'paused')
        union all
        select d as e from howdah.executions as d
        where (quota.scope = 'system' or d.tenant_id = quota.tenant_id) and d.completed_at >= used_since.since
      ) as r
      join howdah.steps as s on s.execution_id = (r.e).id and s.finished_at >= used_since.since
      where howdah_private.is_quota_of(
          quota, (r.e).tenant_id, (r.e).user_id, (r.e).agent_id, howdah_private.session_of_run(r.e));
    when 'storage' then
      select sum(r.size) into v_used from howdah.resources as r
      where (quota.scope = 'system' or r.tenant_id = quota.tenant_id)
        and howdah_private.is_quota_of(quota, r.tenant_id, null, null, r.session_id);
    else
      v_used := 0; -- requests leave no rows
  end case;
  return coalesce(v_used, 0);
end $$;

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

-- The first counter of a quota. Those it locks out wait, so it does not wait long for them.
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
  insert into howdah_private.quota_counters (quota_id, started_at, used, recount_after)
  values (quota.id, v_began_at, howdah_private.used_since(quota, v_began_at),
    case when quota.metric in ('tokens', 'cost') then pg_current_xact_id() end);
  perform howdah_private.enqueue_admission(quota.id, quota.tenant_id) where quota.metric in ('tokens', 'cost');
exception when lock_not_available then
  raise exception using errcode = 'HWCNF',
    message = 'a transaction that uses what the quota is about has not ended for two seconds',
    detail = jsonb_build_object('metric', quota.metric, 'scope', quota.scope)::text,
    hint = 'Try again; pg_stat_activity shows transactions that are open for long.';
end $$;

-- Counts again what was spent before a quota was seen by all who spend. Under the lock of the counter: who commits now has
-- added what he spent, or will. False when somebody may still be there who has not seen the quota.
create or replace function howdah_private.recount(quota howdah.quotas) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_counter howdah_private.quota_counters;
begin
  select c.* into v_counter from howdah_private.quota_counters as c
  where c.quota_id = quota.id and c.recount_after is not null for update;
  if found and pg_snapshot_xmin(pg_current_snapshot()) <= v_counter.recount_after then
    return false;
  elsif found then
    update howdah_private.quota_counters as c
    set recount_after = null,
      used = case when c.started_at = howdah_private.quota_begins(quota.period, clock_timestamp())
        then howdah_private.used_since(quota, c.started_at) else c.used end
    where c.quota_id = quota.id and c.started_at = v_counter.started_at;
  end if;
  return true;
end $$;

-- Where a quota stands now; for those who may see it.
create or replace function howdah_private.quota_use(
  quota_id uuid, out used numeric, out started_at timestamptz, out resets_at timestamptz
)
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id uuid := case when howdah_private.is_operator()
    then (select x.tenant_id from howdah.quotas as x where x.id = quota_use.quota_id) else howdah.current_tenant() end;
  v_quota howdah.quotas;
begin
  select q.* into v_quota from howdah.quotas as q
  where q.id = quota_use.quota_id and q.tenant_id = v_tenant_id;
  if found then
    started_at := howdah_private.quota_begins(v_quota.period, clock_timestamp());
    resets_at := howdah_private.quota_ends(v_quota.period, clock_timestamp());
    used := coalesce((
      select c.used from howdah_private.quota_counters as c
      where c.quota_id = v_quota.id and c.started_at = quota_use.started_at
    ), 0);
    started_at := nullif(started_at, '-infinity');
    if v_quota.scope = 'system' and not howdah_private.is_operator() then
      used := null; -- it is of all tenants
    end if;
  end if;
end $$;

-- Counters of periods that are over, and of quotas that are gone: those are not deleted with them, since who deletes a
-- quota and takes long must hold up nobody. Called by heal_queue, which waits for nobody.
create or replace function howdah_private.forget_counters() returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  delete from howdah_private.quota_counters as c
  using (
    select o.quota_id, o.started_at from howdah_private.quota_counters as o
    left join howdah.quotas as q on q.id = o.quota_id
    where q.id is null
      or o.started_at < howdah_private.quota_begins(q.period, clock_timestamp()) - interval '1 day'
    for update of o skip locked
  ) as old
  where c.quota_id = old.quota_id and c.started_at = old.started_at
$$;
