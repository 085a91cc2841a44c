-- Up Migration
-- What reaches a run from outside while it lives: answers, inputs, ends of children. They wait in the inbox, since
-- only the owner of a run adds to its log; `has_inbox` on the run's own row tells a commit that is just parking it.
create table howdah_private.inbox (
  id bigint primary key generated always as identity,
  execution_id uuid not null,
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  kind howdah.step_kind not null,
  name text,
  call_id text,
  output jsonb,
  content text,
  parts jsonb,
  created_at timestamptz not null default clock_timestamp(),
  constraint kind_is_an_event_from_outside check (kind in ('input', 'answer', 'child'))
);
create index inbox_execution_id_idx on howdah_private.inbox (execution_id, id);
create index inbox_tenant_id_idx on howdah_private.inbox (tenant_id);
alter table howdah_private.inbox enable row level security, force row level security;
comment on table howdah_private.inbox is
  'What came for a live run and is not in its log yet: its owner takes it at the next step, or whoever claims it next.';

alter table howdah.executions
  add column ancestors uuid[] not null default '{}',
  add column parent_call_id text,
  add column forked_from_execution_id uuid,
  add column forked_from_seq int,
  add column compensates_execution_id uuid,
  add column live_children int not null default 0,
  add column children_tokens_in bigint not null default 0,
  add column children_tokens_out bigint not null default 0,
  add column children_cost numeric not null default 0,
  add column has_inbox boolean not null default false,
  add column is_pause_requested boolean not null default false,
  add column paused_from howdah.waiting_reason,
  add column messages_at_retry int not null default 0,
  add column first_limits jsonb,
  add constraint forks_say_from_where
    check ((forked_from_execution_id is null) = (forked_from_seq is null));
-- Who ends a run, retries one or reads the ledger asks for the run that takes its effects back.
create index executions_compensates_idx on howdah.executions (compensates_execution_id)
  where compensates_execution_id is not null;
comment on column howdah.executions.ancestors is 'Its parent, the parent of that, … with the root first: the order of locks.';
comment on column howdah.executions.parent_call_id is 'The tool call of the parent that it answers.';
comment on column howdah.executions.forked_from_execution_id is 'The run it was forked from; the original is untouched.';
comment on column howdah.executions.forked_from_seq is 'Steps it has in common with that run: copies, with zero usage.';
comment on column howdah.executions.compensates_execution_id is 'The run whose effects it takes back, newest first.';
comment on column howdah.executions.live_children is 'Children that have not ended.';
comment on column howdah.executions.children_tokens_in is 'Tokens of all runs below it, counted against its max_tokens.';
comment on column howdah.executions.children_tokens_out is 'Tokens of all runs below it, counted against its max_tokens.';
comment on column howdah.executions.children_cost is 'Cost of all runs below it, counted against its max_cost.';
comment on column howdah.executions.has_inbox is 'Something came from outside and is not in the log yet.';
comment on column howdah.executions.is_pause_requested is 'Somebody asked a running run to pause: what is in the air still commits.';
comment on column howdah.executions.paused_from is 'What a paused run waited for.';
comment on column howdah.executions.messages_at_retry is 'Messages there were at the last retry_execution: guards look only at what came after.';
comment on column howdah.executions.first_limits is 'The limits before retry_execution granted one once more.';

create type howdah.question_kind as enum ('question', 'approval', 'effect');
create type howdah.question_status as enum ('open', 'answered', 'expired', 'cancelled');
create type howdah.approval_scope as enum ('run', 'session', 'agent');
comment on type howdah.question_kind is 'What is asked: something the agent wants to know, leave to call a tool, or what became of a call nobody saw the end of.';
comment on type howdah.question_status is 'Where a question stands. The first answer counts.';
comment on type howdah.approval_scope is 'How far an approval reaches beyond its one call.';

