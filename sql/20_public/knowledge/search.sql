-- Search in knowledge bases: BM25 over the terms of chunks (k1 1.2, b 0.75).
--
--   score of a chunk = sum over its terms of the query of
--     n × ln(1 + (N - df + 0.5) / (df + 0.5))
--       × tf × 2.2 / (tf + 1.2 × (0.25 + 0.75 × length / mean))
--
-- n is how often the query has the term, tf how often the chunk has it, df how many chunks have it,
-- N the number of chunks of the base, mean their mean length. A chunk needs one of the terms: a
-- question in natural language has words that no document has. All numbers are exact, since they
-- are counted by the statement itself, or are sums that change with the chunks.
--
-- In a base with several languages, df is that of a word in all of them, and N and mean are those
-- of the whole base. So scores of chunks in different languages can be compared. A word within
-- German compounds is a term of its own with the same df, for which n is 0.4 times as high
-- (10_private/knowledge/terms/compound_terms.sql).
--
-- Row security would read all chunks of a tenant for an operator that is not leakproof, so the
-- search is a function of the engine. It checks the tenant itself.

-- Returns the numbers of the chunks of a base whose documents have the metadata, or null if there
-- are more than 10,000.
create or replace function howdah_private.chunks_with_metadata(
  base howdah.knowledge_bases, filter jsonb
) returns bigint[]
  language sql stable
  set search_path = pg_catalog, pg_temp set jit = off
as $$
  with matching as (
    select c.number from howdah.documents as d
    join howdah.chunks as c on c.tenant_id = d.tenant_id and c.document_id = d.id
    where d.tenant_id = base.tenant_id and d.knowledge_base_id = base.id
      and d.metadata @> chunks_with_metadata.filter
    limit 10001
  )
  select case when count(*) <= 10000 then coalesce(array_agg(m.number), '{}') end
  from matching as m
$$;

-- Returns the best chunks of a knowledge base. With a filter that few chunks pass, only these are
-- scored. With one that many pass, chunks are read in the order of their scores until enough of
-- them pass; `offset 0` keeps the planner from reading all documents instead. The numbers are in a
-- subquery, which is hashed.
--
-- A chunk that has a word both as a whole and as a part of a compound is counted once.
--
-- The postings of a term are read twice, since its weight depends on their number: counting in the
-- index is faster than keeping them. The arithmetic of each posting is in float8. With a literal
-- such as 0.3, which is numeric, a search takes nearly twice as long.
create or replace function howdah_private.search_base(
  base howdah.knowledge_bases, query text, k int, filter jsonb
) returns table (chunk_number bigint, score float8)
  language plpgsql stable
  set search_path = pg_catalog, pg_temp set jit = off set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
declare
  v_chunks float8;
  v_length_factor float8;
  v_numbers bigint[];
begin
  select sum(s.chunks), 0.9 * sum(s.chunks) / nullif(sum(s.terms), 0)
  into v_chunks, v_length_factor
  from howdah_private.knowledge_base_sizes as s where s.knowledge_base_id = base.id;
  if search_base.filter <> '{}' then
    v_numbers := howdah_private.chunks_with_metadata(base, search_base.filter);
  end if;
  return query
  with terms as materialized (
    select q.term, q.frequency * ln(1 + (v_chunks - f.chunks + 0.5) / (f.chunks + 0.5)) * 2.2
      as weight
    from howdah_private.query_terms(base, search_base.query) as q
    cross join lateral (
      select least(count(*) + q.left_out - (
          select count(*) from howdah_private.chunk_terms as p
          join howdah_private.chunk_terms as w on w.knowledge_base_id = base.id
            and w.term = q.whole and w.chunk_number = p.chunk_number
          where p.knowledge_base_id = base.id and p.term = q.part), v_chunks)::float8 as chunks
      from howdah_private.chunk_terms as t
      where t.knowledge_base_id = base.id and t.term = any (q.term || q.twins)
    ) as f
  ),
  scored as (
    select t.chunk_number, sum(q.weight * t.frequency
      / (t.frequency + (0.3::float8 + v_length_factor * t.length))) as score
    from terms as q join howdah_private.chunk_terms as t
      on t.knowledge_base_id = base.id and t.term = q.term
    where v_numbers is null or t.chunk_number in (select u.n from unnest(v_numbers) as u (n))
    group by t.chunk_number
  ),
  best as (select s.* from scored as s order by s.score desc, s.chunk_number offset 0)
  select b.chunk_number, b.score from best as b
  where search_base.filter = '{}' or v_numbers is not null or exists (
    select from howdah.chunks as c join howdah.documents as d on d.id = c.document_id
    where c.number = b.chunk_number and d.metadata @> search_base.filter offset 0)
  limit search_base.k;
