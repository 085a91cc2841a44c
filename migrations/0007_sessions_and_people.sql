-- Up Migration
-- Creates conversations, and everything people and agents exchange outside the log of a run:
-- questions, approvals, todo lists, mail, boards, files and feedback.

-- Every turn updates its session without changing an indexed column, so the update can be HOT.
create table howdah.sessions (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant()
    references howdah.tenants (id) on delete cascade,
  last_activity_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  last_active_on date not null
    generated always as ((last_activity_at at time zone 'UTC')::date) stored,
  turns int not null default 0,
  policy howdah.session_policy not null default 'queue',
  user_id uuid,
  agent_id uuid,
  live_execution_id uuid,
  workflow_id uuid,
  forked_from_session_id uuid,
  contents_erased_at timestamptz,
  forked_from_turn int,
  late_turns int[],
  state jsonb not null default '{}',
  title text,
  unique (tenant_id, id),
  foreign key (tenant_id, user_id)
    references howdah.users (tenant_id, id) on delete set null (user_id),
  foreign key (tenant_id, agent_id)
    references howdah.agents (tenant_id, id) on delete set null (agent_id),
  foreign key (tenant_id, workflow_id)
    references howdah.workflows (tenant_id, id) on delete set null (workflow_id),
  foreign key (tenant_id, forked_from_session_id)
    references howdah.sessions (tenant_id, id) on delete set null (forked_from_session_id),
  constraint state_is_an_object check (jsonb_typeof(state) = 'object'),
  constraint a_session_is_with_an_agent_or_a_workflow
    check (num_nonnulls(agent_id, workflow_id) <= 1)
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);
create index sessions_agent_id_idx on howdah.sessions (tenant_id, agent_id);
create index sessions_workflow_id_idx
  on howdah.sessions (tenant_id, workflow_id) where workflow_id is not null;
-- Lists the newest conversations of a user from the index alone.
create index sessions_user_id_idx on howdah.sessions (tenant_id, user_id, id);
create index sessions_forked_from_session_id_idx
  on howdah.sessions (tenant_id, forked_from_session_id) where forked_from_session_id is not null;
-- Retention reads the inactive sessions of a tenant, all or those with contents (retention.sql). A
-- day instead of a time keeps the updates of each turn out of these indexes.
create index sessions_last_active_on_idx on howdah.sessions (tenant_id, last_active_on);
create index sessions_unerased_idx
  on howdah.sessions (tenant_id, last_active_on) where contents_erased_at is null;
alter table howdah.sessions enable row level security, force row level security;
comment on table howdah.sessions is
  'Conversations of several runs, one turn each. Only one run of a session is live at a time; the '
  'next run waits for its turn.';
comment on column howdah.sessions.late_turns is
  'Turns that were retried or resumed after later turns were taken: their new messages are written '
  'after messages of later turns. Null if there are none.';
comment on column howdah.sessions.turns is
  'Number of runs so far, equal to the turn of the last run.';
comment on column howdah.sessions.policy is
  'Policy for a message that arrives while a run is live: queue makes it wait for its turn, '
  'reject refuses it, interrupt cancels the live run, steer adds it to the live run.';
comment on column howdah.sessions.last_active_on is
  E'@behavior -*\nDay of the last activity, in UTC.';
comment on column howdah.sessions.contents_erased_at is
  'Time at which title, state, todos and files were erased. Null again after the next activity.';
comment on column howdah.sessions.live_execution_id is
  'Root run that has the turn. Changed under the lock of this row.';
comment on column howdah.sessions.forked_from_session_id is
  'Session that this session was forked from. The fork leaves it unchanged. Null if it was '
  'deleted.';
comment on column howdah.sessions.forked_from_turn is
  'Last turn of the original session that this session includes.';

