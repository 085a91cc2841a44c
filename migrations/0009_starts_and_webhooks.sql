-- Up Migration
-- Creates the sources of runs (schedules, watched tables, requests) and the receivers of their
-- events (webhooks, alerts).

create table howdah.schedules (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant()
    references howdah.tenants (id) on delete cascade,
  name text not null,
  cron text not null,
  timezone text not null default 'UTC',
  agent_id uuid,
  workflow_id uuid,
  input text not null,
  input_data jsonb,
  metadata jsonb not null default '{}',
  session_id uuid,
  user_id uuid,
  priority smallint not null default 0,
  concurrency_key text,
  overlap_policy howdah.overlap_policy not null default 'allow',
  catchup_policy howdah.catchup_policy not null default 'one',
  is_active boolean not null default true,
  next_at timestamptz,
  retry_at timestamptz,
  last_at timestamptz,
  last_execution_id uuid,
  last_error jsonb,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, id),
  unique (tenant_id, name),
  foreign key (tenant_id, agent_id) references howdah.agents (tenant_id, id) on delete cascade,
  foreign key (tenant_id, session_id)
    references howdah.sessions (tenant_id, id) on delete set null (session_id),
  foreign key (tenant_id, user_id)
    references howdah.users (tenant_id, id) on delete set null (user_id),
  foreign key (tenant_id, workflow_id)
    references howdah.workflows (tenant_id, id) on delete cascade,
  constraint name_is_not_empty check (name ~ '\S' and length(name) <= 200),
  constraint input_is_at_most_1_mb check (octet_length(input) <= 1048576),
  constraint metadata_is_an_object check (jsonb_typeof(metadata) = 'object'),
  constraint last_error_is_an_object check (jsonb_typeof(last_error) = 'object'),
  constraint paused_schedules_have_no_next_time check (is_active or next_at is null),
  constraint a_schedule_is_for_an_agent_or_a_workflow
    check (num_nonnulls(agent_id, workflow_id) = 1)
);
create index schedules_agent_id_idx on howdah.schedules (tenant_id, agent_id);
create index schedules_session_id_idx on howdah.schedules (tenant_id, session_id);
create index schedules_user_id_idx on howdah.schedules (tenant_id, user_id);
create index schedules_due_idx on howdah.schedules (next_at) where is_active;
create index schedules_workflow_id_idx
  on howdah.schedules (tenant_id, workflow_id) where workflow_id is not null;
alter table howdah.schedules enable row level security, force row level security;
comment on table howdah.schedules is
  'Schedules, which start runs at the times of a cron expression. Each time inserts one run, '
  'however many workers exist.';
comment on column howdah.schedules.cron is
  'minute hour day-of-month month day-of-week, with lists, ranges, steps and names (JAN, MON); or '
  '@hourly, @daily, @weekly, @monthly, @yearly.';
comment on column howdah.schedules.timezone is 'Time zone of cron, a name of pg_timezone_names.';
comment on column howdah.schedules.session_id is
  'Session that the runs are turns of. Null starts runs without a session.';
comment on column howdah.schedules.concurrency_key is
  'Key of the runs, such as customer-42, for limits of scope key.';
comment on column howdah.schedules.is_active is
  'False pauses the schedule. When it becomes true again, the schedule continues from now and '
  'runs none of the missed times.';
comment on column howdah.schedules.next_at is
  'Time of the next run, set by the database. Null while paused.';
comment on column howdah.schedules.retry_at is
  'Time of the next attempt after a temporary fault, such as a lock of somebody else. Null '
  'without one.';
comment on column howdah.schedules.last_at is 'Last time that started a run.';
comment on column howdah.schedules.last_execution_id is 'Run that the last time started.';
comment on column howdah.schedules.last_error is
  'Newest refusal of the last firing: {code, message, detail, hint, scheduled_for, earlier}. '
  '`earlier` lists the refusals before it. Null if every due time was run or skipped.';

