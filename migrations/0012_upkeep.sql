-- Up Migration
-- Creates retention, erasure and usage of deleted runs; mutexes and the state of the installation.

create table howdah.retention_policies (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant()
    references howdah.tenants (id) on delete cascade,
  keep_contents_days int,
  keep_sessions_minutes int not null default 60,
  keep_runs_days int,
  is_by_month boolean not null default false,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, id),
  unique (tenant_id),
  constraint runs_are_kept_for_a_day_at_least
    check (keep_contents_days >= 0 and keep_runs_days >= 1),
  constraint sessions_are_kept_for_up_to_a_day check (keep_sessions_minutes between 1 and 1440)
);
create index retention_policies_at_once_idx
  on howdah.retention_policies (tenant_id) where keep_contents_days = 0;
alter table howdah.retention_policies enable row level security, force row level security;
comment on table howdah.retention_policies is
  'Retention of ended runs, at most one row per tenant. Workers delete every night. A tenant '
  'without a row keeps its runs for ever.';
comment on column howdah.retention_policies.keep_contents_days is
  'Days from the end of a run to the erasure of its texts and arguments. 0 erases at once, null '
  'never.';
comment on column howdah.retention_policies.keep_sessions_minutes is
  'Minutes from the last activity of a session to the erasure of its contents. Used only if '
  'keep_contents_days is 0.';
comment on column howdah.retention_policies.keep_runs_days is
  'Days from the end of a run to its deletion, together with all runs below. Null never deletes.';
comment on column howdah.retention_policies.is_by_month is
  'True deletes runs by whole months, up to a month after keep_runs_days, at a cost that does not '
  'depend on their number. False deletes each run on its day.';
comment on constraint retention_policies_tenant_id_key on howdah.retention_policies is
  E'@behavior -*\nOne policy per tenant; the API addresses it by its id.';

-- A tenant may erase contents as soon as a run ends. Erasure may have to wait for a session, a
-- person or a hook, so due runs are queued here, which avoids a search of executions every second.
-- The end of a run writes no row; a worker adds the runs in batches later. Delayed jobs would be
-- dearer: a thousand of them took 13 s to take and complete, a thousand rows in batches 0.2 s.
create table howdah_private.erasures_due (
  execution_id uuid primary key,
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  due_at timestamptz not null default now()
);
create index erasures_due_tenant_id_idx on howdah_private.erasures_due (tenant_id);
create index erasures_due_due_at_idx on howdah_private.erasures_due (due_at);
alter table howdah_private.erasures_due enable row level security, force row level security;
comment on table howdah_private.erasures_due is
  'Ended root runs whose contents must be erased. A worker deletes the row when it has erased '
  'them.';

-- Files outside of the database. The transaction that deletes their rows adds their paths here, and
-- a worker deletes the files after the commit. So a crash between the two loses no path.
create table howdah_private.file_deletions (
  id uuid primary key default howdah.uuid_v7(),
  created_at timestamptz not null default now(),
  due_at timestamptz not null default now(),
  attempts int not null default 0,
  storage_path text not null,
  last_error text
);
create index file_deletions_due_at_idx on howdah_private.file_deletions (due_at);
alter table howdah_private.file_deletions enable row level security, force row level security;
comment on table howdah_private.file_deletions is
  'Files in the resource folder of the workers that retention or erasure has deleted from '
  'howdah.resources. A worker deletes the row when it has deleted the file.';
comment on column howdah_private.file_deletions.due_at is
  'Time of the next attempt. An attempt sets it later, so that no two workers make the same one.';
comment on column howdah_private.file_deletions.storage_path is
  'Path of the file, relative to HOWDAH_HOME/resources of the workers.';
comment on column howdah_private.file_deletions.last_error is
  'Reason why the last attempt failed.';

-- The transaction that deletes runs adds their figures to the rollups below, for 140 µs a run. A
-- rollup written when a run ends would take 1 ms of the commit that ends it, would have to be
-- corrected when a failed run is retried, and would spare no view its scan of existing runs, from
-- which come live runs and percentiles. There are three tables, because they count different
-- things: runs of agents, steps of models and tools, and runs of users and sessions, which are
-- deleted with their user or session. In one table every sum would have to leave out the others.
create table howdah.deleted_run_usage (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  agent_id uuid,
  agent_version_id uuid,
  workflow_id uuid,
  runs bigint not null,
  completed bigint not null,
  failed bigint not null,
  cancelled bigint not null,
  steps bigint not null,
  tokens_in bigint not null,
  tokens_out bigint not null,
  roots bigint not null default 0,
  day date not null,
  cost numeric not null,
  constraint deleted_run_usage_key
    unique nulls not distinct (tenant_id, day, agent_id, agent_version_id, workflow_id),
  constraint deleted_runs_have_ended check (runs = completed + failed + cancelled)
);
alter table howdah.deleted_run_usage enable row level security, force row level security;
comment on table howdah.deleted_run_usage is
  E'@behavior -*\n'
  'Rollup of deleted runs per day and agent version or workflow. daily_usage and '
  'agent_performance add it to the usage of existing runs.';
comment on column howdah.deleted_run_usage.agent_version_id is
  'Pinned version of the runs. Null for workflows.';
comment on column howdah.deleted_run_usage.steps is
  'Number of steps, without steps that forks share with their originals.';
comment on column howdah.deleted_run_usage.roots is
  'Number of root runs. Limits made later count them.';
comment on column howdah.deleted_run_usage.day is 'Day in UTC on which the runs were inserted.';
comment on constraint deleted_run_usage_key
  on howdah.deleted_run_usage is
  E'@behavior -*\n'
  'One row per combination; further deletions add to it.';

