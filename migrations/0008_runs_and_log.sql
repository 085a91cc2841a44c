-- Up Migration
-- Creates runs, their log, and the workers and queues that advance them.

-- Runs, steps and messages are partitioned by month of the id of the run (uuid v7). All rows of a
-- run are in partitions of the same month, and retention drops whole months. No foreign key
-- references executions, because it would prevent detaching a partition. Instead the insert trigger
-- checks parents, commits copy the tenant under the lock of the run, and howdah.violations checks
-- the rest.
--
-- The order of columns is: ids, then columns that are never null by width (8, 4, 2 and 1 bytes),
-- then columns that may be null, then numerics, texts and jsonb. Postgres then reads the columns of
-- the hot path at fixed offsets, without padding.
create table howdah.executions (
  id howdah.execution_id primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant(),
  root_execution_id uuid not null,
  tokens_in bigint not null default 0,
  tokens_out bigint not null default 0,
  run_at timestamptz not null default now(),
  active_ms bigint not null default 0,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default now(),
  children_tokens_in bigint not null default 0,
  children_tokens_out bigint not null default 0,
  status howdah.execution_status not null default 'queued',
  step_count int not null default 0,
  model_count int not null default 0,
  message_count int not null default 0,
  max_steps int not null,
  max_seconds int not null,
  fence int not null default 0,
  live_children int not null default 0,
  messages_at_retry int not null default 0,
  moves int not null default 0,
  members_waiting int not null default 0,
  handoffs int not null default 0,
  input_trust howdah.trust not null default 'user',
  trust howdah.trust not null default 'user',
  depth smallint not null default 0,
  priority smallint not null default 0,
  crashes_without_progress smallint not null default 0,
  at_risk boolean not null default false,
  has_inbox boolean not null default false,
  is_pause_requested boolean not null default false,
  agent_id uuid,
  agent_version_id uuid,
  session_id uuid,
  user_id uuid,
  parent_execution_id uuid,
  owner_worker uuid,
  forked_from_execution_id uuid,
  compensates_execution_id uuid,
  workflow_id uuid,
  workflow_version_id uuid,
  table_trigger_id uuid,
  max_tokens bigint,
  active_since timestamptz,
  wake_at timestamptz,
  started_at timestamptz,
  completed_at timestamptz,
  contents_erased_at timestamptz,
  debounced_at timestamptz,
  turn int,
  waiting_for howdah.waiting_reason,
  stop_reason howdah.stop_reason,
  forked_from_seq int,
  paused_from howdah.waiting_reason,
  wakes_on howdah.child_wake,
  members_at_once int,
  debounce_ms int,
  cost numeric not null default 0,
  children_cost numeric not null default 0,
  max_cost numeric,
  input text not null,
  metrics jsonb not null default '{}',
  metadata jsonb not null default '{}',
  created_by text not null,
  ancestors uuid[] not null default '{}',
  input_data jsonb,
  output text,
  output_data jsonb,
  error jsonb,
  idempotency_key text,
  parent_call_id text,
  first_limits jsonb,
  input_parts jsonb,
  overrides jsonb,
  callback_url text,
  history jsonb,
  client_tools jsonb,
  concurrency_key text,
  debounce_key text,
  foreign key (tenant_id, session_id)
    references howdah.sessions (tenant_id, id) on delete set null (session_id),
  foreign key (tenant_id, user_id)
    references howdah.users (tenant_id, id) on delete set null (user_id),
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
  constraint timers_have_a_time check (waiting_for is distinct from 'timer' or wake_at is not null),
  constraint forks_say_from_where
    check ((forked_from_execution_id is null) = (forked_from_seq is null)),
  constraint input_parts_are_a_list check (jsonb_typeof(input_parts) = 'array'),
  constraint a_run_is_of_an_agent_or_a_workflow
    check (num_nonnulls(agent_version_id, workflow_version_id) = 1),
  constraint history_is_a_list check (jsonb_typeof(history) = 'array'),
  constraint client_tools_are_a_list check (jsonb_typeof(client_tools) = 'array'),
  constraint a_debounce_key_has_a_window
    check ((debounce_key is null) = (debounce_ms is null) and debounce_ms > 0)
) partition by range (id);
create index executions_tenant_id_idx on howdah.executions (tenant_id, id);
create index executions_agent_id_idx on howdah.executions (tenant_id, agent_id, id);
create index executions_session_id_idx
  on howdah.executions (tenant_id, session_id, turn) where session_id is not null;
