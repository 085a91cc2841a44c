-- Up Migration
-- The log is the state: append-only, in order, without gaps. Its rows copy tenant_id from the run under the
-- run's lock and carry no foreign keys: what they name is pinned by the run's version.
create table howdah.steps (
  execution_id uuid not null,
  seq int not null,
  tenant_id uuid not null,
  kind howdah.step_kind not null,
  name text,
  input jsonb,
  output jsonb,
  error jsonb,
  model_id uuid,
  tokens_in int not null default 0,
  tokens_out int not null default 0,
  cost numeric not null default 0,
  started_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz not null default clock_timestamp(),
  worker uuid,
  primary key (execution_id, seq),
  constraint seq_counts_from_one check (seq >= 1),
  constraint error_is_an_object check (jsonb_typeof(error) = 'object'),
  constraint retries_and_errors_say_why check (kind not in ('retry', 'error') or error is not null)
) partition by range (execution_id);
alter table howdah.steps enable row level security, force row level security;
comment on table howdah.steps is
  E'@foreignKey (execution_id) references howdah.executions (id)|@fieldName execution|@foreignFieldName steps\nThe log of a run: one row per model answer, finished tool call, failed attempt, guard, output. Append-only, seq without gaps.';
comment on column howdah.steps.seq is '1, 2, 3 … within the run; the cursor of every live feed.';
comment on column howdah.steps.cost is 'By the model''s prices when the step committed.';

create table howdah.messages (
  execution_id uuid not null,
  seq int not null,
  id uuid not null default howdah.uuid_v7(),
  tenant_id uuid not null,
  session_id uuid,
  step_seq int,
  role howdah.message_role not null,
  content text,
  parts jsonb,
  tool_calls jsonb,
  tool_call_id text,
  agent_id uuid,
  trust howdah.trust not null,
  tokens_in int not null default 0,
  tokens_out int not null default 0,
  created_at timestamptz not null default clock_timestamp(),
  primary key (execution_id, seq),
  constraint seq_counts_from_one check (seq >= 1),
  constraint parts_are_a_list check (jsonb_typeof(parts) = 'array'),
  constraint tool_calls_are_a_list check (jsonb_typeof(tool_calls) = 'array'),
  constraint tool_results_name_their_call check ((role = 'tool') = (tool_call_id is not null))
) partition by range (execution_id);
create index messages_session_id_idx on howdah.messages (tenant_id, session_id, execution_id, seq)
  where session_id is not null;
alter table howdah.messages enable row level security, force row level security;
comment on table howdah.messages is
  E'@foreignKey (execution_id) references howdah.executions (id)|@fieldName execution|@foreignFieldName messages\nWhat was said in a run, each message once, in order. Message 1 is the input.';
comment on column howdah.messages.step_seq is 'The step that added it; null for the input.';
comment on column howdah.messages.tool_calls is 'Calls an assistant asked for: [{id, name, arguments}].';

-- Down Migration
drop table howdah.messages;
drop table howdah.steps;
