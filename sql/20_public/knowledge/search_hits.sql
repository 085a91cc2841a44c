-- Shows what a recorded search found, and why: the place and the scores that each chunk had then,
-- and the words of the question that it has. The ranks of words and of vectors are not recorded, so
-- the words are found again. Text and words of a chunk that has changed since are unknown, unless
-- the step of a run has the text.

-- Returns the words of a question that a chunk of a base has, as its search counts them. Callers
-- may not read the index, and anybody may search a base of their tenant.
create or replace function howdah_private.words_of_question(
  base_id uuid, query text, chunk_number bigint
) returns text[]
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select f.terms from howdah.knowledge_bases as b
  join howdah.chunks as c on c.tenant_id = b.tenant_id and c.knowledge_base_id = b.id
    and c.number = words_of_question.chunk_number
  cross join lateral howdah_private.found_terms(c.number, array(
    select q.term from howdah_private.terms_of_query(b, words_of_question.query) as q)) as f
  where b.id = words_of_question.base_id and b.tenant_id = howdah.current_tenant()
$$;

create or replace function howdah.search_hits(search_id uuid) returns table (
  rank int, score float8, rerank_rank int, rerank_score float8, terms text[],
  knowledge_base_id uuid, knowledge_base text, document_id uuid, title text, heading_path text[],
  content text, chunk_seq int, is_current boolean
)
  language sql stable rows 10
  set search_path = pg_catalog, pg_temp
as $$
  with search as materialized (
    select s.*, howdah.searches_query(s) as question
    from howdah.searches as s where s.id = search_hits.search_id
  )
  select r.rank, r.score, r.rerank_rank, r.rerank_score,
    coalesce(howdah_private.words_of_question(r.knowledge_base_id, w.question, k.number), '{}'),
    r.knowledge_base_id, b.name, r.document_id, coalesce(t.found ->> 'title', d.title),
    coalesce(k.heading_path,
      array(select jsonb_array_elements_text(t.found -> 'headings')), '{}'),
    coalesce(t.found ->> 'text', k.content), k.seq, k.seq is not null
  from search as w
  join howdah.search_results as r on r.tenant_id = w.tenant_id and r.search_id = w.id
  left join howdah.steps as p on p.execution_id = w.execution_id and p.seq = w.step_seq
  cross join lateral (
    select p.output #> array['chunks', (r.rank - 1)::text] as found offset 0
  ) as t
  left join howdah.documents as d on d.tenant_id = r.tenant_id and d.id = r.document_id
  left join howdah.knowledge_bases as b
    on b.tenant_id = r.tenant_id and b.id = r.knowledge_base_id
  left join lateral (
    select n.number, n.seq, n.heading_path, n.content from howdah.chunks as n
    where n.tenant_id = r.tenant_id and n.document_id = r.document_id
      and md5(n.content) = r.digest
    order by n.number = r.chunk_number desc, n.seq limit 1
  ) as k on true
  order by r.rank
$$;
comment on function howdah.search_hits(uuid) is
  E'@behavior -filterProc -orderBy\n'
  'Returns what a search of howdah.searches found, the best first, and why: '
  'select rank, title, terms, content from howdah.search_hits(''…''). score, rerank_rank and '
  'rerank_score are those of the search; terms are the words of its query that the chunk has. '
  'is_current is false if the document no longer has the text, which then is null unless a run '
  'has read it.';