create table howdah.table_triggers (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant()
    references howdah.tenants (id) on delete cascade,
  table_name text not null,
  on_event text not null default 'insert',
  agent_id uuid,
  workflow_id uuid,
  input text not null,
  condition text,
  into_column text,
  key_columns text[] not null,
  concurrency_key text,
  debounce_key text,
  debounce_ms int,
  is_active boolean not null default true,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, id),
  foreign key (tenant_id, agent_id) references howdah.agents (tenant_id, id) on delete cascade,
  foreign key (tenant_id, workflow_id)
    references howdah.workflows (tenant_id, id) on delete cascade,
  constraint on_event_is_insert_or_update
    check (on_event in ('insert', 'update', 'insert or update')),
  constraint a_watch_is_for_an_agent_or_a_workflow check (num_nonnulls(agent_id, workflow_id) = 1),
  constraint rows_are_found_by_a_key check (into_column is null or cardinality(key_columns) > 0),
  constraint a_debounce_key_has_a_window
    check ((debounce_key is null) = (debounce_ms is null) and debounce_ms > 0)
);
create unique index table_triggers_watch_key
  on howdah.table_triggers (tenant_id, table_name, coalesce(agent_id, workflow_id),
  coalesce(into_column, ''));
create index table_triggers_agent_id_idx on howdah.table_triggers (tenant_id, agent_id);
create index table_triggers_workflow_id_idx on howdah.table_triggers (tenant_id, workflow_id);
alter table howdah.table_triggers enable row level security, force row level security;
comment on table howdah.table_triggers is
  'Watches: tables of users whose inserted or updated rows start runs. howdah.watch_table makes a '
  'row, howdah.unwatch_table removes it.';
comment on column howdah.table_triggers.table_name is 'Name of the table when the watch was made.';
comment on column howdah.table_triggers.on_event is
  'insert, update, or insert or update. An update starts a run if it changes the input or makes '
  'the condition true.';
comment on column howdah.table_triggers.input is
  'SQL expression over the columns of the row, whose value is the input of the run. Null starts '
  'no run.';
comment on column howdah.table_triggers.condition is
  'SQL expression over the columns of the row that must be true. Null accepts every row.';
comment on column howdah.table_triggers.into_column is
  'Column that receives the answer. Null writes no answer back.';
comment on column howdah.table_triggers.key_columns is
  'Primary key of the table, used to find the row again.';
comment on column howdah.table_triggers.concurrency_key is
  'SQL expression over the columns of the row, whose value is the concurrency_key of the run. Null '
  'or a blank value means none.';
comment on column howdah.table_triggers.debounce_key is
  'SQL expression over the columns of the row. Rows with one value within debounce_ms make one '
  'run, for the newest of them. Null or a blank value makes a run for each row.';
comment on column howdah.table_triggers.debounce_ms is
  'Length of the window of debounce_key, in milliseconds.';
comment on column howdah.table_triggers.is_active is
  'False starts no more runs. Answers of earlier runs are still written.';

create table howdah.watched_rows (
  execution_id uuid primary key,
  tenant_id uuid not null default howdah.current_tenant()
    references howdah.tenants (id) on delete cascade,
  table_trigger_id uuid not null,
  created_at timestamptz not null default clock_timestamp(),
  attempts smallint not null default 0,
  written_at timestamptz,
  write_back howdah.write_back_status,
  row_key jsonb not null,
  watches uuid[] not null,
  value_sha256 bytea,
  error jsonb,
  foreign key (tenant_id, table_trigger_id)
    references howdah.table_triggers (tenant_id, id) on delete cascade,
  constraint row_key_is_an_object check (jsonb_typeof(row_key) = 'object'),
  constraint error_is_an_object check (jsonb_typeof(error) = 'object')
);
create index watched_rows_table_trigger_id_idx
  on howdah.watched_rows (tenant_id, table_trigger_id, md5(row_key::text), created_at);
alter table howdah.watched_rows enable row level security, force row level security;
comment on table howdah.watched_rows is
  'Row of a watched table that each of its runs is about, and the state of the answer. Inserted '
  'together with the run.';
comment on column howdah.watched_rows.created_at is
  'Time of the insert, which gives the order of the runs of one row. A debounced run gets a new '
  'time with each new input.';
comment on column howdah.watched_rows.attempts is 'Number of attempts to write the answer.';
comment on column howdah.watched_rows.write_back is
  'State of the answer. Null if the watch writes no answer back.';
comment on column howdah.watched_rows.row_key is 'Primary key of the row, such as {"id": 4711}.';
comment on column howdah.watched_rows.watches is
  'Watches that led to this run, its own watch last. There are several if an answer or a tool of '
  'a run wrote into a watched table.';