create index executions_user_id_idx
  on howdah.executions (tenant_id, user_id) where user_id is not null;
create index executions_concurrency_key_idx
  on howdah.executions (tenant_id, concurrency_key, id) where concurrency_key is not null;
create index executions_owner_idx
  on howdah.executions (owner_worker) where owner_worker is not null;
create index executions_completed_at_idx
  on howdah.executions (completed_at) where completed_at is not null;
-- Retention reads the ended trees of a tenant, with and without contents (retention.sql).
create index executions_unerased_idx
  on howdah.executions (tenant_id, completed_at)
  where completed_at is not null and parent_execution_id is null and contents_erased_at is null;
create index executions_erased_idx
  on howdah.executions (tenant_id, completed_at)
  where contents_erased_at is not null and parent_execution_id is null;
create index executions_metadata_idx on howdah.executions using gin (metadata jsonb_path_ops);
-- Claims read live runs by status, tenant, priority and time.
create index executions_live_idx
  on howdah.executions (status, waiting_for, tenant_id, priority, greatest(run_at, wake_at), id)
  where status in ('queued', 'running', 'waiting', 'paused');
create index executions_workflow_id_idx
  on howdah.executions (tenant_id, workflow_id, id) where workflow_id is not null;
-- Ends and retries of a run, and the ledger of effects, look up the run that undoes its effects.
create index executions_compensates_idx
  on howdah.executions (compensates_execution_id) where compensates_execution_id is not null;
create index executions_parent_idx
  on howdah.executions (parent_execution_id) where parent_execution_id is not null;
create index executions_root_idx
  on howdah.executions (root_execution_id) where parent_execution_id is not null;
create index executions_turn_idx
  on howdah.executions (parent_execution_id, id)
  where waiting_for = 'turn' and parent_execution_id is not null;
alter table howdah.executions enable row level security, force row level security;
comment on table howdah.executions is
  E'@foreignKey (agent_id) references howdah.agents (id)\n'
  '@foreignKey (agent_version_id) references howdah.agent_versions (id)\n'
  '@foreignKey (workflow_id) references howdah.workflows (id)\n'
  '@foreignKey (workflow_version_id) references howdah.workflow_versions (id)\n'
  'Runs. Inserting (agent_id, input) or (workflow_id, input) starts a run. Workers advance it by '
  'committing steps; its log is steps, its conversation is messages.';
comment on column howdah.executions.root_execution_id is
  'Root of the tree of runs. A root has its own id here.';
comment on column howdah.executions.run_at is 'Earliest start of the run.';
comment on column howdah.executions.active_ms is
  'Active time before active_since, in milliseconds.';
comment on column howdah.executions.children_tokens_in is
  'Input tokens of all runs below. They count against max_tokens.';
comment on column howdah.executions.children_tokens_out is
  'Output tokens of all runs below. They count against max_tokens.';
comment on column howdah.executions.model_count is
  'Number of model answers so far. They count against max_steps. In SQL, execution_counters is '
  'exact while the run is running.';
comment on column howdah.executions.fence is
  'Number of claims of the run. A commit with an older fence changes nothing.';
comment on column howdah.executions.live_children is 'Number of children that have not ended.';
comment on column howdah.executions.messages_at_retry is
  'Number of messages at the last retry_execution. Guards examine only later messages.';
comment on column howdah.executions.moves is
  'Number of status changes, part of the version of the session state.';
comment on column howdah.executions.members_waiting is
  'Number of live children that wait for their turn.';
comment on column howdah.executions.handoffs is
  'Number of handoffs. agent_id is the current agent; steps of kind handoff name the earlier '
  'agents.';
comment on column howdah.executions.input_trust is
  'Origin of the input: user, or external if the caller passes on text of others. A child has the '
  'trust of its parent.';
comment on column howdah.executions.trust is
  'Lowest trust of all text that the run has read: user, internal or external. It never rises. In '
  'SQL, execution_counters is exact while the run is running.';
