-- Up Migration
-- Agents whose conversations another agent reads afterwards, to remember what will be useful later.
alter table howdah.agents
  add column memory_policy jsonb,
  add constraint memory_policy_is_an_object check (jsonb_typeof(memory_policy) = 'object');
comment on column howdah.agents.memory_policy is
  'Which agent reads the conversations of this agent after they have ended, and remembers what '
  'will be useful later: {"agent": "memory-keeper", "scopes": ["user"], "kinds": ["preference"], '
  '"min_turns": 3}. The agent is stored as agent_id. Null if nobody does.';
comment on constraint memory_policy_is_an_object on howdah.agents is
  'Write an object such as {"agent": "memory-keeper"}, or null.';

-- The runs that read conversations. A row is written with its run, once for each conversation.
create table howdah_private.memory_extractions (
  execution_id uuid primary key,
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  source_execution_id uuid not null unique,
  agent_id uuid not null,
  source_seq int not null,
  session_id uuid,
  scopes howdah.memory_scope[] not null,
  kinds howdah.memory_kind[] not null
);
create index memory_extractions_tenant_id_idx on howdah_private.memory_extractions (tenant_id);
create index memory_extractions_session_id_idx
  on howdah_private.memory_extractions (session_id, source_execution_id)
  where session_id is not null;
alter table howdah_private.memory_extractions
  enable row level security, force row level security;
comment on table howdah_private.memory_extractions is
  'Runs that read a conversation after it has ended, by the memory policy of its agent. What they '
  'remember has the conversation as its source.';
comment on column howdah_private.memory_extractions.execution_id is
  'The run that reads the conversation.';
comment on column howdah_private.memory_extractions.source_execution_id is
  'The run that was read, with earlier turns of its session that no run had read.';
comment on column howdah_private.memory_extractions.source_seq is 'The last step of that run.';
comment on column howdah_private.memory_extractions.agent_id is
  'The agent of that run, about which memories of the scope agent are.';
comment on column howdah_private.memory_extractions.session_id is
  'The session of that run, about which memories of the scope session are.';
comment on column howdah_private.memory_extractions.scopes is
  'What the run may remember things about.';
comment on column howdah_private.memory_extractions.kinds is
  'The kinds of memories that it may write.';

-- They have other arguments now (sql/10_private/starts/refused_runs.sql).
drop function if exists
  howdah_private.record_refused_run(howdah.table_triggers, uuid, text, jsonb, text, text, text),
  howdah_private.storable_input(howdah.table_triggers, text);

-- Down Migration
drop function if exists
  howdah_private.record_refused_run(howdah.executions, text, text, text),
  howdah_private.storable_input(howdah.executions);
drop table howdah_private.memory_extractions;
alter table howdah.agents
  drop constraint memory_policy_is_an_object,
  drop column memory_policy;