comment on column howdah.watched_rows.value_sha256 is
  'SHA-256 of into_column at the start of the run. If the value differs at the end, another user '
  'has edited it and the value is kept.';
comment on column howdah.watched_rows.error is
  'Reason why there is no answer or it could not be written: {code, message}.';

-- Written in the transaction of the request, so that the stored answer exists if and only if the
-- effect does. Answers hold ids and locations, no contents.
create table howdah_private.request_keys (
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  created_at timestamptz not null default now(),
  caller text not null,
  key text not null,
  digest text not null,
  answer jsonb,
  primary key (tenant_id, caller, key),
  constraint answer_is_an_object check (jsonb_typeof(answer) = 'object')
);
create index request_keys_created_at_idx on howdah_private.request_keys (tenant_id, created_at);
alter table howdah_private.request_keys enable row level security, force row level security;
comment on table howdah_private.request_keys is
  'Idempotency-Key headers of requests and their answers, written by the API and valid for a day.';

create table howdah_private.mcp_sessions (
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  expires_at timestamptz not null,
  caller uuid,
  session text not null,
  subscriptions jsonb not null default '{}',
  log_level text,
  primary key (tenant_id, session),
  constraint subscriptions_are_an_object check (jsonb_typeof(subscriptions) = 'object')
);
create index mcp_sessions_expires_at_idx on howdah_private.mcp_sessions (expires_at);
alter table howdah_private.mcp_sessions enable row level security, force row level security;
comment on table howdah_private.mcp_sessions is
  'Subscriptions and log level of the clients of Howdah''s MCP server, until expires_at. Clients '
  'without a subscription or log level have no row.';
comment on column howdah_private.mcp_sessions.caller is
  'User, else API key, that made the row. Null for a token of the whole tenant. No foreign key, '
  'because rows expire after a few days.';

create table howdah.webhooks (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant()
    references howdah.tenants (id) on delete cascade,
  url text not null,
  events text[] not null default array['execution.completed', 'execution.failed'],
  description text not null default '',
  agent_id uuid,
  workflow_id uuid,
  secret_name text,
  previous_secret_name text,
  is_active boolean not null default true,
  disabled_because text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, id),
  foreign key (tenant_id, agent_id) references howdah.agents (tenant_id, id) on delete cascade,
  foreign key (tenant_id, workflow_id)
    references howdah.workflows (tenant_id, id) on delete cascade,
  constraint url_is_http check (url ~* '^https?://[^/@?#\s]+([/?#]\S*)?$' and length(url) <= 2000),
  constraint an_active_webhook_is_not_disabled check (not is_active or disabled_because is null),
  constraint events_are_known
    check (cardinality(events) > 0 and events <@ array['execution.completed', 'execution.failed',
      'execution.cancelled', 'question.opened', 'alert.firing', 'alert.resolved', 'alert.failed'])
);
create index webhooks_agent_id_idx on howdah.webhooks (tenant_id, agent_id);
create index webhooks_workflow_id_idx on howdah.webhooks (tenant_id, workflow_id);
alter table howdah.webhooks enable row level security, force row level security;
comment on table howdah.webhooks is
  'Webhooks: URLs that receive events of runs over HTTP, signed according to Standard Webhooks. '
  'Written by admins.';
comment on column howdah.webhooks.events is
  'Events to send: execution.completed, execution.failed, execution.cancelled (of root runs), '
  'question.opened, alert.firing, alert.resolved, alert.failed.';
comment on column howdah.webhooks.agent_id is 'Agent whose runs are reported. Null means all runs.';
comment on column howdah.webhooks.workflow_id is
  'Workflow whose runs are reported. Null means all runs.';
comment on column howdah.webhooks.secret_name is
  'Secret that signs deliveries: whsec_ and Base64. Null leaves them unsigned.';
comment on column howdah.webhooks.previous_secret_name is
  'Second secret that also signs during a rotation. The receiver accepts either signature.';
comment on column howdah.webhooks.disabled_because is
  'Reason why the webhook was switched off automatically. Cleared when is_active is set to true.';