comment on column howdah.executions.priority is 'Priority in the queue. Smaller values run first.';
comment on column howdah.executions.crashes_without_progress is
  'Number of workers that died with this run since its last commit. While the run is running, as '
  'of the last change of this row.';
comment on column howdah.executions.at_risk is
  'True while a run that may have killed a worker does something that could kill the next one, '
  'until its next commit. After the third such crash the run fails with stop_reason poison.';
comment on column howdah.executions.has_inbox is
  'True while an event from outside is not in the log yet.';
comment on column howdah.executions.is_pause_requested is
  'True from a request to pause a running run until the run pauses. Work in flight still commits.';
comment on column howdah.executions.agent_version_id is
  'Version of the agent, pinned when the row was inserted.';
comment on column howdah.executions.forked_from_execution_id is
  'Run that this run was forked from. The fork leaves it unchanged.';
comment on column howdah.executions.compensates_execution_id is
  'Run whose effects this run undoes, newest first.';
comment on column howdah.executions.workflow_id is
  'Workflow that runs. Null in the run of an agent.';
comment on column howdah.executions.table_trigger_id is 'Watch of a table that started the run.';
comment on column howdah.executions.contents_erased_at is
  'Time at which texts and arguments were erased. Usage and times stay.';
comment on column howdah.executions.turn is 'Position in the session, counted from 1.';
comment on column howdah.executions.forked_from_seq is
  'Number of steps copied from the original run, with zero usage.';
comment on column howdah.executions.paused_from is
  'Reason why a paused run was waiting. Null if it was not waiting.';
comment on column howdah.executions.wakes_on is
  'Kind of ends that wake a workflow run while it waits for members.';
comment on column howdah.executions.members_at_once is
  'Maximum number of members of a workflow run that work at the same time. The others wait for '
  'their turn. Null means all.';
comment on column howdah.executions.children_cost is
  'Cost of all runs below. It counts against max_cost.';
comment on column howdah.executions.metadata is
  E'@behavior +attribute:filterBy\n'
  'Tags of your own, indexed: where metadata @> ''{"order": 4711}''.';
comment on column howdah.executions.ancestors is
  'All runs above, from the root down, which is the order of locks.';
comment on column howdah.executions.idempotency_key is
  'Unique key within the tenant. A second insert with the same key is refused; run() returns the '
  'first row.';
comment on column howdah.executions.parent_call_id is
  'Tool call of the parent that this run answers.';
comment on column howdah.executions.first_limits is
  'Limits before the first retry_execution or handoff that changed them.';
comment on column howdah.executions.input_parts is
  'Images and files of the input, as OpenAI content parts or {"type": "resource", "resource_id": '
  '…}.';
comment on column howdah.executions.callback_url is
  'URL that receives the end of this run, and questions of the runs below, like a webhook. Signed '
  'with the secret `callbacks` if it exists.';
comment on column howdah.executions.history is
  'Earlier conversation that the client manages: [{"role": "user", "content": "…"}, …]. It '
  'follows the conversation of the session. Messages of role system apply to this run only.';
comment on column howdah.executions.client_tools is
  'Tools that the client executes: [{"name", "description", "parameters"}]. Each call opens a '
  'question whose answer is the result of the tool.';
comment on column howdah.executions.debounced_at is
  'Time at which a later insert with the same debounce_key replaced this run before it began. Null '
  'if none did.';
comment on column howdah.executions.debounce_ms is
  'Length of the window of debounce_key, in milliseconds. Each insert with the key starts it anew.';
comment on column howdah.executions.concurrency_key is
  'Key of your own, such as customer-42. A limit of scope key says how many runs with one key run '
  'at once.';
comment on column howdah.executions.debounce_key is
  'Inserts of one caller with the same agent or workflow and key within debounce_ms make one run, '
  'with the newest input.';

create table howdah.status_transitions (
  from_status howdah.execution_status not null,
  to_status howdah.execution_status not null,
  cause text not null,
  primary key (from_status, to_status)
);
alter table howdah.status_transitions enable row level security, force row level security;
comment on table howdah.status_transitions is
  'Allowed changes of the status of a run, one row each, fixed by Howdah. A trigger refuses every '
  'other change.';