create table howdah.questions (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant()
    references howdah.tenants (id) on delete cascade,
  execution_id uuid not null,
  root_execution_id uuid not null,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default now(),
  kind howdah.question_kind not null,
  status howdah.question_status not null default 'open',
  trust howdah.trust not null default 'internal',
  session_id uuid,
  answered_at timestamptz,
  expires_at timestamptz,
  escalated_at timestamptz,
  required_role howdah.user_role,
  prompt text not null,
  call_id text,
  schema jsonb,
  tool_call jsonb,
  options jsonb,
  answer text,
  answer_data jsonb,
  answered_by text,
  default_answer text,
  escalate_to text,
  preview jsonb,
  reason jsonb,
  unique (tenant_id, id),
  foreign key (tenant_id, session_id)
    references howdah.sessions (tenant_id, id) on delete set null (session_id),
  constraint schema_is_an_object check (jsonb_typeof(schema) = 'object'),
  constraint options_are_a_list check (jsonb_typeof(options) = 'array'),
  constraint answered_questions_say_when check ((status = 'answered') <= (answered_at is not null)),
  constraint preview_is_an_object check (jsonb_typeof(preview) = 'object'),
  constraint reason_is_an_object check (jsonb_typeof(reason) = 'object')
);
create index questions_root_execution_id_idx on howdah.questions (tenant_id, root_execution_id);
create index questions_session_id_idx
  on howdah.questions (tenant_id, session_id) where session_id is not null;
-- GraphQL filters by indexed columns only.
create index questions_status_idx on howdah.questions (tenant_id, status, id);
-- Most questions have no deadline.
create index questions_expires_at_idx
  on howdah.questions (expires_at) where status = 'open' and expires_at is not null;
create index questions_execution_id_idx on howdah.questions (execution_id);
-- Metrics count open questions from an index that holds nothing else.
create index questions_open_idx on howdah.questions (tenant_id, kind) where status = 'open';
alter table howdah.questions enable row level security, force row level security;
comment on table howdah.questions is
  E'@foreignKey (execution_id) references howdah.executions (id)'
  '|@fieldName execution|@foreignFieldName questions\n'
  '@foreignKey (root_execution_id) references howdah.executions (id)'
  '|@fieldName rootExecution|@foreignFieldName treeQuestions\n'
  'Questions of runs to people. An open question occupies no process. The first answer wakes the '
  'run.';
comment on column howdah.questions.root_execution_id is
  'Root run, whose list of questions includes those of its sub-agents.';
comment on column howdah.questions.trust is
  'Origin of the prompt: internal for an agent or Howdah, external for an MCP server.';
comment on column howdah.questions.expires_at is
  'Deadline. After the deadline the question escalates, or the default answer is used, or the run '
  'fails.';
comment on column howdah.questions.required_role is
  'Role that may answer in addition to admins and owners. Null lets the user of the run answer a '
  'question.';
comment on column howdah.questions.schema is 'JSON Schema that answer_data must satisfy.';
comment on column howdah.questions.tool_call is
  'Tool call that the question is about: {id, name, arguments}.';
comment on column howdah.questions.options is 'Answers to choose from, as a JSON array.';
comment on column howdah.questions.escalate_to is
  'Role or username that may answer after the deadline, for another period of the same length.';
comment on column howdah.questions.preview is
  'Result of a trial of the SQL call, rolled back afterwards: {result, tables: [{table, inserted, '
  'updated, deleted, rows: [{before, after}], …}], altered, new_each_time}.';
comment on column howdah.questions.reason is
  'Reason why a policy asked for approval: {policy, trust, tool, message_seq}, with the trust of '
  'the run and the message that lowered it.';

create table howdah.approvals (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant()
    references howdah.tenants (id) on delete cascade,
  created_at timestamptz not null default now(),
  scope howdah.approval_scope not null,
  trust howdah.trust not null default 'user',
  execution_id uuid,
  session_id uuid,
  agent_id uuid,
  tool text not null,
  created_by text not null,
  unique (tenant_id, id),
  foreign key (tenant_id, session_id) references howdah.sessions (tenant_id, id) on delete cascade,
  foreign key (tenant_id, agent_id) references howdah.agents (tenant_id, id) on delete cascade,
  constraint an_approval_names_what_it_is_for
    check ((scope = 'run') = (execution_id is not null)
      and (scope = 'session') = (session_id is not null)
      and (scope = 'agent') = (agent_id is not null))
);
create unique index approvals_session_id_key
  on howdah.approvals (tenant_id, session_id, tool) where session_id is not null;