end $$;

-- Refuses arguments of a search that are missing or out of range.
create or replace function howdah_private.check_knowledge_search(
  query text, k int, filter jsonb, mode text
) returns void
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_field text := case
    when mode not in ('text', 'vector', 'hybrid') then 'mode'
    when query is null or query !~ '\S' or length(query) > 10000 then 'query'
    when (k between 1 and 1000) is not true then 'k'
    when jsonb_typeof(filter) is distinct from 'object' then 'filter' end;
begin
  if v_field is null then
    return;
  end if;
  raise exception using errcode = 'HWINV',
    message = case v_field
      when 'mode' then format('mode must be hybrid, text or vector, not %L', mode)
      when 'query' then 'query must have 1 to 10000 characters, and a word'
      when 'k' then format('k must be from 1 to 1000, not %s', coalesce(k::text, 'null'))
      else 'filter must be a JSON object' end,
    detail = jsonb_build_object('field', v_field)::text,
    hint = case v_field
      when 'mode' then 'Leave mode out: a base with vectors is searched by both words and vectors.'
      when 'query' then 'Ask in words that may occur in the documents.'
      when 'k' then 'k is the number of chunks to return; the default is 10.'
      else 'Name what the metadata of documents contains, such as {"year": 2026}.' end;
end $$;

-- Returns the words of a chunk among terms, and those of them that it has within compounds only.
create or replace function howdah_private.found_terms(
  chunk_number bigint, wanted text[], out terms text[], out parts text[]
)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  with words as (
    select substr(t.term, strpos(t.term, ' ') + 1) as word,
      bool_and(strpos(t.term, '+ ') > 0) as is_part
    from howdah_private.chunk_terms as t
    where t.chunk_number = found_terms.chunk_number and t.term = any (found_terms.wanted)
    group by 1
  )
  select coalesce(array_agg(w.word order by w.word), '{}'),
    coalesce(array_agg(w.word order by w.word) filter (where w.is_part), '{}')
  from words as w
$$;

-- Returns the best chunks of bases, with what their ranks say.
create or replace function howdah_private.best_chunks(
  ids uuid[], query text, k int, filter jsonb, mode text, rerank boolean default true
) returns table (
  rank int, knowledge_base_id uuid, document_id uuid, chunk_number bigint, score float8,
  rerank_rank int, rerank_score float8, rerank_error jsonb, content text, ranks jsonb
)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  with best as materialized (
    select f.*, row_number() over (order by f.score desc, f.rerank_rank, f.chunk_number) as rank
    from howdah_private.rerank_chunks(best_chunks.ids, best_chunks.query, best_chunks.k,
      best_chunks.filter, best_chunks.mode, best_chunks.rerank) as f
    order by f.score desc, f.rerank_rank, f.chunk_number limit best_chunks.k
  ),
  terms as materialized (
    select b.id, q.term from howdah.knowledge_bases as b
    cross join lateral howdah_private.terms_of_query(b, best_chunks.query) as q
    where b.id in (select f.knowledge_base_id from best as f)
  )
  select b.rank::int, b.knowledge_base_id, c.document_id, b.chunk_number, b.score, b.rerank_rank,
    b.rerank_score, b.rerank_error, c.content, jsonb_strip_nulls(jsonb_build_object(
      'text', case when b.text_rank is not null then jsonb_build_object(
        'rank', b.text_rank, 'score', round(b.text_score::numeric, 4),
        'terms', f.terms, 'parts', nullif(f.parts, '{}')) end,
      'vector', case when b.vector_rank is not null then jsonb_build_object(
        'rank', b.vector_rank, 'score', round(b.vector_score::numeric, 4)) end,
      'fused', case when b.fused_rank is not null then jsonb_build_object(
        'rank', b.fused_rank, 'score', round(b.fused_score::numeric, 4)) end,
      'rerank', case when b.fused_rank is not null then jsonb_build_object(
        'rank', b.rerank_rank, 'score', round(b.rerank_score::numeric, 4),
        'error', b.rerank_error) end))
  from best as b
  join howdah.chunks as c on c.number = b.chunk_number
  cross join lateral howdah_private.found_terms(b.chunk_number, array(
    select q.term from terms as q where q.id = b.knowledge_base_id)) as f
