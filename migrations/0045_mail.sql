-- Up Migration
-- Agents write to one another, and the runs of one tree share a board.
create table howdah.mail (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant() references howdah.tenants (id) on delete cascade,
  to_agent_id uuid not null,
  to_execution_id uuid,
  is_within_tree boolean not null default false,
  from_agent_id uuid,
  from_execution_id uuid,
  root_execution_id uuid,
  created_by text,
  thread_id uuid not null,
  reply_to_id uuid,
  subject text,
  content text not null,
  trust howdah.trust not null generated always as (
    case when from_execution_id is null then 'user'::howdah.trust else 'internal'::howdah.trust end) stored,
  created_at timestamptz not null default clock_timestamp(),
  received_at timestamptz,
  received_by_execution_id uuid,
  received_call_id text,
  unique (tenant_id, id),
  foreign key (tenant_id, to_agent_id) references howdah.agents (tenant_id, id) on delete cascade,
  foreign key (tenant_id, from_agent_id) references howdah.agents (tenant_id, id) on delete set null (from_agent_id),
  foreign key (tenant_id, reply_to_id) references howdah.mail (tenant_id, id) on delete set null (reply_to_id),
  constraint a_message_is_from_a_run_or_a_person check (num_nonnulls(from_execution_id, created_by) = 1),
  constraint a_run_that_writes_has_a_tree check ((from_execution_id is null) = (root_execution_id is null)),
  constraint messages_within_a_tree_are_from_a_run check (not is_within_tree or from_execution_id is not null),
  constraint received_messages_have_a_receiver check ((received_at is null) = (received_by_execution_id is null)),
  constraint content_is_not_empty check (content ~ '\S')
);
-- The tenant stands in every index, so that another tenant's rows are not even looked at.
create index mail_unread_idx on howdah.mail (to_agent_id, id, tenant_id)
  where received_at is null and to_execution_id is null and not is_within_tree;
create index mail_to_agent_id_idx on howdah.mail (tenant_id, to_agent_id);
create index mail_from_agent_id_idx on howdah.mail (tenant_id, from_agent_id);
create index mail_reply_to_id_idx on howdah.mail (tenant_id, reply_to_id);
create index mail_thread_id_idx on howdah.mail (tenant_id, thread_id, id);
create index mail_created_at_idx on howdah.mail (tenant_id, created_at);
create index mail_root_execution_id_idx on howdah.mail (root_execution_id, to_agent_id, id, tenant_id) where root_execution_id is not null;
create index mail_from_execution_id_idx on howdah.mail (from_execution_id, tenant_id) where from_execution_id is not null;
create index mail_to_execution_id_idx on howdah.mail (to_execution_id, id, tenant_id) where to_execution_id is not null;
create index mail_received_by_execution_id_idx on howdah.mail (received_by_execution_id, tenant_id)
  where received_by_execution_id is not null;
alter table howdah.mail enable row level security, force row level security;
comment on table howdah.mail is
  E'@foreignKey (to_execution_id) references howdah.executions (id)|@fieldName toExecution|@foreignFieldName mailAddressed\n@foreignKey (from_execution_id) references howdah.executions (id)|@fieldName fromExecution|@foreignFieldName mailSent\n@foreignKey (received_by_execution_id) references howdah.executions (id)|@fieldName receivedByExecution|@foreignFieldName mailReceived\nMessages between agents, and from people to agents. A run sends by the tool send_message and receives by the tool receive; a person inserts a row.';
comment on column howdah.mail.to_agent_id is E'@hasDefault\nWhose mailbox it is in; without to_execution_id whichever run of it receives first has it.';
comment on column howdah.mail.to_execution_id is 'The one run that may receive it; null: any run of the agent.';
comment on column howdah.mail.is_within_tree is
  'The agent had a live run in the tree of the sender: only runs of that tree receive it.';
comment on column howdah.mail.root_execution_id is 'The tree of the run that sent it.';
comment on column howdah.mail.created_by is 'Who wrote it; null: a run did.';
comment on column howdah.mail.thread_id is E'@hasDefault\nThe conversation: the id of the message that began it. Left out, a new one or that of reply_to_id.';
comment on column howdah.mail.trust is 'internal: an agent wrote it; user: a person did.';
comment on column howdah.mail.received_at is 'When a run received it; it stands in the log of that run from then on.';
comment on column howdah.mail.received_call_id is 'The call by which that run received it.';
comment on constraint mail_tenant_id_to_agent_id_fkey on howdah.mail is
  E'@fieldName toAgent\n@foreignFieldName mail\nWhose mailbox it is in.';
comment on constraint mail_tenant_id_from_agent_id_fkey on howdah.mail is
  E'@fieldName fromAgent\n@foreignFieldName mailSent\nThe agent that wrote it.';
comment on constraint mail_tenant_id_reply_to_id_fkey on howdah.mail is
  E'@fieldName replyTo\n@foreignFieldName replies\nWhat it replies to.';

-- Runs that wait for mail, from their call of receive until its result.
create table howdah_private.receivers (
  execution_id uuid not null,
  call_id text not null,
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  agent_id uuid not null,
  ends_at timestamptz not null,
  primary key (execution_id, call_id),
  foreign key (tenant_id, agent_id) references howdah.agents (tenant_id, id) on delete cascade
);
create index receivers_agent_id_idx on howdah_private.receivers (tenant_id, agent_id);
alter table howdah_private.receivers enable row level security, force row level security;
comment on table howdah_private.receivers is
  'Calls of receive that wait: who sends to the agent wakes them. Read and written under the lock of its mailbox.';

create table howdah.board_entries (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  root_execution_id uuid not null,
  key text not null,
  value jsonb not null,
  version int not null default 1,
  written_by_execution_id uuid not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, id),
  unique (root_execution_id, tenant_id, key),
  constraint key_is_one_short_line check (key ~ '\S' and key !~ '[[:cntrl:]]' and length(key) <= 200),
  constraint version_counts_from_one check (version >= 1),
  constraint value_has_at_most_32_kb check (octet_length(value::text) <= 32768)
);
create index board_entries_written_by_execution_id_idx on howdah.board_entries (written_by_execution_id, tenant_id);
alter table howdah.board_entries enable row level security, force row level security;
comment on table howdah.board_entries is
  E'@foreignKey (root_execution_id) references howdah.executions (id)|@fieldName rootExecution|@foreignFieldName boardEntries\n@foreignKey (written_by_execution_id) references howdah.executions (id)|@fieldName writtenByExecution|@foreignFieldName boardEntriesWritten\nWhat the runs of one tree share, by key. Written by the tool board_write, which names the version it read: a stale one is told what stands there now.';
comment on column howdah.board_entries.version is 'Grows by one with each write of the key.';
comment on column howdah.board_entries.written_by_execution_id is 'The run that wrote this version.';
comment on constraint board_entries_root_execution_id_tenant_id_key_key on howdah.board_entries is
  E'@behavior -*\nEach key once; an entry is named by its id.';

-- Down Migration
drop table howdah.board_entries;
drop table howdah_private.receivers;
drop table howdah.mail;
