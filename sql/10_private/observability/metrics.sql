-- Metrics of the database for a monitoring system: names, labels and values, without data of
-- tenants. The counts use indexes that hold only live rows, since ended runs may be a hundred
-- million rows.
create or replace function howdah_private.metrics()
  returns table (name text, labels jsonb, value float8)
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
as $$
begin
  return query
  with live as materialized (
    select e.status, e.waiting_for, count(*) as runs,
      min(greatest(e.run_at, e.wake_at)) as oldest_due_at,
      count(*) filter (where greatest(e.run_at, e.wake_at) <= now()) as due
    from howdah.executions as e
    where e.status in ('queued', 'running', 'waiting', 'paused')
    group by e.status, e.waiting_for
  )
  select 'howdah_runs', jsonb_build_object(
      'status', l.status, 'waiting_for', coalesce(l.waiting_for::text, '')), l.runs::float8
  from live as l
  union all
  select 'howdah_queue_depth', '{}', coalesce(sum(l.due), 0)::float8
  from live as l where l.status = 'queued'
  union all
  select 'howdah_queue_oldest_age_seconds', '{}',
    greatest(0, coalesce(extract(epoch from now() - min(l.oldest_due_at)), 0))::float8
  from live as l where l.status = 'queued'
  union all
  select 'howdah_jobs', jsonb_build_object('state', j.state), count(*)::float8
  from (
    select case
      when o.locked_at is not null then 'locked' when o.attempts >= o.max_attempts then 'failed'
      when o.run_at > now() then 'later' else 'ready' end as state
    from howdah_private.queue_jobs as o
  ) as j
  group by j.state
  union all
  select 'howdah_questions_open', jsonb_build_object('kind', q.kind), count(*)::float8
  from howdah.questions as q where q.status = 'open' group by q.kind
  union all
  select 'howdah_webhook_deliveries', jsonb_build_object('status', d.status), count(*)::float8
  from howdah.webhook_deliveries as d where d.status <> 'delivered' group by d.status
  union all
  select 'howdah_agents', jsonb_build_object(
      'state', case when g.is_active then 'active' else 'inactive' end), count(*)::float8
  from howdah.agents as g where g.deleted_at is null group by g.is_active
  union all
  select 'howdah_alert_rules', jsonb_build_object('state', r.state), count(*)::float8
  from howdah.alert_rules as r where r.is_active group by r.state
  union all
  select 'howdah_workers', '{}', count(*)::float8
  from howdah_private.workers as w where w.heartbeat_at > clock_timestamp() - interval '10 seconds';
  return query select f.name, f.labels, f.value from howdah_private.server_metrics() as f;
  return query select f.name, f.labels, f.value from howdah_private.batch_job_metrics() as f;
  return query
  select 'howdah_alerts', jsonb_build_object('alert', l.name, 'severity', l.severity),
    count(a.name)::float8
  from howdah_private.alert_limits as l
  left join howdah_private.installation_alerts() as a on a.name = l.name
  where l.is_active and l.name <> 'promises_broken'
  group by l.name, l.severity;
end $$;

-- Returns metrics of what workers do in batches.
create or replace function howdah_private.batch_job_metrics()
  returns table (name text, labels jsonb, value float8)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select f.name, jsonb_build_object('job', j.name) || f.labels, f.value
  from howdah_private.batch_job_list() as j
  left join howdah_private.batch_job_rows() as r on r.name = j.name
  left join howdah_private.batch_progress as b on b.name = j.name
  cross join lateral (values
    ('howdah_batch_rows', '{"state": "waiting"}'::jsonb, coalesce(r.waiting, 0)::float8),
    ('howdah_batch_rows', '{"state": "later"}', coalesce(r.later, 0)),
    ('howdah_batch_rows', '{"state": "failing"}', coalesce(r.failing, 0)),
    ('howdah_batch_rows', '{"state": "done"}', coalesce(b.done, 0)),
    ('howdah_batch_oldest_age_seconds', '{}',
      greatest(0, coalesce(extract(epoch from now() - r.oldest_due_at), 0))),
    ('howdah_batch_paused', '{}', (b.paused_at is not null)::int)
  ) as f (name, labels, value)
$$;

-- Returns metrics from the statistics of the server.
create or replace function howdah_private.server_metrics()
  returns table (name text, labels jsonb, value float8)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  with this as (
    select d.* from pg_stat_database as d where d.datname = current_database()
  )
  select f.name, f.labels, f.value from this, lateral (values
    ('howdah_database_connections', '{}'::jsonb, this.numbackends::float8),
    ('howdah_database_connections_limit', '{}', current_setting('max_connections')::float8),
    ('howdah_database_transactions', '{"outcome": "commit"}', this.xact_commit::float8),
    ('howdah_database_transactions', '{"outcome": "rollback"}', this.xact_rollback::float8),
    ('howdah_database_deadlocks', '{}', this.deadlocks::float8),
    ('howdah_database_size_bytes', '{}', pg_database_size(this.datid)::float8),
    ('howdah_database_oldest_transaction_id', '{}', (
      select age(o.datfrozenxid) from pg_database as o where o.oid = this.datid)::float8)
  ) as f (name, labels, value)
  union all
  select 'howdah_database_lock_waits', '{}', count(*)::float8 from pg_locks as l where not l.granted
  union all
  select f.name, jsonb_build_object('table', t.relname), f.value
  from (
    select case t.relname when 'message_log' then 'messages' else t.relname end as relname,
      sum(pg_stat_get_live_tuples(p.relid)) as live, sum(pg_stat_get_dead_tuples(p.relid)) as dead
    from pg_class as t, pg_partition_tree(t.oid) as p
    where t.oid = any (howdah_private.partitioned_tables()) and p.isleaf
    group by t.relname
    union all
    select c.relname, pg_stat_get_live_tuples(c.oid), pg_stat_get_dead_tuples(c.oid)
    from pg_class as c
    where c.relnamespace = 'howdah'::regnamespace
      and c.relname in ('sessions', 'questions', 'resources', 'webhook_deliveries')
    union all
    select 'jobs', pg_stat_get_live_tuples(c.oid), pg_stat_get_dead_tuples(c.oid)
    from pg_class as c where c.oid = howdah_private.queue_table()
  ) as t,
  lateral (values
    ('howdah_database_live_rows', t.live::float8), ('howdah_database_dead_rows', t.dead::float8)
  ) as f (name, value)
$$;

-- Returns the prices of models, for the token counters of workers. Checks no tenant: the ids come
-- from runs that use the models.
create or replace function howdah_private.token_prices(ids uuid[])
  returns table (
    id uuid, input_price numeric, output_price numeric, cached_input_price numeric,
    cache_write_price numeric
  )
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select m.id, m.input_price, m.output_price, m.cached_input_price, m.cache_write_price
  from howdah.models as m
  where m.id = any (token_prices.ids)
$$;

-- Returns the prices that workers of the previous release know.
create or replace function howdah_private.model_prices(ids uuid[])
  returns table (id uuid, input_price numeric, output_price numeric)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select m.id, m.input_price, m.output_price from howdah.models as m
  where m.id = any (model_prices.ids)
$$;