create unique index approvals_agent_id_key
  on howdah.approvals (tenant_id, agent_id, tool) where agent_id is not null;
create unique index approvals_execution_id_key
  on howdah.approvals (execution_id, tool) where execution_id is not null;
alter table howdah.approvals enable row level security, force row level security;
comment on table howdah.approvals is
  'Lasting approvals, made when a person approves a call for its run, session or agent. Later '
  'calls of the tool in that scope need no approval. Delete a row to withdraw it.';
comment on column howdah.approvals.trust is
  'Trust of the run that asked. For runs of a lower trust a policy asks again.';

-- The unique key on position is deferred, so that a list can be reordered. It begins with the
-- session, because the engine reads a list by session. It includes the tenant, because tenants
-- write the other two columns and no row may collide with a row of another tenant.
create table howdah.todos (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant(),
  session_id uuid not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  position int not null,
  status howdah.todo_status not null default 'open',
  title text not null,
  note text,
  unique (tenant_id, id),
  constraint todos_session_id_position_key
    unique (session_id, tenant_id, position) deferrable initially deferred,
  foreign key (tenant_id, session_id) references howdah.sessions (tenant_id, id) on delete cascade,
  constraint position_counts_from_one check (position between 1 and 1000000),
  constraint title_has_1_to_500_characters check (char_length(title) <= 500 and title ~ '\S'),
  constraint note_has_at_most_4000_characters check (char_length(note) <= 4000)
);
create index todos_session_id_idx on howdah.todos (tenant_id, session_id, position);
alter table howdah.todos enable row level security, force row level security;
comment on table howdah.todos is
  'Todo list of a session, one row per todo. Agents edit the list with the tool todo, people with '
  'SQL and GraphQL.';
comment on column howdah.todos.position is
  E'@hasDefault\nPosition in the list, counted from 1. If omitted, the todo comes last.';
comment on column howdah.todos.note is 'Reason why the todo is blocked, or its result.';
comment on constraint todos_session_id_position_key on howdah.todos is
  E'@behavior -*\nPositions change, so the API addresses a todo by its id.';

-- session_state() adds up counters. Each counter is raised under the lock of the row it belongs to,
-- so their sum grows with every commit, in any order of commits. A single counter in the session
-- would make every run wait for the row of the session.
create table howdah_private.todo_changes (
  tenant_id uuid not null,
  session_id uuid not null,
  changes bigint not null,
  primary key (tenant_id, session_id),
  foreign key (tenant_id, session_id) references howdah.sessions (tenant_id, id) on delete cascade
);
alter table howdah_private.todo_changes enable row level security, force row level security;
comment on table howdah_private.todo_changes is
  'Number of changes of the todo list of a session, deletions included. Triggers on todos write '
  'the row, which is deleted with its session. It is not a column of sessions, because todos are '
  'locked before runs, and sessions after them.';