-- A run at work has a row here, from its claim until its worker gives it up or it ends. A commit
-- that only adds steps locks and updates this row alone, so the counters of the wide row lag behind
-- until that row is updated (fold_run_head.sql). Columns that rarely change come first, because
-- the write-ahead log of an update leaves out the unchanged beginning of a row. The fill factor
-- keeps these updates within their page. There is no other index, no check, no trigger and no
-- foreign key, since every step would pay for it; howdah.violations checks the rows.
create table howdah_private.run_heads (
  execution_id uuid primary key,
  tenant_id uuid not null,
  owner_worker uuid not null,
  active_ms bigint not null,
  active_since timestamptz not null,
  children_tokens bigint not null,
  fence int not null,
  max_steps int not null,
  max_seconds int not null,
  step_count int not null,
  tokens_in bigint not null,
  tokens_out bigint not null,
  updated_at timestamptz not null,
  message_count int not null,
  model_count int not null,
  trust howdah.trust not null,
  has_inbox boolean not null,
  is_pause_requested boolean not null,
  session_id uuid,
  agent_id uuid,
  workflow_id uuid,
  max_tokens bigint,
  children_cost numeric not null,
  cost numeric not null,
  max_cost numeric
) with (
  fillfactor = 40, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0,
  autovacuum_vacuum_cost_delay = 0, autovacuum_analyze_threshold = 5000, vacuum_truncate = off
);
alter table howdah_private.run_heads enable row level security, force row level security;
comment on table howdah_private.run_heads is
  'Counters, limits and flags of runs at work, one narrow row each. A plain commit of steps '
  'changes this row alone. A trigger on executions copies the values back and deletes the row.';
comment on column howdah_private.run_heads.fence is
  'The fence of the run. A commit under another fence finds no row.';
comment on column howdah_private.run_heads.children_tokens is
  'Input and output tokens of all runs below. They count against max_tokens.';

-- What commit_steps did for a run.
create type howdah_private.commit_result as (
  execution_id uuid,
  tenant_id uuid,
  outcome text,
  status howdah.execution_status,
  step_count int,
  exhausted howdah.stop_reason,
  active_ms_left bigint,
  has_inbox boolean,
  is_pause_requested boolean
);

-- A unique key of a partitioned table must include the id, so idempotency keys are unique here.
create table howdah_private.idempotency_keys (
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  execution_id uuid not null,
  key text not null,
  primary key (tenant_id, key)
);
alter table howdah_private.idempotency_keys enable row level security, force row level security;
comment on table howdah_private.idempotency_keys is
  'Run of each idempotency key. A row is inserted and deleted together with its run.';

create table howdah_private.debounced_runs (
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  target_id uuid not null,
  execution_id uuid not null,
  caller text not null,
  key text not null,
  primary key (tenant_id, target_id, caller, key)
);
create index debounced_runs_execution_id_idx on howdah_private.debounced_runs (execution_id);
alter table howdah_private.debounced_runs enable row level security, force row level security;
comment on table howdah_private.debounced_runs is
  'Last run of each debounce key. Its row lock makes inserts with one key wait for each other. '
  'Deleted some time after the run has begun.';
comment on column howdah_private.debounced_runs.target_id is 'The agent or workflow.';
comment on column howdah_private.debounced_runs.caller is
  'Whose inserts make one run: a user, else an API key or login, or a watch of a table.';

-- The log is the state of a run: append-only, in order, without gaps. Its rows copy tenant_id from
-- the run under the lock of the run. They have no foreign keys, because the pinned version of the
-- run holds everything that they name. They have no check constraints, because PostgreSQL parses
-- the constraints of a table again in each statement: nine of them took a sixth of a small commit.
-- Only functions of the engine insert rows, and howdah.violations checks them (malformed_step,
-- malformed_message). Steps of started and finished calls record the call id, the idempotency key
-- and the effect. These steps are the ledger of effects.
create table howdah.steps (
  execution_id uuid not null,
  tenant_id uuid not null,
  seq int not null,
  started_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz not null default clock_timestamp(),
  kind howdah.step_kind not null,
  tokens_in int not null default 0,
  tokens_out int not null default 0,
  model_id uuid,
  worker uuid,
  effect howdah.tool_effect,
  cost numeric not null default 0,
  name text,
  input jsonb,
  output jsonb,
  error jsonb,
  call_id text,
  idempotency_key text,
  annotations jsonb,
  primary key (execution_id, seq)
) partition by range (execution_id);
alter table howdah.steps enable row level security, force row level security;
comment on table howdah.steps is
  E'@foreignKey (execution_id) references howdah.executions (id)'
  '|@fieldName execution|@foreignFieldName steps\n'
  'Log of a run: one row per model answer, finished tool call, failed attempt, guard or output. '
  'The worker that owns the run appends rows, with seq without gaps. Rows are never updated.';
