-- Up Migration
-- Runs, their log, and the workers and queues that move them.

-- Runs are partitioned by month of their id (uuid v7), as are their steps and messages, so that all
-- rows of a run lie together and retention drops a month. No foreign key points at executions,
-- since it would forbid to detach a partition: the insert trigger checks parents, commits copy the
-- tenant under the lock of the run, and howdah.violations checks the rest.
-- Columns stand in this order: ids, then what is never null by its width (8, 4, 2 and 1 bytes),
-- then what may be null, then numbers and texts of any length. Postgres then reads the columns of
-- the hot path at fixed offsets and pads nothing.
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
  turn int,
  waiting_for howdah.waiting_reason,
  stop_reason howdah.stop_reason,
  forked_from_seq int,
  paused_from howdah.waiting_reason,
  wakes_on howdah.child_wake,
  members_at_once int,
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
  constraint client_tools_are_a_list check (jsonb_typeof(client_tools) = 'array')
) partition by range (id);
create index executions_tenant_id_idx on howdah.executions (tenant_id, id);
create index executions_agent_id_idx on howdah.executions (tenant_id, agent_id, id);
create index executions_session_id_idx
  on howdah.executions (tenant_id, session_id, turn) where session_id is not null;
create index executions_user_id_idx
  on howdah.executions (tenant_id, user_id) where user_id is not null;
create index executions_owner_idx
  on howdah.executions (owner_worker) where owner_worker is not null;
create index executions_completed_at_idx
  on howdah.executions (completed_at) where completed_at is not null;
create index executions_metadata_idx on howdah.executions using gin (metadata jsonb_path_ops);
-- Claiming asks for live runs by status, tenant, priority and time.
create index executions_live_idx
  on howdah.executions (status, waiting_for, tenant_id, priority, greatest(run_at, wake_at), id)
  where status in ('queued', 'running', 'waiting', 'paused');
create index executions_workflow_id_idx
  on howdah.executions (tenant_id, workflow_id, id) where workflow_id is not null;
-- Ending or retrying a run, and the ledger of effects, look up the run that undoes its effects.
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
  'Runs. Inserting (agent_id, input) or (workflow_id, input) starts one; its log is steps, its '
  'conversation is messages.';
comment on column howdah.executions.root_execution_id is
  'The root of the tree. A root has its own id here.';
comment on column howdah.executions.run_at is 'The run does not start before this time.';
comment on column howdah.executions.active_ms is
  'Active time before active_since, in milliseconds.';
comment on column howdah.executions.children_tokens_in is
  'Input tokens of all runs below, counted against max_tokens.';
comment on column howdah.executions.children_tokens_out is
  'Output tokens of all runs below, counted against max_tokens.';
comment on column howdah.executions.model_count is
  'Number of model answers so far, counted against max_steps.';
comment on column howdah.executions.fence is
  'Raised by every claim. A commit with an older fence changes nothing.';
comment on column howdah.executions.live_children is 'Number of children that have not ended.';
comment on column howdah.executions.messages_at_retry is
  'Number of messages at the last retry_execution. Guards look only at later ones.';
comment on column howdah.executions.moves is
  'Number of status changes, which is part of the version of the session state.';
comment on column howdah.executions.members_waiting is
  'Number of live children that wait for their turn.';
comment on column howdah.executions.handoffs is
  'Number of handoffs. agent_id is the current agent; steps of kind handoff name the earlier ones.';
comment on column howdah.executions.input_trust is
  'Origin of the input: user, or external when the caller passes on the words of others. A child '
  'takes the trust of its parent.';
comment on column howdah.executions.trust is
  'The lowest trust of anything the run has read: user, internal or external. It never rises.';
comment on column howdah.executions.priority is 'A smaller value runs first.';
comment on column howdah.executions.crashes_without_progress is
  'Number of workers that died with this run since its last commit.';
comment on column howdah.executions.at_risk is
  'True after a suspect run began something that may kill its worker, until its next commit. The '
  'third such death is poison.';
comment on column howdah.executions.has_inbox is
  'True while an event from outside is not in the log yet.';
comment on column howdah.executions.is_pause_requested is
  'True from a request to pause a running run until it pauses. Work in flight still commits.';
