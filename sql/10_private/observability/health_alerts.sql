-- Health alerts of the whole installation: the rows of howdah.alerts. Each check reads an index of
-- live, due or failed rows, or a small table, so that it can run every few seconds, however many
-- runs have ended. The thresholds are in howdah_private.alert_limits.

-- Returns the moment that many seconds ago, at most about thirty years.
create or replace function howdah_private.oldest_time(seconds numeric) returns timestamptz
  language sql stable
  return statement_timestamp() - make_interval(secs => least(oldest_time.seconds, 1e9)::float8);

-- Returns alerts about runs and about the workers that should run them.
create or replace function howdah_private.queue_alerts()
  returns table (name text, tenant_id uuid, subject text, since timestamptz, detail text)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
as $$
  with due as materialized (
    select e.tenant_id, count(*) as runs, min(greatest(e.run_at, e.wake_at)) as due_at
    from howdah.executions as e
    where e.status = 'queued' and greatest(e.run_at, e.wake_at) <= now()
    group by e.tenant_id
  ),
  held as materialized (
    select e.owner_worker as worker, count(*) as runs,
      max(coalesce(h.updated_at, e.updated_at)) as updated_at
    from howdah.executions as e
    left join howdah_private.run_heads as h on h.execution_id = e.id
    where e.owner_worker is not null
    group by e.owner_worker
  ),
  limits as (
    select l.name, howdah_private.oldest_time(l.threshold) as before
    from howdah_private.alert_limits as l
  )
  select l.name, d.tenant_id, t.slug, d.due_at,
    format('due runs that no worker has claimed: %s', d.runs)
  from limits as l
  join due as d on d.due_at < l.before
  join howdah.tenants as t on t.id = d.tenant_id
  where l.name = 'queue_stuck'
  union all
  select l.name, null, 'workers', min(d.due_at),
    format('due runs: %s, live workers: none', sum(d.runs))
  from limits as l join due as d on d.due_at < l.before
  where l.name = 'no_worker' and not howdah_private.is_any_worker_alive()
  group by l.name
  union all
  select l.name, r.tenant_id, r.code, min(r.deferred_at),
    format('runs that wait because no running worker has %s: %s', r.code, count(*))
  from limits as l
  join (
    select d.tenant_id, d.deferred_at, howdah_private.missing_code(e.agent_version_id) as code
    from howdah_private.runs_without_worker as d
    join howdah.executions as e on e.id = d.execution_id and e.status = 'queued'
  ) as r on r.code is not null and r.deferred_at < l.before
  where l.name = 'worker_lacks_code'
  group by l.name, r.tenant_id, r.code
  union all
  select l.name, null, format('worker %s', h.worker), coalesce(w.heartbeat_at, h.updated_at),
    format('runs with its lease: %s; the worker is %s', h.runs,
      coalesce('silent: process ' || w.pid || ' on ' || w.host, 'not registered'))
  from limits as l
  cross join held as h
  left join howdah_private.workers as w on w.id = h.worker
  where l.name = 'leases_expired' and coalesce(w.heartbeat_at, h.updated_at) < l.before
  union all
  select l.name, null, format('task %s', j.task), min(j.updated_at),
    format('jobs without attempts left: %s, last error: %s', count(*),
      coalesce((array_agg(left(j.last_error, 200) order by j.updated_at desc))[1], 'none'))
  from limits as l
  join howdah_private.queue_jobs as j
    on j.attempts >= j.max_attempts and j.locked_at is null and j.updated_at < l.before
  where l.name = 'jobs_given_up'
  group by l.name, j.task
$$;