-- No foreign key points at executions: see 0008.
create table howdah.questions (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant() references howdah.tenants (id) on delete cascade,
  execution_id uuid not null,
  root_execution_id uuid not null,
  session_id uuid,
  kind howdah.question_kind not null,
  call_id text,
  prompt text not null,
  schema jsonb,
  tool_call jsonb,
  options jsonb,
  required_role howdah.user_role,
  status howdah.question_status not null default 'open',
  answer text,
  answer_data jsonb,
  answered_by text,
  answered_at timestamptz,
  expires_at timestamptz,
  default_answer text,
  escalate_to text,
  escalated_at timestamptz,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, id),
  foreign key (tenant_id, session_id)
    references howdah.sessions (tenant_id, id) on delete set null (session_id),
  constraint schema_is_an_object check (jsonb_typeof(schema) = 'object'),
  constraint options_are_a_list check (jsonb_typeof(options) = 'array'),
  constraint answered_questions_say_when check ((status = 'answered') <= (answered_at is not null))
);
create index questions_execution_id_idx on howdah.questions (execution_id);
create index questions_root_execution_id_idx on howdah.questions (tenant_id, root_execution_id);
create index questions_session_id_idx on howdah.questions (tenant_id, session_id) where session_id is not null;
-- Over GraphQL only indexed columns filter.
create index questions_status_idx on howdah.questions (tenant_id, status, id);
-- Most questions have no deadline.
create index questions_expires_at_idx on howdah.questions (expires_at)
  where status = 'open' and expires_at is not null;
alter table howdah.questions enable row level security, force row level security;
comment on table howdah.questions is
  E'@foreignKey (execution_id) references howdah.executions (id)|@fieldName execution|@foreignFieldName questions\n@foreignKey (root_execution_id) references howdah.executions (id)|@fieldName rootExecution|@foreignFieldName treeQuestions\nWhat runs ask people. An open question costs a row; its answer wakes the run.';
comment on column howdah.questions.root_execution_id is 'The run at the top, where a sub-agent''s question is listed too.';
comment on column howdah.questions.schema is 'A JSON Schema that answer_data must satisfy.';
comment on column howdah.questions.tool_call is 'The call it is about: {id, name, arguments}.';
comment on column howdah.questions.options is 'Answers to choose from.';
comment on column howdah.questions.required_role is 'Who may answer besides admins and owners; null: for a question the run''s user.';
comment on column howdah.questions.expires_at is 'The deadline: then it escalates, else the default answer counts, else the run fails.';
comment on column howdah.questions.escalate_to is 'A role or a username that may answer after the deadline, for as long again.';

create table howdah.approvals (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant() references howdah.tenants (id) on delete cascade,
  scope howdah.approval_scope not null,
  tool text not null,
  execution_id uuid,
  session_id uuid,
  agent_id uuid,
  created_by text not null,
  created_at timestamptz not null default now(),
  unique (tenant_id, id),
  foreign key (tenant_id, session_id) references howdah.sessions (tenant_id, id) on delete cascade,
  foreign key (tenant_id, agent_id) references howdah.agents (tenant_id, id) on delete cascade,
  constraint an_approval_names_what_it_is_for check (
    (scope = 'run') = (execution_id is not null) and (scope = 'session') = (session_id is not null)
    and (scope = 'agent') = (agent_id is not null)
  )
);
create unique index approvals_execution_id_key on howdah.approvals (execution_id, tool)
  where execution_id is not null;
create unique index approvals_session_id_key on howdah.approvals (tenant_id, session_id, tool)
  where session_id is not null;
create unique index approvals_agent_id_key on howdah.approvals (tenant_id, agent_id, tool)
  where agent_id is not null;
alter table howdah.approvals enable row level security, force row level security;
comment on table howdah.approvals is
  'Approvals that stick: calls of the tool are not asked about again in that run, session or agent. Delete one to be asked again.';

-- Down Migration
drop table howdah.approvals;
drop table howdah.questions;
drop type howdah.approval_scope, howdah.question_status, howdah.question_kind;
alter table howdah.executions
  drop column ancestors, drop column parent_call_id, drop column forked_from_execution_id,
  drop column forked_from_seq, drop column compensates_execution_id, drop column live_children,
  drop column children_tokens_in, drop column children_tokens_out, drop column children_cost,
  drop column has_inbox, drop column is_pause_requested, drop column paused_from,
  drop column messages_at_retry, drop column first_limits;
drop table howdah_private.inbox;