comment on column howdah.executions.agent_version_id is
  'Version of the agent, pinned when the row was inserted.';
comment on column howdah.executions.forked_from_execution_id is
  'The run this one was forked from, which stays unchanged.';
comment on column howdah.executions.compensates_execution_id is
  'The run whose effects this one undoes, newest first.';
comment on column howdah.executions.workflow_id is 'The workflow, of a run without an agent.';
comment on column howdah.executions.table_trigger_id is 'The watch of a table that began this run.';
comment on column howdah.executions.contents_erased_at is
  'Time at which texts and arguments were erased. Usage and times stay.';
comment on column howdah.executions.turn is 'Position in the session.';
comment on column howdah.executions.forked_from_seq is
  'Number of steps copied from that run, with zero usage.';
comment on column howdah.executions.paused_from is 'What a paused run was waiting for.';
comment on column howdah.executions.wakes_on is
  'Of a workflow run that waits for members: the kind of ends that wake it.';
comment on column howdah.executions.members_at_once is
  'Of a workflow run: maximum number of members at work at once; the others wait for their turn. '
  'Null means all.';
comment on column howdah.executions.children_cost is
  'Cost of all runs below, counted against max_cost.';
comment on column howdah.executions.metadata is
  E'@behavior +attribute:filterBy\nYour own tags, indexed: where metadata @> ''{"order": 4711}''.';
comment on column howdah.executions.ancestors is
  'All runs above, the root first, which is the order of locks.';
comment on column howdah.executions.idempotency_key is
  'A second insert with the same key is refused; run() returns the first row.';
comment on column howdah.executions.parent_call_id is
  'Tool call of the parent that this run answers.';
comment on column howdah.executions.first_limits is
  'Limits before retry_execution granted an exhausted limit once more.';
comment on column howdah.executions.input_parts is
  'Images and files beside the text, as OpenAI content parts or {"type": "resource", '
  '"resource_id": …}.';
comment on column howdah.executions.callback_url is
  'URL that receives the end of this run, and the questions below it, like a webhook. Signed with '
  'the secret `callbacks` if it exists.';
comment on column howdah.executions.history is
  'Earlier conversation, kept by the caller: [{"role": "user", "content": "…"}, …]. It follows '
  'that of the session. Messages of role system hold for this run alone.';
comment on column howdah.executions.client_tools is
  'Tools that the caller executes: [{"name", "description", "parameters"}]. A call is a question '
  'whose answer is the result of the tool.';

create table howdah.status_transitions (
  from_status howdah.execution_status not null,
  to_status howdah.execution_status not null,
  cause text not null,
  primary key (from_status, to_status)
);
alter table howdah.status_transitions enable row level security, force row level security;
comment on table howdah.status_transitions is
  'The allowed changes of status. Every other change is refused.';

-- A partitioned table has no unique key without the id, so the idempotency key is unique here.
create table howdah_private.idempotency_keys (
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  execution_id uuid not null,
  key text not null,
  primary key (tenant_id, key)
);
alter table howdah_private.idempotency_keys enable row level security, force row level security;
comment on table howdah_private.idempotency_keys is
  'The run of each idempotency key. A row lives as long as its run.';

-- The log is the state: append-only, in order, without gaps. Its rows copy tenant_id from the run
-- under the lock of the run and carry no foreign keys, since the version of the run pins what they
-- name. A finished or started call records its id, its key and its effect: that is the ledger of
-- effects.
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
  primary key (execution_id, seq),
  constraint seq_counts_from_one check (seq >= 1),
  constraint error_is_an_object check (jsonb_typeof(error) = 'object'),
  constraint retries_and_errors_say_why check (kind not in ('retry', 'error') or error is not null),
  constraint annotations_are_an_object check (jsonb_typeof(annotations) = 'object')
) partition by range (execution_id);
alter table howdah.steps enable row level security, force row level security;
comment on table howdah.steps is
  E'@foreignKey (execution_id) references howdah.executions (id)'
  '|@fieldName execution|@foreignFieldName steps\n'
  'The log of a run: one row per model answer, finished tool call, failed attempt, guard, '
  'output. Append-only, seq without gaps.';