-- Returns alerts about connections of tenants: webhooks, watched tables, MCP servers, schedules,
-- limits.
create or replace function howdah_private.connection_alerts()
  returns table (name text, tenant_id uuid, subject text, since timestamptz, detail text)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  with limits as (
    select l.name, l.threshold, howdah_private.oldest_time(l.threshold) as before
    from howdah_private.alert_limits as l
  )
  select l.name, d.tenant_id, coalesce('webhook ' || d.webhook_id, 'callbacks'),
    min(d.last_attempt_at), format('failed deliveries: %s', count(*))
  from limits as l
  join howdah.webhook_deliveries as d
    on d.status <> 'delivered' and d.status = 'failed' and d.last_attempt_at >= l.before
  where l.name = 'deliveries_failed'
  group by l.name, d.tenant_id, d.webhook_id
  union all
  select l.name, w.tenant_id, t.table_name, min(w.created_at),
    format('answers not written back: %s, last error: %s',
    count(*), (array_agg(left(w.error ->> 'message', 200) order by w.created_at desc))[1])
  from limits as l
  join howdah.watched_rows as w
    on w.execution_id >= howdah.uuid_v7_floor(l.before) and w.write_back = 'failed'
  join howdah.table_triggers as t on t.tenant_id = w.tenant_id and t.id = w.table_trigger_id
  where l.name = 'write_backs_failing'
  group by l.name, w.tenant_id, t.id, t.table_name
  union all
  select l.name, s.tenant_id, s.name, s.failed_at, left(s.error, 200)
  from limits as l
  join howdah.mcp_servers as s
    on s.is_active and s.error is not null and s.failed_at < l.before
  where l.name = 'mcp_server_down'
  union all
  select l.name, s.tenant_id, s.name, s.next_at, 'the schedule has begun no run'
  from limits as l join howdah.schedules as s on s.is_active and s.next_at < l.before
  where l.name = 'schedules_late'
  union all
  select l.name, q.tenant_id, format('%s %s of a %s%s', q.metric,
    coalesce('per ' || q.period, 'in all'), q.scope,
    case when c.subject_id not in (q.id, q.tenant_id) then ' ' || c.subject_id else '' end),
    c.started_at,
    format('%s of %s are used', trim_scale(c.used), trim_scale(q.max_value))
  from limits as l
  cross join howdah.limits as q
  cross join lateral (
    select o.subject_id, o.started_at, sum(o.used) as used from howdah_private.limit_counters as o
    where o.limit_id = q.id
      and o.started_at = howdah_private.period_begins(q.period, clock_timestamp())
    group by 1, 2
  ) as c
  where l.name = 'quota_nearly_used' and q.max_value > 0
    and c.used >= q.max_value * l.threshold / 100
    and not (howdah_private.applies_to_each(q) and howdah_private.is_replaced(q, c.subject_id))
$$;

-- Returns alerts about the maintenance of the installation.
create or replace function howdah_private.upkeep_alerts()
  returns table (name text, tenant_id uuid, subject text, since timestamptz, detail text)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select l.name, null::uuid, p.relation, m.begins_at at time zone 'UTC',
    'rows of that month will be refused'
  from howdah_private.alert_limits as l
  cross join generate_series(
    date_trunc('month', now() at time zone 'UTC'),
    (now() at time zone 'UTC') + make_interval(days => l.threshold::int),
    interval '1 month') as m (begins_at)
  cross join unnest(array['executions', 'steps', 'message_log']) as t (name)
  cross join lateral (
    select format('howdah_private.%s_%s', t.name, to_char(m.begins_at, 'YYYY_MM'))
  ) as p (relation)
  where l.name = 'partitions_missing'
    and not howdah_private.is_attached(to_regclass(p.relation))
  union all
  select l.name, null, 'files', min(d.created_at),
    format('files to delete: %s, last error: %s', count(*),
      coalesce((array_agg(d.last_error order by d.due_at desc)
        filter (where d.last_error is not null))[1], 'none'))
  from howdah_private.alert_limits as l
  join howdah_private.due_work as d on d.kind = 'delete_file'
    and d.created_at < howdah_private.oldest_time(l.threshold)
  where l.name = 'files_not_deleted'
  group by l.name
  union all
  select l.name, h.tenant_id, t.slug, a.created_at,
    format('the log has %s rows, its last checkpoint is at %s', h.seq, k.seq)
  from howdah_private.alert_limits as l
  cross join howdah_private.audit_heads as h
  cross join lateral (
    select coalesce(max(c.seq), 0) as seq
    from howdah_private.audit_checkpoints as c where c.tenant_id = h.tenant_id
  ) as k
  join howdah.audit_log as a on a.tenant_id = h.tenant_id and a.seq = k.seq + 1
  left join howdah.tenants as t on t.id = h.tenant_id
  where l.name = 'audit_checkpoint_stale' and k.seq < h.seq
    and a.created_at < howdah_private.oldest_time(l.threshold)