create table howdah.deleted_step_usage (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  model_id uuid,
  steps bigint not null,
  errors bigint not null,
  tokens_in bigint not null,
  tokens_out bigint not null,
  day date not null,
  kind howdah.step_kind not null,
  cost numeric not null,
  tool text,
  constraint deleted_step_usage_key
    unique nulls not distinct (tenant_id, day, kind, model_id, tool)
);
alter table howdah.deleted_step_usage enable row level security, force row level security;
comment on table howdah.deleted_step_usage is
  E'@behavior -*\n'
  'Rollup of steps of deleted runs per day and model or tool. model_usage and tool_performance '
  'add it to the usage of existing runs.';
comment on column howdah.deleted_step_usage.steps is
  'Number of steps, without steps that forks share with their originals.';
comment on column howdah.deleted_step_usage.errors is 'Number of these steps with an error.';
comment on column howdah.deleted_step_usage.day is 'Day in UTC on which the steps began.';
comment on constraint deleted_step_usage_key on howdah.deleted_step_usage is
  E'@behavior -*\nOne row per combination; further deletions add to it.';

create table howdah_private.deleted_subject_usage (
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  subject_id uuid not null,
  roots bigint not null,
  tokens bigint not null,
  scope howdah.limit_scope not null,
  day date not null,
  cost numeric not null,
  primary key (tenant_id, scope, subject_id, day),
  constraint scope_is_user_or_session check (scope in ('user', 'session'))
);
alter table howdah_private.deleted_subject_usage
  enable row level security, force row level security;
comment on table howdah_private.deleted_subject_usage is
  'Rollup of deleted runs per user or session and day. Limits made later count it. Deleted with '
  'the user or session.';
comment on column howdah_private.deleted_subject_usage.subject_id is 'User or session of the runs.';
comment on column howdah_private.deleted_subject_usage.roots is
  'Number of runs, without children and compensations.';
comment on column howdah_private.deleted_subject_usage.tokens is
  'Input and output tokens, children included.';
comment on column howdah_private.deleted_subject_usage.scope is 'user or session.';
comment on column howdah_private.deleted_subject_usage.day is
  'Day in UTC on which the runs were inserted.';

-- Months past every retention period are closed, archived on request, detached and dropped.
create table howdah_private.closed_months (
  month date primary key,
  first_id uuid not null,
  next_id uuid not null,
  cleared_to uuid,
  runs bigint,
  closed_at timestamptz not null default now(),
  dropped_at timestamptz,
  archive text,
  constraint months_are_named_by_their_first_day check (extract(day from month) = 1)
);
alter table howdah_private.closed_months enable row level security, force row level security;
comment on table howdah_private.closed_months is
  'Months whose partitions are about to be dropped or were dropped. deleted_run_usage and '
  'deleted_step_usage count their runs; no other view includes them.';
comment on column howdah_private.closed_months.first_id is 'Smallest id of the month.';
comment on column howdah_private.closed_months.next_id is 'Smallest id of the next month.';
comment on column howdah_private.closed_months.cleared_to is
  'Id up to which related rows of other tables are deleted.';
comment on column howdah_private.closed_months.runs is
  'Number of runs when the month was closed. Null while the month is frozen and not counted yet.';
comment on column howdah_private.closed_months.dropped_at is
  'Time at which the partitions were dropped. Null before.';
comment on column howdah_private.closed_months.archive is
  'Location of the archive. Null if there is none.';

-- Any connection can take an advisory lock and can find its key in pg_locks. Mutual exclusion
-- therefore uses rows that only the engine can lock.
create table howdah_private.background_tasks (
  name text primary key,
  reached_at timestamptz
);
insert into howdah_private.background_tasks (name, reached_at)
values ('schedules', null), ('questions', null), ('alerts', null), ('partitions', null),
  ('workers', null), ('traces', null), ('erasures', now());
alter table howdah_private.background_tasks enable row level security, force row level security;
comment on table howdah_private.background_tasks is
  'Periodic work that only one session does at a time. The session holds the lock of the row.';
comment on column howdah_private.background_tasks.reached_at is
  'Time up to which the work is done. Null for work that does not follow time.';

-- LISTEN and NOTIFY check no privileges: every session that knows a channel name can listen and
-- send. The names of private channels therefore end with a secret suffix.
create table howdah_private.installation (
  is_current boolean primary key default true,
  binding_key bytea not null
    default sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8')),
  channel_suffix text not null default replace(gen_random_uuid()::text, '-', ''),
  constraint there_is_one check (is_current)
);
alter table howdah_private.installation enable row level security, force row level security;
comment on table howdah_private.installation is 'One row: random values that differ per database.';
comment on column howdah_private.installation.binding_key is
  'Key with which workers sign the tenant and user on whose behalf user SQL runs.';
comment on column howdah_private.installation.channel_suffix is
  'End of the names of the live-feed channels.';

-- Migrating applies the files of sql/ whose text has changed.
create table howdah_private.applied_sql (
  path text primary key,
  digest text not null,
  applied_at timestamptz not null default now()
);
alter table howdah_private.applied_sql enable row level security, force row level security;
comment on table howdah_private.applied_sql is 'Digests of the files of sql/ in force.';

-- Down Migration
drop table howdah_private.applied_sql;
drop table howdah_private.installation;
drop table howdah_private.background_tasks;
drop table howdah_private.closed_months;
drop table howdah_private.deleted_subject_usage;
drop table howdah.deleted_step_usage;
drop table howdah.deleted_run_usage;
drop table howdah_private.file_deletions;
drop table howdah_private.erasures_due;
drop table howdah.retention_policies;
