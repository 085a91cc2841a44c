-- Keeps the digest and the terms of memories, however a memory is written.

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
