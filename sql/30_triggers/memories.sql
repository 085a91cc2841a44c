-- Keeps the digest and the terms of memories, however a memory is written, and checks the memory
-- policies of agents.

create or replace function howdah_private.tg_memories__digest() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  new.digest := howdah_private.memory_digest(new.content);
  return new;
end $$;
create or replace trigger _100_digest before insert or update of content on howdah.memories
  for each row execute function howdah_private.tg_memories__digest();

-- Checks which agent reads the conversations of an agent (memory_policies.sql). JSON null means
-- that nobody does.
create or replace function howdah_private.tg_agents__check_memory_policy() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  new.memory_policy := nullif(new.memory_policy, 'null');
  if jsonb_typeof(new.memory_policy) = 'object' then
    new.memory_policy := howdah_private.checked_memory_policy(new);
  end if;
  return new;
end $$;
create or replace trigger _300_check_memory_policy
  before insert or update of memory_policy on howdah.agents
  for each row when (new.memory_policy is not null)
  execute function howdah_private.tg_agents__check_memory_policy();

-- Checks the working memory of an agent (pinned_memories.sql). A text that is too long by itself is
-- reported by its constraint.
create or replace function howdah_private.tg_agents__check_working_memory() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if length(new.working_memory) <= 2000
    and (tg_op = 'INSERT' or new.working_memory is distinct from old.working_memory) then
    perform howdah_private.check_working_memory(new);
  end if;
  return new;
end $$;
create or replace trigger _300_check_working_memory
  before insert or update of working_memory on howdah.agents
  for each row when (new.working_memory is not null)
  execute function howdah_private.tg_agents__check_working_memory();

-- Writes the terms of new memories, and deletes those of superseded ones.
create or replace function howdah_private.tg_memories__write_terms() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  delete from howdah_private.memory_terms as t where tg_op = 'UPDATE' and t.memory_id = new.id;
  insert into howdah_private.memory_terms (subject_id, memory_id, term)
  select new.subject_id, new.id, t.term from howdah_private.memory_words(new.content) as t (term)
  where new.superseded_by is null;
  return null;
end $$;
create or replace trigger _400_write_terms
  after insert or update of content, superseded_by on howdah.memories
  for each row execute function howdah_private.tg_memories__write_terms();

-- Says at what was approved from a memory that the memory was corrected, or holds again after the
-- erasure of its correction.
create or replace function howdah_private.tg_memories__mark_approved() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  update howdah.memories as c
  set origin_changed_at = case when new.superseded_by is not null then now() end
  where c.tenant_id = new.tenant_id and c.origin_id = new.id;
  return null;
end $$;
create or replace trigger _410_mark_approved
  after update of superseded_by on howdah.memories
  for each row
  when ((old.superseded_by is null) <> (new.superseded_by is null) and new.scope = 'agent')
  execute function howdah_private.tg_memories__mark_approved();

-- Says the same when the memory is forgotten: its foreign key has set origin_id to null.
create or replace function howdah_private.tg_memories__mark_forgotten_origin() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  new.origin_changed_at := now();
  return new;
end $$;
create or replace trigger _110_mark_forgotten_origin
  before update of origin_id on howdah.memories
  for each row when (old.origin_id is not null and new.origin_id is null)
  execute function howdah_private.tg_memories__mark_forgotten_origin();
