-- Up Migration
create type howdah.overlap_policy as enum ('allow', 'skip', 'cancel');
create type howdah.catchup_policy as enum ('skip', 'one', 'all');
comment on type howdah.overlap_policy is
  'What a schedule does while its last run is live: run beside it, let the time pass, or cancel that run first.';
comment on type howdah.catchup_policy is
  'What happens to times that passed while nobody was there: none runs, the newest, or every one (the 100 newest at most).';

create table howdah.schedules (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant() references howdah.tenants (id) on delete cascade,
  name text not null,
  cron text not null,
  timezone text not null default 'UTC',
  agent_id uuid not null,
  input text not null,
  input_data jsonb,
  metadata jsonb not null default '{}',
  session_id uuid,
  priority smallint not null default 0,
  user_id uuid,
  overlap_policy howdah.overlap_policy not null default 'allow',
  catchup_policy howdah.catchup_policy not null default 'one',
  is_active boolean not null default true,
  next_at timestamptz,
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
  foreign key (tenant_id, user_id) references howdah.users (tenant_id, id) on delete set null (user_id),
  constraint name_is_not_empty check (name ~ '\S' and length(name) <= 200),
  constraint input_is_at_most_1_mb check (octet_length(input) <= 1048576),
  constraint metadata_is_an_object check (jsonb_typeof(metadata) = 'object'),
  constraint last_error_is_an_object check (jsonb_typeof(last_error) = 'object'),
  constraint paused_schedules_have_no_next_time check (is_active or next_at is null)
);
create index schedules_agent_id_idx on howdah.schedules (tenant_id, agent_id);
create index schedules_session_id_idx on howdah.schedules (tenant_id, session_id);
create index schedules_user_id_idx on howdah.schedules (tenant_id, user_id);
create index schedules_due_idx on howdah.schedules (next_at) where is_active;
alter table howdah.schedules enable row level security, force row level security;
comment on table howdah.schedules is
  'Runs by the clock: each time of cron inserts one execution, however many workers there are.';
comment on column howdah.schedules.cron is
  'minute hour day-of-month month day-of-week: lists, ranges, steps, JAN, MON; or @hourly, @daily, @weekly, @monthly, @yearly.';
comment on column howdah.schedules.timezone is 'The zone cron is read in; a name of pg_timezone_names.';
comment on column howdah.schedules.session_id is 'The session its runs are turns of; null for runs of their own.';
comment on column howdah.schedules.is_active is 'Off: paused. Switched on again it goes on from now, nothing is caught up.';
comment on column howdah.schedules.next_at is 'The next time; kept by the database.';
comment on column howdah.schedules.last_at is 'The last time that made a run.';
comment on column howdah.schedules.last_execution_id is 'The run of that time.';
comment on column howdah.schedules.last_error is
  'Why the last time made no run, or not every run: {code, message, detail, hint, scheduled_for}; null when all is well.';

-- Down Migration
drop table howdah.schedules;
drop type howdah.catchup_policy, howdah.overlap_policy;
