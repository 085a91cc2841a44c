-- Alert rules. The scheduler enqueues a job for each rule that is due. A worker runs the query of
-- the rule, with the privileges of any other query of the tenant. The result is judged here, under
-- the row lock of the rule, so that each change is reported once, however many workers check the
-- rule.

-- Enqueues the checks that are due. A rule that missed several checks is checked once.
create or replace function howdah_private.enqueue_alerts() returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_rule record;
begin
  for v_rule in
    update howdah.alert_rules as r
    set next_at = clock_timestamp() + make_interval(secs => r.interval_seconds)
    where r.id in (
      select d.id from howdah.alert_rules as d where d.is_active and d.next_at <= clock_timestamp()
      order by d.next_at limit 1000 for update skip locked
    )
    returning r.id, r.tenant_id
  loop
    perform graphile_worker.add_job('check_alert',
      json_build_object('id', v_rule.id, 'tenant_id', v_rule.tenant_id),
      job_key => 'alert ' || v_rule.id, job_key_mode => 'preserve_run_at');
  end loop;
end $$;

-- Begins a check. Returns the query, or null if the rule is deleted or inactive. An engine check
-- reads what no query of a member may read, so its rows are returned instead. Removes a waiting job
-- of the rule, since this check replaces it.
create or replace function howdah_private.start_alert_check(id uuid, tenant_id uuid) returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_rule howdah.alert_rules;
  v_found jsonb;
begin
  perform graphile_worker.remove_job('alert ' || start_alert_check.id);
  select r.* into v_rule from howdah.alert_rules as r
  where r.id = start_alert_check.id and r.tenant_id = start_alert_check.tenant_id and r.is_active;
  if not found then
    return null;
  elsif v_rule.engine_check = 'violations' then
    select coalesce(to_jsonb(array_agg(b)), '[]') into v_found from (
      select p.* from howdah_private.find_violations(now() - interval '1 hour') as p limit 100
    ) as b;
  elsif v_rule.engine_check = 'alerts' then
    select coalesce(to_jsonb(array_agg(b)), '[]') into v_found from (
      select i.*, 'docs/operations.md#' || i.name as runbook
      from howdah_private.installation_alerts() as i limit 100
    ) as b;
  elsif v_rule.engine_check = 'failed_deliveries' then
    select coalesce(to_jsonb(array_agg(b)), '[]') into v_found from (
      select d.id, d.event, d.execution_id, d.last_status, d.last_error, d.last_attempt_at
      from howdah.webhook_deliveries as d
      where d.tenant_id = v_rule.tenant_id and d.status = 'failed'
        and d.last_attempt_at > now() - interval '1 day'
      limit 100
    ) as b;
  end if;
  return jsonb_build_object('id', v_rule.id, 'tenant_id', v_rule.tenant_id, 'query', v_rule.query,
    'found', v_found);
end $$;

-- Stores the rows or the error of a check. Notifies webhooks when the state changes: rows after no
-- rows, no rows after rows, or a failure. The result is discarded if the query of the rule changed
-- meanwhile; the new query is checked soon.
create or replace function howdah_private.finish_alert_check(
  id uuid, tenant_id uuid, query text, rows jsonb, error text
) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_rule howdah.alert_rules;
  v_before howdah.alert_state;
  v_state howdah.alert_state := case when finish_alert_check.error is not null then 'failed'
    when jsonb_array_length(finish_alert_check.rows) > 0 then 'firing' else 'clear' end;
begin
  select r.* into v_rule from howdah.alert_rules as r
  where r.id = finish_alert_check.id and r.tenant_id = finish_alert_check.tenant_id
    and r.is_active and r.query is not distinct from finish_alert_check.query
  for update;
  if not found then
    return;
  end if;
  v_before := v_rule.state;
  update howdah.alert_rules as r
  set state = v_state, last_at = clock_timestamp(), last_error = finish_alert_check.error,
    found_rows = case when v_state <> 'failed' then jsonb_array_length(finish_alert_check.rows) end,
    sample = case when v_state = 'firing'
      then jsonb_path_query_array(finish_alert_check.rows, '$[0 to 9]') end,
    changed_at = case when r.state = v_state then r.changed_at else clock_timestamp() end
  where r.id = v_rule.id and r.tenant_id = v_rule.tenant_id
  returning r.* into v_rule;
  if v_before <> v_state and (v_state <> 'clear' or v_before <> 'unknown') then
    perform howdah_private.enqueue_alert_webhook(v_rule,
      case v_state when 'clear' then 'alert.resolved' else 'alert.' || v_state end);
  end if;
end $$;

create or replace function howdah_private.enqueue_alert_webhook(r howdah.alert_rules, event text)
  returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
