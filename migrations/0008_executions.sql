-- Up Migration
-- executions, steps and messages are partitioned by the id of the execution (uuid v7, by month): all
-- rows of a run stand together, and retention drops a month. No foreign key points at executions,
-- since one would forbid to detach a partition: the insert trigger checks parents, commits copy the
-- tenant under the run's lock, howdah.violations checks the rest.
create table howdah.executions (
  id howdah.execution_id not null default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant(),
  agent_id uuid not null,
  agent_version_id uuid not null,
  session_id uuid,
  turn int,
  user_id uuid,
  parent_execution_id uuid,
  root_execution_id uuid not null,
  depth smallint not null default 0,
  status howdah.execution_status not null default 'queued',
  waiting_for howdah.waiting_reason,
  input text not null,
  input_data jsonb,
  output text,
  output_data jsonb,
  stop_reason howdah.stop_reason,
  error jsonb,
  tokens_in bigint not null default 0,
  tokens_out bigint not null default 0,
  cost numeric not null default 0,
  step_count int not null default 0,
  model_count int not null default 0,
  message_count int not null default 0,
  max_steps int not null,
  max_tokens bigint,
  max_cost numeric,
  max_seconds int not null,
  metrics jsonb not null default '{}',
  priority smallint not null default 0,
  run_at timestamptz not null default now(),
  idempotency_key text,
  metadata jsonb not null default '{}',
  created_by text not null,
  owner_worker uuid,
  fence int not null default 0,
  crashes_without_progress smallint not null default 0,
  at_risk boolean not null default false,
  active_ms bigint not null default 0,
  active_since timestamptz,
  wake_at timestamptz,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default now(),
  started_at timestamptz,
  completed_at timestamptz,
  primary key (id),
  foreign key (tenant_id, agent_id) references howdah.agents (tenant_id, id) on delete restrict,
  foreign key (tenant_id, agent_version_id)
    references howdah.agent_versions (tenant_id, id) on delete restrict,
  foreign key (tenant_id, session_id)
    references howdah.sessions (tenant_id, id) on delete set null (session_id),
  foreign key (tenant_id, user_id) references howdah.users (tenant_id, id) on delete set null (user_id),
  constraint input_is_at_most_1_mb check (octet_length(input) <= 1048576),
  constraint metadata_is_an_object check (jsonb_typeof(metadata) = 'object'),
  constraint metrics_are_an_object check (jsonb_typeof(metrics) = 'object'),
  constraint error_is_an_object check (jsonb_typeof(error) = 'object'),
  constraint waiting_runs_say_for_what check ((status = 'waiting') = (waiting_for is not null)),
  constraint running_runs_have_an_owner check ((status = 'running') = (owner_worker is not null)),
  constraint ended_runs_say_when
    check ((status in ('completed', 'failed', 'cancelled')) = (completed_at is not null)),
  constraint ended_runs_say_why
    check ((status in ('completed', 'failed', 'cancelled')) = (stop_reason is not null)),
  constraint failed_runs_have_an_error check ((status = 'failed') = (error is not null)),
  constraint completed_runs_have_an_output check (status <> 'completed' or output is not null),
  constraint a_root_is_its_own_root
    check ((parent_execution_id is null) = (root_execution_id = id::uuid)),
  constraint timers_have_a_time check (waiting_for is distinct from 'timer' or wake_at is not null)
) partition by range (id);
create index executions_tenant_id_idx on howdah.executions (tenant_id, id);
create index executions_agent_id_idx on howdah.executions (tenant_id, agent_id, id);
create index executions_session_id_idx on howdah.executions (tenant_id, session_id, turn)
  where session_id is not null;
create index executions_user_id_idx on howdah.executions (tenant_id, user_id) where user_id is not null;
create index executions_parent_idx on howdah.executions (parent_execution_id)
  where parent_execution_id is not null;
create index executions_root_idx on howdah.executions (root_execution_id)
  where parent_execution_id is not null;
create index executions_owner_idx on howdah.executions (owner_worker) where owner_worker is not null;
create index executions_live_idx on howdah.executions (status, id)
  where status in ('queued', 'running', 'waiting', 'paused');
create index executions_completed_at_idx on howdah.executions (completed_at)
  where completed_at is not null;
create index executions_metadata_idx on howdah.executions using gin (metadata jsonb_path_ops);
alter table howdah.executions enable row level security, force row level security;
comment on table howdah.executions is
  'Runs. Inserting (agent_id, input) starts one; its log is steps, its conversation is messages.';
comment on column howdah.executions.agent_version_id is 'The version pinned when the row was inserted.';
comment on column howdah.executions.turn is 'Its place in the session.';
comment on column howdah.executions.root_execution_id is 'The run at the top; a root''s is its own id.';
comment on column howdah.executions.model_count is 'Model answers so far, counted against max_steps.';
comment on column howdah.executions.priority is 'Smaller first.';
comment on column howdah.executions.run_at is 'Not before this time.';
comment on column howdah.executions.idempotency_key is 'A second insert with the same key is refused; run() gives the first row back.';
comment on column howdah.executions.metadata is E'@behavior +attribute:filterBy\nYour own tags, indexed: where metadata @> ''{"order": 4711}''.';
comment on column howdah.executions.fence is 'Raised by every claim: a commit that carries an older one changes nothing.';
comment on column howdah.executions.crashes_without_progress is 'Workers that died with this run since its last commit.';
comment on column howdah.executions.at_risk is 'A suspect began something that may kill its worker and has not committed since: the third such death is poison.';
comment on column howdah.executions.active_ms is 'Milliseconds of active time before active_since.';

create table howdah.status_transitions (
  from_status howdah.execution_status not null,
  to_status howdah.execution_status not null,
  cause text not null,
  primary key (from_status, to_status)
);
alter table howdah.status_transitions enable row level security, force row level security;
comment on table howdah.status_transitions is 'The moves a run may make; every other one is refused.';

-- What must be unique beyond the id lives beside the partitioned table, which cannot promise it.
create table howdah_private.idempotency_keys (
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  key text not null,
  execution_id uuid not null,
  primary key (tenant_id, key)
);
alter table howdah_private.idempotency_keys enable row level security, force row level security;
comment on table howdah_private.idempotency_keys is 'Which execution an idempotency key stands for; lives as long as the run.';

-- Down Migration
drop table howdah_private.idempotency_keys;
drop table howdah.status_transitions;
drop table howdah.executions;
