-- Search by vectors. An index by pgvector finds the candidates if the base has one
-- (vectors/vector_indexes.sql). Otherwise signs do, which needs no extension: each row has a bit
-- for the sign of each dimension, and bit_count of the difference from the signs of the query is
-- about the distance of the vectors. Either way the candidates are compared exactly, so a chunk has
-- the same score.
--
-- Queries are embedded by workers, since the database calls no model: howdah.embed_query asks for
-- the vector of a query, and searches find it in query_embeddings.

-- Returns the chunks of a generation that are nearest to a vector, by the cosine. With a filter
-- that few chunks pass, only these are compared, and otherwise those that pass, from the nearest.
--
-- An index may find fewer chunks than there are, and any of several that are equally near. Then the
-- signs decide, as they do without an index.
create or replace function howdah_private.search_vectors(
  base howdah.knowledge_bases, generation_id uuid, vector real[], k int, filter jsonb
) returns table (chunk_number bigint, score float8)
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_generation howdah_private.embedding_generations;
  v_wanted constant int := search_vectors.k + 50; -- the nearest k are surely among them
  v_numbers bigint[];
  v_candidates bigint[];
  v_chunks bigint[];
  v_scores float8[];
begin
  select g.* into v_generation from howdah_private.embedding_generations as g
  where g.id = search_vectors.generation_id;
  if search_vectors.filter <> '{}' then
    v_numbers := howdah_private.chunks_with_metadata(base, search_vectors.filter);
  end if;
  if v_numbers is null then
    v_candidates := howdah_private.nearest_by_index(
      v_generation, search_vectors.vector, v_wanted, search_vectors.filter);
  end if;
  if v_candidates is not null then
    select array_agg(s.chunk_number order by s.score desc, s.chunk_number),
      array_agg(s.score order by s.score desc, s.chunk_number)
    into v_chunks, v_scores
    from howdah_private.score_chunks(v_generation.id, search_vectors.vector, v_candidates) as s;
    if v_scores[v_wanted] < v_scores[search_vectors.k] then
      return query
      select f.chunk_number, f.score
      from unnest(v_chunks[:search_vectors.k], v_scores[:search_vectors.k])
        as f (chunk_number, score);
      return;
    end if;
    perform set_config('howdah.repeated_searches', 'true', true); -- call_knowledge_search reads it
  end if;
  v_candidates := howdah_private.nearest_by_signs(v_generation, search_vectors.vector,
    greatest(200, search_vectors.k), search_vectors.filter, v_numbers);
  return query
  select s.chunk_number, s.score
  from howdah_private.score_chunks(v_generation.id, search_vectors.vector, v_candidates) as s
  order by s.score desc, s.chunk_number limit search_vectors.k;
end $$;

-- Returns the chunks whose signs differ least from those of a vector, among the given ones or those
-- that pass a filter.
create or replace function howdah_private.nearest_by_signs(
  generation howdah_private.embedding_generations, vector real[], at_most int, filter jsonb,
  numbers bigint[]
) returns bigint[]
  language plpgsql stable
  set search_path = pg_catalog, pg_temp set jit = off set plan_cache_mode = force_custom_plan
as $$
declare
  v_signs bit varying := howdah_private.sign_bits(nearest_by_signs.vector, generation.center);