with deliveries as (
  insert into howdah.webhook_deliveries (
    tenant_id, webhook_id, alert_rule_id, event, url, next_attempt_at, payload
  )
  select r.tenant_id, w.id, r.id, enqueue_alert_webhook.event, w.url, clock_timestamp(),
    jsonb_build_object(
    'type', enqueue_alert_webhook.event, 'timestamp', clock_timestamp(), 'data', jsonb_build_object(
      'alert_rule_id', r.id, 'name', r.name, 'description', r.description, 'state', r.state,
      'found_rows', r.found_rows,
      'sample', case when octet_length(r.sample::text) <= 65536 then r.sample end,
      'error', r.last_error, 'changed_at', r.changed_at))
  from howdah.webhooks as w
  where w.tenant_id = r.tenant_id and w.is_active
    and (w.id = r.webhook_id
      or (r.webhook_id is null and enqueue_alert_webhook.event = any (w.events)))
  returning id, tenant_id
)
select graphile_worker.add_job('deliver',
    json_build_object('id', d.id, 'tenant_id', d.tenant_id), job_key => 'delivery ' || d.id)
  from deliveries as d
$$;

-- Returns the default rules of a tenant. Each query uses an index, however many runs have ended.
create or replace function howdah_private.default_alerts()
  returns table (name text, description text, interval_seconds int, query text, engine_check text)
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  values
    ('failed_deliveries', 'Webhook deliveries that failed for good within the last day.', 300, null,
      'failed_deliveries'),
    ('stuck_runs', 'Runs that have been due for ten minutes and that no worker has claimed.', 60,
      'select id, status, greatest(run_at, wake_at) as due_at from howdah.executions'
      ' where status = ''queued'' and greatest(run_at, wake_at) < now() - interval ''10 minutes'''
      ' limit 100', null),
    ('failing_agents', 'Agents and workflows with at least ten failed runs in the last hour, which '
      'are more than half of their runs.', 300,
      'select coalesce(a.name, w.name) as name, count(*) as runs,'
      ' count(*) filter (where e.status = ''failed'') as failed'
      ' from howdah.executions as e left join howdah.agents as a on a.id = e.agent_id'
      ' left join howdah.workflows as w on w.id = e.workflow_id'
      ' where e.completed_at > now() - interval ''1 hour'' group by 1'
      ' having count(*) filter (where e.status = ''failed'') >= 10'
      ' and 2 * count(*) filter (where e.status = ''failed'') > count(*)', null),
    ('old_questions', 'Questions to people that have been open for a day.', 900,
      'select id, kind, execution_id, created_at from howdah.questions'
      ' where status = ''open'' and created_at < now() - interval ''1 day'' limit 100', null),
    ('failed_write_backs',
      'Answers of the last day that could not be written into the watched row.', 300,
      'select execution_id, table_trigger_id, row_key, error, created_at from howdah.watched_rows'
      ' where execution_id >= howdah.uuid_v7_floor(now() - interval ''1 day'')'
      ' and write_back = ''failed'' limit 100', null),
    ('mcp_servers_down', 'Active MCP servers that have been unreachable for five minutes.', 300,
      'select name, failed_at, error from howdah.mcp_servers'
      ' where is_active and error is not null and failed_at < now() - interval ''5 minutes'''
      ' limit 100', null),
    ('late_schedules', 'Schedules whose run is two minutes late.', 60,
      'select name, next_at, last_error from howdah.schedules'
      ' where is_active and next_at < now() - interval ''2 minutes'' limit 100', null),
    ('failed_grading_rules',
      'Grading rules whose last time graded nothing, or whose judges a limit has refused.', 300,
      'select name, last_at, next_at, last_error from howdah.grading_rules'
      ' where is_active and last_error is not null limit 100', null),
    ('nearly_used_quotas', 'Limits of usage that are at least 90% used.', 300,
      'select limit_id, scope, subject_id, metric, period, used, max_value, resets_at'
      ' from howdah.limit_usage where max_value > 0 and used >= 0.9 * max_value'
      ' and scope not in (''model'', ''tool'') and metric <> ''running_runs'' limit 100', null)
$$;

-- Returns the additional default rules of an owner of the database.
create or replace function howdah_private.default_owner_alerts()
  returns table (name text, description text, interval_seconds int, query text, engine_check text)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select o.* from (values
    ('installation', 'Alerts of the installation (howdah.alerts). See docs/operations.md for each.',
      60, null, 'alerts'),
    ('violations', 'Violated invariants of the engine, in all tenants.', 300, null, 'violations')
  ) as o
  where howdah_private.is_operator()
$$;