comment on column howdah.steps.seq is
  'Position in the log of the run, counted from 1. It is the cursor of every live feed.';
comment on column howdah.steps.effect is 'Effect of repeating the call, as declared by the tool.';
comment on column howdah.steps.cost is 'Cost at the prices of the model when the step committed.';
comment on column howdah.steps.call_id is 'Tool call that the step belongs to.';
comment on column howdah.steps.idempotency_key is
  'Key passed to the tool, the same for every attempt of the call.';
comment on column howdah.steps.annotations is 'Notes of hooks, as a JSON object.';

create table howdah.messages (
  execution_id uuid not null,
  tenant_id uuid not null,
  seq int not null,
  id uuid not null default howdah.uuid_v7(),
  created_at timestamptz not null default clock_timestamp(),
  role howdah.message_role not null,
  trust howdah.trust not null,
  tokens_in int not null default 0,
  tokens_out int not null default 0,
  session_id uuid,
  agent_id uuid,
  step_seq int,
  parent_seq int,
  covers_from_seq int,
  covers_to_seq int,
  content text,
  parts jsonb,
  tool_calls jsonb,
  tool_call_id text,
  primary key (execution_id, seq)
) partition by range (execution_id);
-- All messages of a session have the same key, which B-tree deduplication stores once per page.
create index messages_session_id_idx
  on howdah.messages (session_id) where session_id is not null;
alter table howdah.messages enable row level security, force row level security;
comment on table howdah.messages is
  E'@foreignKey (execution_id) references howdah.executions (id)'
  '|@fieldName execution|@foreignFieldName messages\n'
  'Messages of a run, in order. Message 1 is the input; the commit of a step appends the others. '
  'Rows are never updated.';
comment on column howdah.messages.step_seq is 'Step that added the message. Null for the input.';
comment on column howdah.messages.parent_seq is
  'Message that this message answers. For the result of a tool: the message that requested the '
  'call.';
comment on column howdah.messages.covers_from_seq is
  'First message that a summary replaces. 0 includes earlier turns of the session. Null if the '
  'message is not a summary.';
comment on column howdah.messages.covers_to_seq is
  'Last message that a summary replaces. The original messages stay.';
comment on column howdah.messages.tool_calls is
  'Tool calls that the assistant requested: [{id, name, arguments}].';

-- Only the worker that owns a run appends to its log. Answers, inputs and ends of children from
-- outside wait here. has_inbox in the row of the run stops a commit from parking the run while an
-- event waits.
create table howdah_private.inbox (
  id bigint primary key generated always as identity,
  execution_id uuid not null,
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  created_at timestamptz not null default clock_timestamp(),
  kind howdah.step_kind not null,
  trust howdah.trust,
  name text,
  call_id text,
  output jsonb,
  content text,
  parts jsonb,
  constraint kind_is_an_event_from_outside check (kind in ('input', 'answer', 'child'))
);
create index inbox_execution_id_idx on howdah_private.inbox (execution_id, id);
create index inbox_tenant_id_idx on howdah_private.inbox (tenant_id);
alter table howdah_private.inbox enable row level security, force row level security;
comment on table howdah_private.inbox is
  'Events for a live run that are not in its log yet. The worker that owns the run moves them to '
  'the log at its next step and deletes the rows.';
comment on column howdah_private.inbox.trust is
  'Trust of the event. Null means that a person wrote it.';