begin
  if nearest_by_signs.numbers is null and nearest_by_signs.filter <> '{}' then
    return array(
      select n.chunk_number from (
        select e.chunk_number from howdah_private.chunk_embeddings as e
        where e.generation_id = generation.id
        order by bit_count(e.signs # v_signs), e.chunk_number offset 0
      ) as n
      where exists (
        select from howdah.chunks as c join howdah.documents as d on d.id = c.document_id
        where c.number = n.chunk_number and d.metadata @> nearest_by_signs.filter)
      limit nearest_by_signs.at_most);
  end if;
  return array(
    select e.chunk_number from howdah_private.chunk_embeddings as e
    where e.generation_id = generation.id and (nearest_by_signs.numbers is null
      or e.chunk_number = any ((select nearest_by_signs.numbers)::bigint[]))
    order by bit_count(e.signs # v_signs), e.chunk_number limit nearest_by_signs.at_most);
end $$;

-- Returns the cosine of a vector and those of chunks.
create or replace function howdah_private.score_chunks(
  generation_id uuid, vector real[], numbers bigint[]
) returns table (chunk_number bigint, score float8)
  language sql stable
  set search_path = pg_catalog, pg_temp set jit = off
as $$
  select e.chunk_number, s.score
  from howdah_private.chunk_embeddings as e
  cross join lateral (
    select sum(d.stored * d.asked)::float8 as score
    from unnest(e.vector, score_chunks.vector) as d (stored, asked)
  ) as s
  where e.generation_id = score_chunks.generation_id
    and e.chunk_number = any (score_chunks.numbers)
$$;

-- Returns the legs of a search in a base, with their weights. The mode of a base is hybrid if both
-- it and the query have vectors, and text otherwise. A leg of weight 0 is not searched, and the
-- mode vector searches no words.
create or replace function howdah_private.search_legs(
  base howdah.knowledge_bases, query text, mode text
) returns table (
  generation_id uuid, vector real[], text_weight float8, vector_weight float8
)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  with found as (
    select g.id, q.vector from howdah_private.embedding_generations as g
    join howdah_private.query_embeddings as q on q.tenant_id = g.tenant_id
      and q.model_digest = g.model_digest and q.digest = md5(search_legs.query)
    where g.tenant_id = base.tenant_id and g.knowledge_base_id = base.id and g.is_current
      and g.dimensions = cardinality(q.vector) and search_legs.mode is distinct from 'text'
  ),
  weights as (
    select coalesce((base.ranking #>> '{weights,text}')::float8, 8) as text,
      coalesce((base.ranking #>> '{weights,vector}')::float8, 1) as vector
  )
  select f.id, f.vector,
    case when search_legs.mode = 'vector' then 0 when f.id is null then 1
      else w.text / (w.text + w.vector) end,
    case when f.id is null then 0 when search_legs.mode = 'vector' then 1
      else w.vector / (w.text + w.vector) end
  from weights as w left join found as f on true
$$;

-- Returns the mode that a search with this mode, or with none, has now.
create or replace function howdah_private.mode_of_search(ids uuid[], query text, mode text)
  returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select case when mode_of_search.mode = 'vector' then 'vector'
    when bool_or(l.vector_weight > 0) then 'hybrid' else 'text' end
  from howdah.knowledge_bases as b
  cross join lateral howdah_private.search_legs(b, mode_of_search.query, mode_of_search.mode) as l
  where b.id = any (mode_of_search.ids)
$$;

-- Returns the score of a chunk by reciprocal rank fusion: the sum of weight / (60 + rank), times
-- 61, so that the first chunk of both rankings has the score 1. A missing chunk has no rank.
create or replace function howdah_private.fused_score(
  text_weight float8, text_rank bigint, vector_weight float8, vector_rank bigint
) returns float8
  language sql immutable
  return 61 * (coalesce(text_weight / (60 + text_rank), 0)
    + coalesce(vector_weight / (60 + vector_rank), 0));

-- Searches bases by words, vectors or both, and returns at least the best k chunks of each leg. If
-- both are searched, chunks are ranked by both.
create or replace function howdah_private.rank_chunks(
  ids uuid[], query text, k int, filter jsonb, mode text
) returns table (
  knowledge_base_id uuid, chunk_number bigint, score float8, text_rank bigint, text_score float8,
  vector_rank bigint, vector_score float8
)
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_has_text boolean;
  v_has_vectors boolean;
  v_depth int;
begin
  select coalesce(bool_or(l.text_weight > 0), false), coalesce(bool_or(l.vector_weight > 0), false)
  into v_has_text, v_has_vectors
  from howdah.knowledge_bases as b
  cross join lateral howdah_private.search_legs(b, rank_chunks.query, rank_chunks.mode) as l
  where b.id = any (rank_chunks.ids);
  v_depth := case when v_has_text and v_has_vectors then greatest(rank_chunks.k, 100)
    else rank_chunks.k end;
  return query
  with bases as materialized (
    select b as base, b.id, l.* from howdah.knowledge_bases as b
    cross join lateral howdah_private.search_legs(b, rank_chunks.query, rank_chunks.mode) as l
    where b.id = any (rank_chunks.ids)
  ),
  texts as (
    select b.id, b.text_weight as weight, f.chunk_number, f.score,
      row_number() over (order by f.score desc, f.chunk_number) as rank
    from bases as b
    cross join lateral howdah_private.search_base(
      b.base, rank_chunks.query, v_depth, rank_chunks.filter) as f
    where b.text_weight > 0
  ),
  vectors as (
    select b.id, b.vector_weight as weight, f.chunk_number, f.score,
      row_number() over (order by f.score desc, f.chunk_number) as rank
    from bases as b
    cross join lateral howdah_private.search_vectors(
      b.base, b.generation_id, b.vector, v_depth, rank_chunks.filter) as f
    where b.vector_weight > 0
  )
  select coalesce(t.id, v.id), coalesce(t.chunk_number, v.chunk_number),
    case when v_has_text and v_has_vectors
      then howdah_private.fused_score(t.weight, t.rank, v.weight, v.rank)
      else coalesce(t.score, v.score) end,
    t.rank, t.score, v.rank, v.score
  from texts as t full join vectors as v on v.chunk_number = t.chunk_number;
end $$;

-- Refuses the modes vector and hybrid for a base without vectors, and for a query without one. A
-- base that waits for no vectors, such as an empty one, is no obstacle.
create or replace function howdah_private.check_search_mode(ids uuid[], query text, mode text)
  returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_base record;
begin
  if coalesce(check_search_mode.mode, 'text') = 'text' then
    return;
  end if;
  select b.name, b.embedding_model_id, g.dimensions is not null as has_vectors into v_base
  from howdah.knowledge_bases as b
  cross join lateral howdah_private.search_legs(
    b, check_search_mode.query, check_search_mode.mode) as l
  left join howdah_private.embedding_generations as g
    on g.tenant_id = b.tenant_id and g.knowledge_base_id = b.id and g.is_current
  where b.id = any (check_search_mode.ids) and l.generation_id is null
    and (g.id is null or g.dimensions is not null or exists (
      select from howdah_private.due_embeddings as d
      where d.generation_id = g.id and d.due_at < 'infinity'))
  order by g.dimensions is not null, b.name limit 1;
  if v_base.has_vectors then
    raise exception using errcode = 'HWCNF', message = 'the query has no vector yet',
      detail = jsonb_build_object('field', 'mode', 'knowledge_base', v_base.name)::text,
      hint = 'Call howdah.embed_query with the same bases and query until it returns ready, and '
        'search again. Or leave mode out.';
  elsif v_base.name is not null then
    raise exception using errcode = 'HWINV',
      message = format('the knowledge base %L has no vectors', v_base.name),
      detail = jsonb_build_object('field', 'mode', 'knowledge_base', v_base.name)::text,
      hint = case when v_base.embedding_model_id is null
        then 'Set its embedding_model_id to a model of purpose embedding, or leave mode out.'
        else 'A worker is making them: see vectors in howdah.knowledge_bases_state. '
          'Until then, leave mode out.' end;
  end if;
end $$;