create table howdah.alert_rules (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant()
    references howdah.tenants (id) on delete cascade,
  name text not null,
  description text not null default '',
  query text,
  engine_check text,
  interval_seconds int not null default 60,
  webhook_id uuid,
  is_active boolean not null default true,
  state howdah.alert_state not null default 'unknown',
  found_rows int,
  sample jsonb,
  last_error text,
  last_at timestamptz,
  changed_at timestamptz,
  next_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, id),
  unique (tenant_id, name),
  foreign key (tenant_id, webhook_id)
    references howdah.webhooks (tenant_id, id) on delete set null (webhook_id),
  constraint interval_is_from_ten_seconds_to_a_day check (interval_seconds between 10 and 86400),
  constraint sample_is_a_list check (jsonb_typeof(sample) = 'array'),
  constraint query_is_not_empty check (query ~ '\S'),
  constraint a_rule_has_a_query_or_names_what_is_looked_at
    check (num_nonnulls(query, engine_check) = 1),
  constraint engine_check_is_known
    check (engine_check in ('failed_deliveries', 'violations', 'alerts'))
);
create index alert_rules_webhook_id_idx on howdah.alert_rules (tenant_id, webhook_id);
create index alert_rules_next_at_idx on howdah.alert_rules (next_at) where is_active;
alter table howdah.alert_rules enable row level security, force row level security;
comment on table howdah.alert_rules is
  'Alert rules: queries that find no rows when all is well, run at intervals with the privileges '
  'of the tenant. Webhooks receive each change of state.';
comment on column howdah.alert_rules.query is
  'One SELECT that finds no rows when all is well. It runs with the privileges of a member, in a '
  'read-only transaction.';
comment on column howdah.alert_rules.engine_check is
  'Check of the engine in place of a query. failed_deliveries: failed deliveries of the tenant '
  'within a day. Only for owners of the database: violations of all tenants, or alerts, the other '
  'rows of howdah.alerts.';
comment on column howdah.alert_rules.webhook_id is
  'Webhook that receives changes of state. Null means every webhook of the tenant with '
  'alert.firing, alert.resolved or alert.failed.';
comment on column howdah.alert_rules.found_rows is
  'Number of rows that the last query found, at most 100.';
comment on column howdah.alert_rules.sample is
  'First ten rows that the last query found, as a JSON array.';
comment on column howdah.alert_rules.last_error is 'Error of the last query. Null if it ran.';
comment on column howdah.alert_rules.last_at is 'Time of the last query.';
comment on column howdah.alert_rules.changed_at is 'Time of the last change of state.';
comment on column howdah.alert_rules.next_at is 'Time of the next query.';

create table howdah.webhook_deliveries (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant()
    references howdah.tenants (id) on delete cascade,
  created_at timestamptz not null default now(),
  status howdah.delivery_status not null default 'pending',
  attempts smallint not null default 0,
  webhook_id uuid,
  execution_id uuid,
  alert_rule_id uuid,
  next_attempt_at timestamptz,
  last_attempt_at timestamptz,
  delivered_at timestamptz,
  last_status smallint,
  event text not null,
  url text not null,
  payload jsonb not null,
  last_error text,
  unique (tenant_id, id),
  foreign key (tenant_id, webhook_id) references howdah.webhooks (tenant_id, id) on delete cascade,
  foreign key (tenant_id, alert_rule_id)
    references howdah.alert_rules (tenant_id, id) on delete cascade,
  constraint payload_is_an_object check (jsonb_typeof(payload) = 'object'),
  constraint pending_deliveries_have_a_next_time
    check ((status = 'pending') = (next_attempt_at is not null)),
  constraint delivered_ones_have_a_time check ((status = 'delivered') = (delivered_at is not null)),
  constraint a_delivery_is_about_a_run_or_an_alert
    check (num_nonnulls(execution_id, alert_rule_id) = 1)
);
create index webhook_deliveries_webhook_id_idx
  on howdah.webhook_deliveries (tenant_id, webhook_id, id);
create index webhook_deliveries_execution_id_idx
  on howdah.webhook_deliveries (execution_id, tenant_id);
-- Metrics count open deliveries from an index that holds nothing else.
create index webhook_deliveries_open_idx
  on howdah.webhook_deliveries (tenant_id, status) where status <> 'delivered';
create index webhook_deliveries_alert_rule_id_idx
  on howdah.webhook_deliveries (tenant_id, alert_rule_id) where alert_rule_id is not null;
alter table howdah.webhook_deliveries enable row level security, force row level security;
comment on table howdah.webhook_deliveries is
  'Deliveries to webhooks, with payload, attempts and result. Workers send them and retry; '
  'howdah.redeliver sends one again.';
