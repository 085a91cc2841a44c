-- Deletes the vectors of retired generations in batches, each in a transaction of its own, so that
-- a base of a million chunks holds no long transaction.

-- Deletes at most this many vectors and due chunks of the generation that was retired first, and
-- the generation after its last one. Returns how many rows are gone; 0 in a pause, if there is
-- nothing to do, or if another worker does it.
--
-- `deleted_up_to` saves reading the entries that earlier batches have deleted. A row that another
-- transaction has locked is passed over: it is deleted with its chunk, or in a second pass.
create or replace function howdah_private.delete_retired_embeddings(at_most int) returns int
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
as $$
declare
  v_generation howdah_private.embedding_generations;
  v_last bigint;
  v_count int;
begin
  select g.* into v_generation from howdah_private.embedding_generations as g
  where g.retired_at is not null and not howdah_private.is_batch_job_paused('delete_vector')
  order by g.retired_at limit 1 for update skip locked;
  if v_generation.id is null then
    return 0;
  end if;
  v_last := howdah_private.last_retired_chunk(v_generation, delete_retired_embeddings.at_most);
  v_count := howdah_private.delete_embeddings_up_to(v_generation, v_last);
  if v_last is not null then
    update howdah_private.embedding_generations as g set deleted_up_to = v_last
    where g.id = v_generation.id;
  elsif exists (
      select from howdah_private.chunk_embeddings as e where e.generation_id = v_generation.id)
    or exists (
      select from howdah_private.due_embeddings as d where d.generation_id = v_generation.id) then
    update howdah_private.embedding_generations as g set deleted_up_to = 0
    where g.id = v_generation.id;
  else
    delete from howdah_private.embedding_generations as g where g.id = v_generation.id;
    v_count := v_count + 1;
  end if;
  return v_count;
end $$;

-- Returns the chunk with which a batch of this size ends; null if fewer rows are left.
create or replace function howdah_private.last_retired_chunk(
  generation howdah_private.embedding_generations, at_most int
) returns bigint
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select r.chunk_number from (
    (select e.chunk_number from howdah_private.chunk_embeddings as e
      where e.generation_id = generation.id and e.chunk_number > generation.deleted_up_to
      order by e.chunk_number limit last_retired_chunk.at_most)
    union all
    (select d.chunk_number from howdah_private.due_embeddings as d
      where d.generation_id = generation.id and d.chunk_number > generation.deleted_up_to
      order by d.chunk_number limit last_retired_chunk.at_most)
  ) as r
  order by r.chunk_number offset last_retired_chunk.at_most - 1 limit 1
$$;

-- Deletes the rows of a batch. Returns how many.
create or replace function howdah_private.delete_embeddings_up_to(
  generation howdah_private.embedding_generations, chunk_number bigint
) returns int
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $$
  with vectors as (
    delete from howdah_private.chunk_embeddings as e
    where (e.generation_id, e.chunk_number) in (
      select o.generation_id, o.chunk_number from howdah_private.chunk_embeddings as o
      where o.generation_id = generation.id and o.chunk_number > generation.deleted_up_to
        and (delete_embeddings_up_to.chunk_number is null
          or o.chunk_number <= delete_embeddings_up_to.chunk_number)
      for update skip locked)
    returning 1
  ),
  due as (
    delete from howdah_private.due_embeddings as d
    where (d.generation_id, d.chunk_number) in (
      select o.generation_id, o.chunk_number from howdah_private.due_embeddings as o
      where o.generation_id = generation.id and o.chunk_number > generation.deleted_up_to
        and (delete_embeddings_up_to.chunk_number is null
          or o.chunk_number <= delete_embeddings_up_to.chunk_number)
      for update skip locked)
    returning 1
  )
  select ((select count(*) from vectors) + (select count(*) from due))::int
$$;
