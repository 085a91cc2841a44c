-- Up Migration
-- Memories that an agent always sees: they are in the prompt of each of its runs.
alter table howdah.memories
  add column is_pinned boolean not null default false,
  add constraint only_trusted_memories_of_agents_are_pinned
    check (not is_pinned or (scope = 'agent' and trust <> 'external' and superseded_by is null));
create index memories_is_pinned_idx on howdah.memories (tenant_id, agent_id, id) where is_pinned;
comment on column howdah.memories.is_pinned is
  'True if the memory is in the prompt of every run of its agent: howdah.pin_memory(id).';
comment on constraint only_trusted_memories_of_agents_are_pinned on howdah.memories is
  'Pin a valid memory about an agent that no external content has shaped.';

-- The pinned memories that a run was given, by id, so that a memory that is forgotten leaves no
-- copy of its text.
create table howdah_private.run_memories (
  execution_id uuid not null,
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  handoffs int not null,
  memory_ids uuid[] not null,
  primary key (execution_id, handoffs)
);
create index run_memories_tenant_id_idx on howdah_private.run_memories (tenant_id);
alter table howdah_private.run_memories enable row level security, force row level security;
comment on table howdah_private.run_memories is
  'The pinned memories in the prompts of runs. They are set when the run starts, and when it is '
  'handed over, so that all requests of an agent in a run have the same prompt.';
comment on column howdah_private.run_memories.execution_id is 'The run.';
comment on column howdah_private.run_memories.handoffs is
  'Number of handoffs before: 0 for the agent that the run began with.';
comment on column howdah_private.run_memories.memory_ids is
  'The memories in the order of the prompt. A memory that is forgotten is shown without its text.';

-- Down Migration
drop table howdah_private.run_memories;
alter table howdah.memories
  drop constraint only_trusted_memories_of_agents_are_pinned,
  drop column is_pinned;
