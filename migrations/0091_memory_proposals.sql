-- Up Migration
-- What an agent has learned, proposed to all agents of the tenant, and the copy of what a person
-- has approved.
create type howdah.proposal_status as enum ('open', 'approved', 'rejected');
comment on type howdah.proposal_status is
  'State of the proposal of a memory to the tenant: `open`, `approved` or `rejected`.';

alter table howdah.memories
  add column proposal_status howdah.proposal_status,
  add column proposed_at timestamptz,
  add column decided_at timestamptz,
  add column decided_by text,
  add column origin_id uuid,
  add column origin_changed_at timestamptz,
  add constraint memories_tenant_id_origin_id_fkey foreign key (tenant_id, origin_id)
    references howdah.memories (tenant_id, id) on delete set null (origin_id),
  add constraint only_memories_of_agents_are_proposed
    check (proposal_status is null or scope = 'agent'),
  add constraint a_proposal_has_a_time
    check ((proposal_status is null) = (proposed_at is null)),
  add constraint a_decision_has_a_time_and_an_author
    check (case when proposal_status <> 'open' then num_nulls(decided_at, decided_by) = 0
      else num_nonnulls(decided_at, decided_by) = 0 end),
  add constraint only_memories_of_the_tenant_have_an_origin
    check (num_nonnulls(origin_id, origin_changed_at) = 0 or scope = 'tenant');
create index memories_proposal_status_idx
  on howdah.memories (tenant_id, id) where proposal_status is not null;
create index memories_rejected_digest_idx
  on howdah.memories (tenant_id, digest) where proposal_status = 'rejected';
create index memories_decided_by_idx
  on howdah.memories (tenant_id, decided_by) where decided_by is not null;
create index memories_origin_id_idx
  on howdah.memories (tenant_id, origin_id) where origin_id is not null;
comment on constraint memories_tenant_id_origin_id_fkey on howdah.memories is
  E'@fieldName originMemory\n@foreignFieldName approvedMemories\n'
  'Approve the proposal of a memory by howdah.approve_memory(id).';
comment on column howdah.memories.proposal_status is
  'State of the proposal to the tenant, `open`, `approved` or `rejected`; null if the memory is not '
  'proposed: howdah.propose_memory(id).';
comment on column howdah.memories.proposed_at is 'Time of the proposal.';
comment on column howdah.memories.decided_at is 'Time of the approval or rejection.';
comment on column howdah.memories.decided_by is
  'Who approved or rejected the proposal: a user, else the API key, else the database login.';
comment on column howdah.memories.origin_id is
  'The memory of an agent that this memory of the tenant was approved from; null for others, and '
  'after that memory is forgotten.';
comment on column howdah.memories.origin_changed_at is
  'Time at which the memory that this one was approved from was corrected or forgotten; null while '
  'it holds.';
comment on constraint only_memories_of_agents_are_proposed on howdah.memories is
  'Propose memories of the scope agent.';
comment on constraint a_proposal_has_a_time on howdah.memories is
  'Propose a memory by howdah.propose_memory(id).';
comment on constraint a_decision_has_a_time_and_an_author on howdah.memories is
  'Decide about a proposal by howdah.approve_memory(id) or howdah.reject_memory(id).';
comment on constraint only_memories_of_the_tenant_have_an_origin on howdah.memories is
  'Approve the proposal of a memory by howdah.approve_memory(id).';

-- Down Migration
alter table howdah.memories
  drop column proposal_status, drop column proposed_at, drop column decided_at,
  drop column decided_by, drop column origin_id, drop column origin_changed_at;
drop type howdah.proposal_status;