$$;

-- Searches the knowledge bases of a tenant with these names, all of them for null, and records the
-- search (10_private/knowledge/record_search.sql).
create or replace function howdah.search(
  bases text[], query text, k int default 10, filter jsonb default '{}', mode text default null
) returns table (
  document_id uuid, chunk_seq int, content text, score float8, ranks jsonb, knowledge_base text,
  title text, heading_path text[], start_offset int, end_offset int, trust howdah.trust
)
  language plpgsql stable security definer rows 10
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_ids uuid[];
  v_results howdah.search_results[];
  v_ranks jsonb[];
  v_rerank_error text;
begin
  perform howdah_private.check_knowledge_search(search.query, search.k, search.filter, search.mode);
  v_ids := case when search.bases is null then array(
      select b.id from howdah.knowledge_bases as b where b.tenant_id = howdah.current_tenant())
    else array(select howdah.knowledge_base(n.name) from unnest(search.bases) as n (name)) end;
  perform howdah_private.check_search_mode(v_ids, search.query, search.mode);
  perform set_config('howdah.repeated_searches', '', true); -- search_vectors may set it
  select array_agg(row(null, null, f.rank, null, f.knowledge_base_id, f.document_id,
      f.chunk_number, f.score, md5(f.content), f.rerank_score, f.rerank_rank,
      null)::howdah.search_results order by f.rank),
    array_agg(f.ranks order by f.rank), max(f.rerank_error ->> 'code')
  into v_results, v_ranks, v_rerank_error
  from howdah_private.best_chunks(v_ids, search.query, search.k, search.filter, search.mode) as f;
  perform howdah_private.record_search(v_ids, search.query, search.k, search.filter, search.mode,
    v_rerank_error, v_results);
  return query
  select c.document_id, c.seq, c.content, f.score, v_ranks[f.rank], b.name, d.title,
    c.heading_path, c.start_offset, c.end_offset, greatest(c.trust, b.trust)
  from unnest(v_results) as f
  join howdah.knowledge_bases as b on b.id = f.knowledge_base_id
  join howdah.chunks as c on c.number = f.chunk_number
  join howdah.documents as d on d.id = c.document_id
  order by f.rank;
end $$;
comment on function howdah.search(text[], text, int, jsonb, text) is
  E'@behavior -filterProc -orderBy\n'
  'Returns the chunks of knowledge bases that fit a question best, at most k: '
  'select title, content from howdah.search(''{handbook}'', ''how long is a refund possible?''). '
  'bases are names, null for all. Only documents whose metadata contains filter are searched. '
  'mode is hybrid (words and vectors), text or vector; by default hybrid if base and query have '
  'vectors (howdah.embed_query), else text. ranks says why, for text and vector: the rank, the '
  'score (BM25, the cosine) and the terms of the query that the chunk has; parts are those that it '
  'has within German compounds only. If the base has a '
  'reranker, fused has the rank and score without it, and rerank its rank and score, or the error '
  'that says why it changed nothing (howdah.rerank_query). A search is a row of howdah.searches, '
  'except in a read-only transaction and where records_searches of a base is false.';