create table howdah.mail (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant()
    references howdah.tenants (id) on delete cascade,
  to_agent_id uuid not null,
  thread_id uuid not null,
  created_at timestamptz not null default clock_timestamp(),
  trust howdah.trust not null
    generated always as (
      case
        when from_execution_id is null then 'user'::howdah.trust else 'internal'::howdah.trust
      end
    ) stored,
  is_within_tree boolean not null default false,
  to_execution_id uuid,
  from_agent_id uuid,
  from_execution_id uuid,
  root_execution_id uuid,
  reply_to_id uuid,
  received_by_execution_id uuid,
  received_at timestamptz,
  content text not null,
  created_by text,
  subject text,
  received_call_id text,
  unique (tenant_id, id),
  foreign key (tenant_id, to_agent_id) references howdah.agents (tenant_id, id) on delete cascade,
  foreign key (tenant_id, from_agent_id)
    references howdah.agents (tenant_id, id) on delete set null (from_agent_id),
  foreign key (tenant_id, reply_to_id)
    references howdah.mail (tenant_id, id) on delete set null (reply_to_id),
  constraint a_message_is_from_a_run_or_a_person
    check (num_nonnulls(from_execution_id, created_by) = 1),
  constraint a_run_that_writes_has_a_tree
    check ((from_execution_id is null) = (root_execution_id is null)),
  constraint messages_within_a_tree_are_from_a_run
    check (not is_within_tree or from_execution_id is not null),
  constraint received_messages_have_a_receiver
    check ((received_at is null) = (received_by_execution_id is null)),
  constraint content_is_not_empty check (content ~ '\S')
);
create index mail_to_agent_id_idx on howdah.mail (tenant_id, to_agent_id);
create index mail_from_agent_id_idx on howdah.mail (tenant_id, from_agent_id);
create index mail_reply_to_id_idx on howdah.mail (tenant_id, reply_to_id);
create index mail_thread_id_idx on howdah.mail (tenant_id, thread_id, id);
create index mail_created_at_idx on howdah.mail (tenant_id, created_at);
create index mail_from_execution_id_idx
  on howdah.mail (from_execution_id) where from_execution_id is not null;
create index mail_received_by_execution_id_idx
  on howdah.mail (received_by_execution_id) where received_by_execution_id is not null;
create index mail_root_execution_id_idx
  on howdah.mail (root_execution_id, to_agent_id, id)
  where root_execution_id is not null;
create index mail_to_execution_id_idx
  on howdah.mail (to_execution_id, id) where to_execution_id is not null;
create index mail_unread_idx
  on howdah.mail (to_agent_id, id)
  where received_at is null and to_execution_id is null and not is_within_tree;
alter table howdah.mail enable row level security, force row level security;
comment on table howdah.mail is
  E'@foreignKey (to_execution_id) references howdah.executions (id)'
  '|@fieldName toExecution|@foreignFieldName mailAddressed\n'
  '@foreignKey (from_execution_id) references howdah.executions (id)'
  '|@fieldName fromExecution|@foreignFieldName mailSent\n'
  '@foreignKey (received_by_execution_id) references howdah.executions (id)'
  '|@fieldName receivedByExecution|@foreignFieldName mailReceived\n'
  'Messages between agents, and from people to agents. A run sends with the tool send_message and '
  'receives with the tool receive. A person inserts a row.';
comment on column howdah.mail.to_agent_id is
  E'@hasDefault\n'
  'Agent whose mailbox holds the message. Without to_execution_id the first run of the agent to '
  'call receive gets the message.';
comment on column howdah.mail.thread_id is
  E'@hasDefault\n'
  'Thread of the message: the id of the first message. If omitted, the thread of reply_to_id or a '
  'new thread.';
comment on column howdah.mail.trust is
  'internal for a message of an agent, user for a message of a person.';
comment on column howdah.mail.is_within_tree is
  'True if the agent had a live run in the tree of the sender. Then only runs of that tree '
  'receive the message.';
comment on column howdah.mail.to_execution_id is
  'Only run that may receive the message. Null allows any run of the agent.';
comment on column howdah.mail.root_execution_id is 'Root of the run that sent the message.';
comment on column howdah.mail.received_at is
  'Time of receipt. After it the message is in the log of the receiving run.';
comment on column howdah.mail.created_by is 'Person who wrote the message. Null if a run wrote it.';
comment on column howdah.mail.received_call_id is
  'Call of the tool receive that returned the message.';
comment on constraint mail_tenant_id_to_agent_id_fkey on howdah.mail is
  E'@fieldName toAgent\n@foreignFieldName mail\nAgent whose mailbox holds the message.';
