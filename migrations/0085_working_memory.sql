-- Up Migration
-- A text that an agent always sees, before its pinned memories.
alter table howdah.agents
  add column working_memory text,
  add constraint working_memory_has_1_to_2000_characters
    check (length(working_memory) between 1 and 2000 and working_memory ~ '\S');
create index agents_working_memory_idx on howdah.agents (id) where working_memory is not null;
comment on column howdah.agents.working_memory is
  'A note that is in the prompt of every run of this agent that starts from now on, before its '
  'pinned memories. Both have at most 2,000 characters together. It is in no version of the agent.';
comment on constraint working_memory_has_1_to_2000_characters on howdah.agents is
  'Write a text of 1 to 2,000 characters, or null.';
alter table howdah_private.run_memories add column working_memory text;
comment on column howdah_private.run_memories.working_memory is
  'The working memory of the agent, which comes first in the prompt. Null if the agent had none.';

-- Down Migration
-- Row-level security applies to the owner as well.
alter table howdah_private.run_memories no force row level security;
delete from howdah_private.run_memories where memory_ids = '{}';
alter table howdah_private.run_memories force row level security;
alter table howdah_private.run_memories drop column working_memory;
alter table howdah.agents
  drop constraint working_memory_has_1_to_2000_characters,
  drop column working_memory;