comment on column howdah.webhook_deliveries.id is
  'Value of the header webhook-id, the same in every attempt, so that a receiver recognises '
  'repeats.';
comment on column howdah.webhook_deliveries.webhook_id is
  'Webhook that receives the event. Null for the callback_url of a run.';
comment on column howdah.webhook_deliveries.execution_id is 'Run of the event. Null for an alert.';
comment on column howdah.webhook_deliveries.alert_rule_id is
  'Alert rule of the event. Null for a run.';
comment on column howdah.webhook_deliveries.next_attempt_at is
  'Time of the next attempt. Null after the last attempt.';
comment on column howdah.webhook_deliveries.last_status is
  'HTTP status of the last attempt. Null if there was no response.';
comment on column howdah.webhook_deliveries.payload is
  'Body of the request, the same in every attempt.';
comment on column howdah.webhook_deliveries.last_error is 'Reason why the last attempt failed.';

create table howdah_private.alert_limits (
  name text primary key,
  severity howdah.alert_severity not null,
  threshold numeric not null,
  unit text not null,
  description text not null,
  is_active boolean not null default true,
  constraint name_is_a_word check (name ~ '^[a-z_]{1,40}$'),
  constraint threshold_is_zero_or_more check (threshold >= 0 and threshold <> 'NaN')
);
insert into howdah_private.alert_limits (name, severity, threshold, unit, description) values
  ('queue_stuck', 'critical', 300, 'seconds', 'Time for which due runs were not claimed.'),
  ('no_worker', 'critical', 30, 'seconds', 'Time for which runs are due and no worker is alive.'),
  ('leases_expired', 'critical', 60, 'seconds',
    'Time since the last heartbeat of a worker whose runs nobody has taken over.'),
  ('jobs_given_up', 'warning', 60, 'seconds', 'Age of jobs that have used all their attempts.'),
  ('deliveries_failed', 'warning', 86400, 'seconds',
    'Period over which webhook deliveries that were given up are counted.'),
  ('write_backs_failing', 'warning', 86400, 'seconds',
    'Period over which runs are counted whose answer could not be written into the watched row.'),
  ('mcp_server_down', 'warning', 300, 'seconds',
    'Time for which an active MCP server has been unreachable.'),
  ('schedules_late', 'warning', 120, 'seconds', 'Delay of the run of a schedule.'),
  ('quota_nearly_used', 'warning', 90, 'percent', 'Used part of a quota in the current period.'),
  ('promises_broken', 'critical', 0, 'rows', 'Number of rows in howdah.violations.'),
  ('partitions_missing', 'critical', 45, 'days',
    'Time until the start of a month that has no partition.'),
  ('files_not_deleted', 'warning', 86400, 'seconds',
    'Time for which files of erased rows have not been deleted.'),
  ('audit_checkpoint_stale', 'warning', 1800, 'seconds',
    'Age of entries of an audit log that no checkpoint covers.'),
  ('connections_near_max', 'critical', 85, 'percent',
    'Used part of the connections that the server allows.'),
  ('transaction_ids_old', 'critical', 500000000, 'transactions',
    'Age of the oldest row that is not frozen.'),
  ('vacuum_behind', 'warning', 50, 'percent',
    'Dead rows per hundred live rows of a table with at least ten thousand dead rows.'),
  ('transaction_long', 'warning', 900, 'seconds',
    'Age of an open transaction, which keeps vacuum from removing rows that died since.');
alter table howdah_private.alert_limits enable row level security, force row level security;
comment on table howdah_private.alert_limits is
  'Checks of howdah.alerts with their thresholds, one row each. An owner of the database changes '
  'threshold, severity and is_active with UPDATE.';
comment on column howdah_private.alert_limits.threshold is
  'Value at which the alert fires, in the unit of the row.';
comment on column howdah_private.alert_limits.is_active is 'False switches off the alert.';

-- Down Migration
drop table howdah_private.alert_limits;
drop table howdah.webhook_deliveries;
drop table howdah.alert_rules;
drop table howdah.webhooks;
drop table howdah_private.mcp_sessions;
drop table howdah_private.request_keys;
drop table howdah.watched_rows;
drop table howdah.table_triggers;
drop table howdah.schedules;