-- Collects the children that end in one statement, so that their parent is updated once. Updates of
-- one row within a transaction take time that grows with the square of their number. The rows never
-- outlive their transaction, so the table is unlogged.
create unlogged table howdah_private.child_ends (
  transaction xid8 not null default pg_current_xact_id(),
  execution_id uuid not null,
  parent_execution_id uuid not null,
  was_waiting boolean not null,
  primary key (transaction, execution_id)
);
alter table howdah_private.child_ends enable row level security, force row level security;
comment on table howdah_private.child_ends is
  'Ends of child runs that their parent has not counted yet. Rows exist only within the '
  'transaction that ends the children.';

create table howdah_private.ended_runs (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  execution_id uuid not null,
  created_at timestamptz not null default clock_timestamp(),
  event jsonb not null,
  constraint event_is_an_object check (jsonb_typeof(event) = 'object')
);
create index ended_runs_tenant_id_idx on howdah_private.ended_runs (tenant_id);
alter table howdah_private.ended_runs enable row level security, force row level security;
comment on table howdah_private.ended_runs is
  'Runs ended from outside, by a control or the engine, whose execution_complete hooks have not '
  'been called. A worker deletes the row in the transaction that calls the hooks, so they are '
  'called once. A job alone could call them twice: it is completed in a later transaction.';

create table howdah_private.workers (
  id uuid primary key,
  started_at timestamptz not null default clock_timestamp(),
  heartbeat_at timestamptz not null default clock_timestamp(),
  lock_key int not null unique generated always as identity,
  pid int not null,
  protocol int not null default 1,
  pool_id text not null,
  host text not null,
  release text not null,
  only_tenants uuid[],
  only_members uuid[],
  master_keys text[] not null default '{}',
  constraint a_scope_has_tenants check (only_members is null or only_tenants is not null)
) with (fillfactor = 50);
alter table howdah_private.workers enable row level security, force row level security;
comment on table howdah_private.workers is
  'Live worker processes, inserted at start and deleted at stop or by the reaper. A session '
  'advisory lock on lock_key proves presence; the heartbeat reveals frozen and disconnected '
  'workers.';
comment on column howdah_private.workers.protocol is
  'Version of the protocol between worker and database: 1.';
comment on column howdah_private.workers.master_keys is
  'Fingerprints of the master keys the worker has. Empty while it has none.';
comment on column howdah_private.workers.only_tenants is
  'Tenants whose runs the worker takes. Null means all.';
comment on column howdah_private.workers.only_members is
  'Agents and workflows whose runs the worker takes within these tenants, with the runs below '
  'them. Null means all.';

create unlogged table howdah_private.watchers (
  listener uuid not null,
  execution_id uuid not null,
  expires_at timestamptz not null,
  primary key (execution_id, listener)
);
create index watchers_listener_idx on howdah_private.watchers (listener);
alter table howdah_private.watchers enable row level security, force row level security;
comment on table howdah_private.watchers is
  'Listeners of the live feed and the runs they follow. A listener renews its rows until '
  'expires_at. The table is unlogged: after a crash of the server listeners register again.';

create table howdah_private.queue_sweep (
  status howdah.execution_status primary key,
  tenant_id uuid not null default '00000000-0000-0000-0000-000000000000',
  execution_id uuid not null default '00000000-0000-0000-0000-000000000000',
  due_at timestamptz not null default '-infinity',
  priority smallint not null default -32768,
  is_new_round boolean not null default true
) with (fillfactor = 50);
insert into howdah_private.queue_sweep (status) values ('queued'), ('waiting');
alter table howdah_private.queue_sweep enable row level security, force row level security;
comment on table howdah_private.queue_sweep is
  'Position of the search for live runs without a job, one row per status. The searching session '
  'holds the lock of the row.';

-- Down Migration
drop table howdah_private.queue_sweep;
drop table howdah_private.watchers;
drop table howdah_private.workers;
drop table howdah_private.ended_runs;
drop table howdah_private.child_ends;
drop table howdah_private.inbox;
drop table howdah.messages;
drop table howdah.steps;
drop table howdah_private.debounced_runs;
drop table howdah_private.idempotency_keys;
drop type howdah_private.commit_result;
drop table howdah_private.run_heads;
drop table howdah.status_transitions;
drop table howdah.executions;