comment on constraint mail_tenant_id_from_agent_id_fkey on howdah.mail is
  E'@fieldName fromAgent\n@foreignFieldName mailSent\nAgent that wrote the message.';
comment on constraint mail_tenant_id_reply_to_id_fkey on howdah.mail is
  E'@fieldName replyTo\n@foreignFieldName replies\nMessage that this one replies to.';

create table howdah_private.receivers (
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  execution_id uuid not null,
  agent_id uuid not null,
  ends_at timestamptz not null,
  call_id text not null,
  primary key (execution_id, call_id),
  foreign key (tenant_id, agent_id) references howdah.agents (tenant_id, id) on delete cascade
);
create index receivers_agent_id_idx on howdah_private.receivers (tenant_id, agent_id);
alter table howdah_private.receivers enable row level security, force row level security;
comment on table howdah_private.receivers is
  'Calls of the tool receive that wait for mail. A message to the agent wakes them. Read and '
  'written under the lock of the mailbox; deleted when the call ends.';

create table howdah.board_entries (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  root_execution_id uuid not null,
  written_by_execution_id uuid not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  version int not null default 1,
  key text not null,
  value jsonb not null,
  unique (tenant_id, id),
  unique (root_execution_id, key),
  constraint key_is_one_short_line
    check (key ~ '\S' and key !~ '[[:cntrl:]]' and length(key) <= 200),
  constraint version_counts_from_one check (version >= 1),
  constraint value_has_at_most_32_kb check (octet_length(value::text) <= 32768)
);
create index board_entries_written_by_execution_id_idx
  on howdah.board_entries (written_by_execution_id);
alter table howdah.board_entries enable row level security, force row level security;
comment on table howdah.board_entries is
  E'@foreignKey (root_execution_id) references howdah.executions (id)'
  '|@fieldName rootExecution|@foreignFieldName boardEntries\n'
  '@foreignKey (written_by_execution_id) references howdah.executions (id)'
  '|@fieldName writtenByExecution|@foreignFieldName boardEntriesWritten\n'
  'Values that the runs of one tree share, by key. The tool board_write names the version that it '
  'read; a stale write is refused and returns the current value.';
comment on column howdah.board_entries.written_by_execution_id is 'Run that wrote this version.';
comment on column howdah.board_entries.version is 'Number of writes of the key.';
comment on constraint board_entries_root_execution_id_key_key on howdah.board_entries is
  E'@behavior -*\nThe API addresses an entry by its id.';

create table howdah.resources (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant()
    references howdah.tenants (id) on delete cascade,
  size bigint not null,
  created_at timestamptz not null default now(),
  execution_id uuid,
  session_id uuid,
  name text not null,
  type text not null,
  sha256 text not null,
  metadata jsonb not null default '{}',
  created_by text not null,
  storage_path text,
  bytes bytea,
  uri text,
  unique (tenant_id, id),
  foreign key (tenant_id, session_id)
    references howdah.sessions (tenant_id, id) on delete set null (session_id),
  constraint bytes_are_in_the_row_or_in_a_file check (num_nonnulls(bytes, storage_path) = 1),
  constraint bytes_are_at_most_8_mb check (octet_length(bytes) <= 8388608),
  constraint storage_path_is_relative
    check (char_length(storage_path) <= 1000
      and storage_path ~ '^[^/\\[:cntrl:]][^\\[:cntrl:]]*$'
      and storage_path !~ '(^|/)\.{0,2}(/|$)'),
  constraint name_is_one_short_line check (name ~ '^[^[:cntrl:]]{1,255}$' and name ~ '\S'),
  constraint type_is_a_mime_type
    check (char_length(type) <= 200
      and type ~ '^[a-z0-9][a-z0-9.+-]*/[a-z0-9][a-z0-9.+-]*(;[ -~]*)?$'),
  constraint sha256_is_hex check (sha256 ~ '^[0-9a-f]{64}$'),
  constraint size_is_not_negative check (size >= 0),
  constraint metadata_is_an_object check (jsonb_typeof(metadata) = 'object'),
  constraint uri_is_an_address_of_its_own
    check (length(uri) <= 2000 and uri ~ '^[a-z][a-z0-9+.-]*:[^[:space:][:cntrl:]]+$'
      and uri !~ '^howdah:')
);
create index resources_session_id_idx
  on howdah.resources (tenant_id, session_id) where session_id is not null;
