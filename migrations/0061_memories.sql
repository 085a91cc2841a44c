-- Up Migration
-- Long-term memory: what agents and people keep about a user, an agent, a session or the tenant.
create type howdah.memory_scope as enum ('user', 'agent', 'session', 'tenant');
comment on type howdah.memory_scope is
  'What a memory is about: a `user`, an `agent`, a `session`, or the whole `tenant`.';
create type howdah.memory_kind as enum ('fact', 'preference', 'procedure', 'episode');
comment on type howdah.memory_kind is
  'Kind of a memory: a `fact`, a `preference`, a `procedure` (how something is done), or an '
  '`episode` (what happened).';

create table howdah.memories (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant()
    references howdah.tenants (id) on delete cascade,
  subject_id uuid not null,
  valid_from timestamptz not null default now(),
  created_at timestamptz not null default now(),
  scope howdah.memory_scope not null default 'user',
  kind howdah.memory_kind not null default 'fact',
  trust howdah.trust not null default 'user',
  user_id uuid generated always as (case scope when 'user' then subject_id end) stored,
  agent_id uuid generated always as (case scope when 'agent' then subject_id end) stored,
  session_id uuid generated always as (case scope when 'session' then subject_id end) stored,
  superseded_by uuid,
  source_execution_id uuid,
  valid_to timestamptz,
  source_seq int,
  created_by text not null,
  digest text not null,
  content text not null,
  unique (tenant_id, id),
  foreign key (tenant_id, user_id) references howdah.users (tenant_id, id) on delete cascade,
  foreign key (tenant_id, agent_id) references howdah.agents (tenant_id, id) on delete cascade,
  foreign key (tenant_id, session_id)
    references howdah.sessions (tenant_id, id) on delete cascade,
  foreign key (tenant_id, superseded_by)
    references howdah.memories (tenant_id, id) on delete cascade,
  constraint a_memory_of_the_tenant_has_its_id check (scope <> 'tenant' or subject_id = tenant_id),
  constraint content_has_1_to_2000_characters
    check (length(content) between 1 and 2000 and content ~ '\S'),
  constraint a_superseded_memory_has_an_end
    check ((superseded_by is null) = (valid_to is null)),
  constraint a_source_has_a_run check (source_seq is null or source_execution_id is not null)
);
create unique index memories_digest_key
  on howdah.memories (tenant_id, subject_id, scope, digest) where superseded_by is null;
create index memories_subject_id_idx on howdah.memories (tenant_id, subject_id, id);
create index memories_user_id_idx
  on howdah.memories (tenant_id, user_id, id) where user_id is not null;
create index memories_agent_id_idx
  on howdah.memories (tenant_id, agent_id, id) where agent_id is not null;
create index memories_session_id_idx
  on howdah.memories (tenant_id, session_id, id) where session_id is not null;
create index memories_superseded_by_idx
  on howdah.memories (tenant_id, superseded_by) where superseded_by is not null;
create index memories_source_execution_id_idx
  on howdah.memories (source_execution_id) where source_execution_id is not null;
create index memories_created_by_idx on howdah.memories (tenant_id, created_by, id);
alter table howdah.memories enable row level security, force row level security;
comment on table howdah.memories is
  E'@foreignKey (source_execution_id) references howdah.executions (id)'
  '|@fieldName sourceExecution|@foreignFieldName memories\n'
  'What agents and people keep for later runs (howdah.remember, howdah.recall). A correction adds '
  'a row and ends the earlier one; howdah.forget deletes rows.';
comment on constraint memories_tenant_id_superseded_by_fkey on howdah.memories is
  E'@fieldName supersededByMemory\n@foreignFieldName supersededMemories\n'
  'Correct a memory by howdah.correct_memory(id, content).';
comment on column howdah.memories.subject_id is
  'Id of the user, agent or session that the memory is about, or of the tenant.';
comment on column howdah.memories.valid_from is 'Time since which the content holds.';
comment on column howdah.memories.valid_to is
  'Time of the correction, since which the content no longer holds; null while it holds.';
comment on column howdah.memories.scope is 'user, agent, session or tenant.';
comment on column howdah.memories.kind is 'fact, preference, procedure or episode.';
comment on column howdah.memories.trust is
  'How far the content is trusted: `user` from people, else that of the run that wrote it, at best '
  '`internal`. A run that recalls the memory has at most this trust.';
comment on column howdah.memories.user_id is 'subject_id of a memory about a user.';
comment on column howdah.memories.agent_id is 'subject_id of a memory about an agent.';
comment on column howdah.memories.session_id is 'subject_id of a memory about a session.';
comment on column howdah.memories.superseded_by is 'The memory that corrects this one.';
comment on column howdah.memories.source_execution_id is
  'Run that wrote the memory; null for one by a person, and after the run is deleted.';
comment on column howdah.memories.source_seq is
  'Step of that run that wrote the memory: howdah.steps.seq.';
comment on column howdah.memories.created_by is
  'Author: the user of the token or of the run, else the API key, else the database login.';
comment on column howdah.memories.digest is
  'MD5 of the content with single spaces. A subject has no two valid memories of one digest.';
comment on column howdah.memories.content is 'The text, of 1 to 2000 characters.';
comment on constraint a_memory_of_the_tenant_has_its_id on howdah.memories is
  'Leave subject_id out for the scope tenant.';
comment on constraint content_has_1_to_2000_characters on howdah.memories is
  'Write content as 1 to 2000 characters. Divide a longer text into several memories.';
comment on constraint a_superseded_memory_has_an_end on howdah.memories is
  'Correct a memory by howdah.correct_memory(id, content).';
comment on constraint a_source_has_a_run on howdah.memories is 'Only runs write source_seq.';

-- The words of valid memories, by which recall finds them.
create table howdah_private.memory_terms (
  subject_id uuid not null,
  memory_id uuid not null references howdah.memories (id) on delete cascade,
  term text collate "C" not null,
  primary key (subject_id, term, memory_id)
);
create index memory_terms_memory_id_idx on howdah_private.memory_terms (memory_id);
alter table howdah_private.memory_terms enable row level security, force row level security;
comment on table howdah_private.memory_terms is
  'Terms of valid memories, a row for each term of a memory. They are deleted with the memory, and '
  'when it is superseded.';
comment on column howdah_private.memory_terms.subject_id is 'The subject of the memory.';
comment on column howdah_private.memory_terms.memory_id is 'The memory.';
comment on column howdah_private.memory_terms.term is 'The stem of a word of the memory.';

-- Down Migration
drop table howdah_private.memory_terms;
drop table howdah.memories;
drop type howdah.memory_kind;
drop type howdah.memory_scope;