$$;

-- Returns alerts about the server. Runs without the privileges of the engine. Postgres shows the
-- start of a transaction of another login only to members of that login and of pg_read_all_stats.
-- So an owner sees the transactions that the owner may see. The metrics see them if an
-- administrator has granted pg_read_all_stats to howdah_engine.
create or replace function howdah_private.server_alerts()
  returns table (name text, tenant_id uuid, subject text, since timestamptz, detail text)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select l.name, null::uuid, 'server', null::timestamptz,
    format('%s of %s connections are in use', c.taken, c.most)
  from howdah_private.alert_limits as l
  cross join (
    select sum(d.numbackends) as taken,
      current_setting('max_connections')::int
        - current_setting('superuser_reserved_connections')::int as most
    from pg_stat_database as d
  ) as c
  where l.name = 'connections_near_max' and c.taken >= c.most * l.threshold / 100
  union all
  select l.name, null, 'server', null,
    format('%s %% of the queue of notifications are unread', round(q.percent, 2))
  from howdah_private.alert_limits as l
  cross join (select 100 * pg_notification_queue_usage()::numeric as percent) as q
  where l.name = 'notifications_unread' and q.percent >= l.threshold
  union all
  select l.name, null, d.datname, null,
    format('the oldest row is %s transactions old', age(d.datfrozenxid))
  from howdah_private.alert_limits as l cross join pg_database as d
  where l.name = 'transaction_ids_old' and age(d.datfrozenxid) >= l.threshold
  union all
  select l.name, null, c.oid::regclass::text, pg_stat_get_last_autovacuum_time(c.oid),
    format('%s dead rows, %s live rows', r.dead, r.live)
  from howdah_private.alert_limits as l
  cross join pg_class as c
  cross join lateral (
    select pg_stat_get_dead_tuples(c.oid) as dead, pg_stat_get_live_tuples(c.oid) as live
  ) as r
  where l.name = 'vacuum_behind' and c.relkind = 'r' and r.dead >= 10000
    and r.dead >= r.live * l.threshold / 100
    and c.relnamespace in (
      'howdah'::regnamespace, 'howdah_private'::regnamespace, 'graphile_worker'::regnamespace)
  union all
  select l.name, null, x.subject, x.began_at, x.detail
  from howdah_private.alert_limits as l
  cross join (
    select format('process %s', a.pid), a.xact_start,
      concat_ws(', ', nullif(a.application_name, ''), a.datname, a.state)
    from pg_stat_activity as a
    where a.backend_type = 'client backend'
      and (a.backend_xid is not null or a.backend_xmin is not null)
    union all
    select format('prepared transaction %s', p.gid), p.prepared, format('in %s', p.database)
    from pg_prepared_xacts as p
  ) as x (subject, began_at, detail)
  where l.name = 'transaction_long' and x.began_at < howdah_private.oldest_time(l.threshold)
$$;

-- Returns all alerts except violated invariants, whose check reads whole logs and is a rule of its
-- own.
create or replace function howdah_private.installation_alerts()
  returns table (
    name text, severity howdah.alert_severity, tenant_id uuid, subject text, since timestamptz,
    detail text
  )
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select a.name, l.severity, a.tenant_id, a.subject, a.since, a.detail
  from (
    select * from howdah_private.queue_alerts()
    union all
    select * from howdah_private.connection_alerts()
    union all
    select * from howdah_private.upkeep_alerts()
    union all
    select * from howdah_private.server_alerts()
  ) as a
  join howdah_private.alert_limits as l on l.name = a.name and l.is_active
$$;