create index resources_execution_id_idx
  on howdah.resources (tenant_id, execution_id) where execution_id is not null;
create index resources_storage_path_idx
  on howdah.resources (storage_path) where storage_path is not null;
create index resources_uri_idx on howdah.resources (tenant_id, uri, id) where uri is not null;
-- Images and archives are compressed already. To compress them again costs time and gains nothing.
alter table howdah.resources alter column bytes set storage external;
alter table howdah.resources enable row level security, force row level security;
comment on table howdah.resources is
  'Files of users, sessions and runs: up to 8 MB in the row, larger files by path. The content '
  'never changes; name and metadata may change.';
comment on column howdah.resources.size is 'Size of the content in bytes.';
comment on column howdah.resources.execution_id is
  'Run that the file belongs to. Null if it belongs to no run.';
comment on column howdah.resources.type is 'MIME type, such as image/png.';
comment on column howdah.resources.sha256 is
  E'@hasDefault\n'
  'SHA-256 of the content, in hex. Computed from the bytes; a given value must match.';
comment on column howdah.resources.metadata is 'Tags of your own, as a JSON object.';
comment on column howdah.resources.storage_path is
  'Path of the file, relative to HOWDAH_HOME/resources of the workers. Only an owner of the '
  'database writes it.';
comment on column howdah.resources.bytes is
  'Content of the file, read only on request. Null for a file by path.';
comment on column howdah.resources.uri is
  'Address for MCP clients, such as docs://handbook. Among rows of the same address the newest is '
  'used. With {name} in the address and {{name}} in the text the file is a template.';

create table howdah.feedback_entries (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant()
    references howdah.tenants (id) on delete cascade,
  execution_id uuid not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  score double precision,
  message_seq int,
  created_by text not null,
  comment text,
  unique (tenant_id, id),
  constraint score_is_between_0_and_1 check (score between 0 and 1),
  constraint feedback_has_a_score_or_a_comment check (score is not null or comment is not null),
  constraint comment_is_not_empty check (btrim(comment) <> ''),
  constraint comment_has_at_most_10000_characters check (length(comment) <= 10000),
  constraint message_seq_counts_from_one check (message_seq > 0)
);
create unique index feedback_entries_author_key
  on howdah.feedback_entries (execution_id, created_by, coalesce(message_seq, 0));
create index feedback_entries_created_by_idx on howdah.feedback_entries (tenant_id, created_by);
alter table howdah.feedback_entries enable row level security, force row level security;
comment on table howdah.feedback_entries is
  E'@foreignKey (execution_id) references howdah.executions (id)'
  '|@fieldName execution|@foreignFieldName feedbackEntries\n'
  'Feedback of people and automatic checks on runs, written by howdah.give_feedback. One row per '
  'author, run and message.';
comment on column howdah.feedback_entries.score is 'Score from 0 (useless) to 1 (perfect).';
comment on column howdah.feedback_entries.message_seq is
  'Message of the run that the feedback is about. Null means the whole run.';
comment on column howdah.feedback_entries.created_by is
  'Author: the user of the token, else the API key, else the database login.';
comment on column howdah.feedback_entries.comment is
  'Free text. [erased] after the contents of the run or its author were erased.';

-- Down Migration
drop table howdah.feedback_entries;
drop table howdah.resources;
drop table howdah.board_entries;
drop table howdah_private.receivers;
drop table howdah.mail;
drop table howdah_private.todo_changes;
drop table howdah.todos;
drop table howdah.approvals;
drop table howdah.questions;
drop table howdah.sessions;