comment on column howdah.steps.seq is '1, 2, 3 … within the run; the cursor of every live feed.';
comment on column howdah.steps.effect is 'Effect of repeating the call, as the tool declares it.';
comment on column howdah.steps.cost is 'Cost by the prices of the model when the step committed.';
comment on column howdah.steps.call_id is 'The tool call that the step belongs to.';
comment on column howdah.steps.idempotency_key is
  'Key passed to the tool, the same for every attempt of the call.';
comment on column howdah.steps.annotations is 'Notes of hooks.';

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
  primary key (execution_id, seq),
  constraint seq_counts_from_one check (seq >= 1),
  constraint parts_are_a_list check (jsonb_typeof(parts) = 'array'),
  constraint tool_calls_are_a_list check (jsonb_typeof(tool_calls) = 'array'),
  constraint tool_results_name_their_call check ((role = 'tool') = (tool_call_id is not null)),
  constraint summaries_say_what_they_cover
    check ((covers_from_seq is null) = (covers_to_seq is null)
      and covers_from_seq <= covers_to_seq)
) partition by range (execution_id);
-- One key for all messages of a session, which the index stores once per page.
create index messages_session_id_idx
  on howdah.messages (session_id) where session_id is not null;
alter table howdah.messages enable row level security, force row level security;
comment on table howdah.messages is
  E'@foreignKey (execution_id) references howdah.executions (id)'
  '|@fieldName execution|@foreignFieldName messages\n'
  'The messages of a run, each once, in order. Message 1 is the input.';
comment on column howdah.messages.step_seq is
  'The step that added the message. Null for the input.';
comment on column howdah.messages.parent_seq is
  'The message this one answers. For the result of a tool: the message that asked for the call.';
comment on column howdah.messages.covers_from_seq is
  'Of a summary: the first message it replaces. 0 includes earlier turns of the session.';
comment on column howdah.messages.covers_to_seq is
  'Of a summary: the last message it replaces. The originals stay.';
comment on column howdah.messages.tool_calls is
  'Calls that the assistant asked for: [{id, name, arguments}].';

-- Only the owner of a run appends to its log, so answers, inputs and ends of children wait here.
-- has_inbox in the row of the run tells a commit that is about to park it.
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
  'Events for a live run that are not in its log yet. The owner of the run takes them at its next '
  'step, or the next owner does.';
comment on column howdah_private.inbox.trust is
  'Trust of the event. Null means the word of a person.';

-- Counts the children that end in one statement at their parent in one update. A thousand updates
-- of one row within a transaction take time that grows with the square of their number. Until the
-- statement is over, each end is a row of this table. The rows never outlive their transaction, so
-- the table is unlogged.
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
  'Runs that were ended from outside and whose execution_complete hooks are still to be called.';

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
  constraint a_scope_has_tenants check (only_members is null or only_tenants is not null)
) with (fillfactor = 50);
alter table howdah_private.workers enable row level security, force row level security;
comment on table howdah_private.workers is
  'Live worker processes. A session advisory lock on lock_key proves presence; the heartbeat '
  'finds frozen and disconnected workers.';
comment on column howdah_private.workers.protocol is
  'Version of the calls between worker and database: 1.';
comment on column howdah_private.workers.only_tenants is
  'The worker takes runs of these tenants only. Null means all.';
comment on column howdah_private.workers.only_members is
  'Within those tenants the worker takes only runs of these agents and workflows, and the runs '
  'below them. Null means every run.';

create unlogged table howdah_private.watchers (
  listener uuid not null,
  execution_id uuid not null,
  expires_at timestamptz not null,
  primary key (execution_id, listener)
);
create index watchers_listener_idx on howdah_private.watchers (listener);
alter table howdah_private.watchers enable row level security, force row level security;
comment on table howdah_private.watchers is
  'Which listener follows which run. Unlogged: after a crash of the server listeners register '
  'again.';

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
  'Position of the search for live runs without a job, by status. Whoever searches holds the lock '
  'of the row.';

-- Down Migration
drop table howdah_private.queue_sweep;
drop table howdah_private.watchers;
drop table howdah_private.workers;
drop table howdah_private.ended_runs;
drop table howdah_private.child_ends;
drop table howdah_private.inbox;
drop table howdah.messages;
drop table howdah.steps;
drop table howdah_private.idempotency_keys;
drop table howdah.status_transitions;
drop table howdah.executions;
