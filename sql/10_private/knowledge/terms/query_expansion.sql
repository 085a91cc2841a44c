-- Expansion of queries by pseudo-relevance feedback (RM3): the chunks that fit a query best are
-- taken as relevant, and their most frequent terms are added to the query with a small weight. So a
-- search finds chunks that say the same in other words. `ranking.expansion` of a base turns it on.

-- Returns the terms of a query with their weights. Without expansion, these are their frequencies.
-- With it, the weights of the query and those of the added terms are in the ratio keep : 1 - keep.
-- Parts of compounds are not added.
create or replace function howdah_private.query_terms(base howdah.knowledge_bases, query text)
  returns table (
    term text, frequency float8, twins text[], left_out bigint, whole text, part text
  )
  language plpgsql stable rows 20
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_options jsonb := base.ranking -> 'expansion';
  v_keep float8 := coalesce((v_options ->> 'keep')::float8, 0.7);
  v_base howdah.knowledge_bases := base;
begin
  if v_options is null then
    return query
    select t.* from howdah_private.terms_of_query(base, query_terms.query) as t;
    return;
  end if;
  v_base.ranking := '{}';
  return query
  with asked as materialized (
    select t.*, sum(t.frequency) over () as length
    from howdah_private.terms_of_query(base, query_terms.query) as t
  ),
  relevant as materialized (
    select f.chunk_number, f.score / sum(f.score) over () as weight
    from howdah_private.search_base(v_base, query_terms.query,
      coalesce((v_options ->> 'chunks')::numeric::int, 5), '{}') as f
  ),
  added as materialized (
    select t.term, sum(r.weight * t.frequency / t.length) as weight
    from relevant as r join howdah_private.chunk_terms as t on t.chunk_number = r.chunk_number
    where strpos(t.term, '+ ') = 0
    group by t.term order by weight desc, t.term
    limit coalesce((v_options ->> 'terms')::numeric::int, 10)
  )
  select coalesce(q.term, a.term),
    v_keep * coalesce(q.frequency, 0)
      + (1 - v_keep) * coalesce(a.weight / (select sum(s.weight) from added as s), 0)
        * (select max(s.length) from asked as s),
    coalesce(q.twins, '{}'), coalesce(q.left_out, 0), q.whole, q.part
  from asked as q full join added as a on a.term = q.term;
end $$;
