-- The ranking of a search with rerankers: models that order the best chunks of a base again.
--
--   rank_chunks        → the fused ranking (vector_search.sql)
--   rerank_candidates  → the best chunks of each base with a reranker. Bases with the same model
--                        are one group, which one call of the model ranks
--   query_rankings     → how the model ranked a group, if a worker has called it before
--                        (query_rankings.sql)
--   rerank_chunks      → hands out the scores of a group anew: the highest of them to the chunk
--                        that the model ranks first, and so on
--
-- So scores stay comparable among bases, whatever the scale of a model, and quotas and weights
-- apply as before. Without a ranking of a group, its chunks keep their order, and say why.
--
-- The number of a chunk means the same text for ever. A change of a document therefore changes the
-- digest of its group, and a ranking is of exactly the texts that the model was sent.

-- Refuses a model that does not rerank.
create or replace function howdah_private.check_reranks(m howdah.models, field text) returns void
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if m.purpose <> 'rerank' then
    raise exception using errcode = 'HWINV',
      message = format('the model %L has the purpose %s, not rerank', m.name, m.purpose),
      detail = jsonb_build_object('field', check_reranks.field, 'purpose', m.purpose)::text,
      hint = 'Choose a model of purpose rerank, such as howdah.model(''rerank''), or null for '
        'none.';
  end if;
end $$;

-- Returns the bases with a reranker, with the model.
create or replace function howdah_private.rerankers_of(ids uuid[])
  returns table (
    tenant_id uuid, knowledge_base_id uuid, candidates int, model_digest text, model jsonb
  )
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select b.tenant_id, b.id, b.rerank_candidates, howdah_private.embedding_digest(d.model), d.model
  from howdah.knowledge_bases as b
  join howdah.models as m on m.tenant_id = b.tenant_id and m.id = b.rerank_model_id
  cross join lateral (select howdah_private.model_definition(m, '{}') as model) as d
  where b.id = any (rerankers_of.ids) and m.purpose = 'rerank'
$$;

-- Returns the digest by which the ranking of a group is found.
create or replace function howdah_private.ranking_digest(query text, numbers bigint[]) returns text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select md5(jsonb_build_array(ranking_digest.query, to_jsonb(ranking_digest.numbers))::text)
$$;

-- Returns the fused ranking. The candidates of a group have its digest and their rank in it, at
-- most 100 in a group.
create or replace function howdah_private.rerank_candidates(
  ids uuid[], query text, k int, filter jsonb, mode text
) returns table (
  knowledge_base_id uuid, chunk_number bigint, score float8, text_rank bigint, text_score float8,
  vector_rank bigint, vector_score float8, fused_rank bigint, tenant_id uuid, model_digest text,
  group_rank int
)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  with rerankers as materialized (
    select * from howdah_private.rerankers_of(rerank_candidates.ids)
  ),
  fused as (
    select f.*, r.tenant_id, r.candidates, r.model_digest,
      row_number() over (order by f.score desc, f.chunk_number) as fused_rank,
      row_number() over (
        partition by f.knowledge_base_id order by f.score desc, f.chunk_number) as base_rank
    from howdah_private.rank_chunks(rerank_candidates.ids, rerank_candidates.query,
      greatest(rerank_candidates.k, (select max(r.candidates) from rerankers as r)),
      rerank_candidates.filter, rerank_candidates.mode) as f
    left join rerankers as r on r.knowledge_base_id = f.knowledge_base_id
  ),
  placed as (
    select f.*, row_number() over (
      partition by f.model_digest, f.base_rank <= f.candidates
      order by f.score desc, f.chunk_number) as group_rank
    from fused as f
  ),
  marked as (
    select p.*, coalesce(p.base_rank <= p.candidates and p.group_rank <= 100, false) as is_candidate
    from placed as p
  )
  select m.knowledge_base_id, m.chunk_number, m.score, m.text_rank, m.text_score, m.vector_rank,
    m.vector_score, m.fused_rank, m.tenant_id, case when m.is_candidate then m.model_digest end,
    case when m.is_candidate then m.group_rank::int end
  from marked as m
$$;

-- Returns the groups that a search asks models to rank, the candidates in order.
create or replace function howdah_private.groups_to_rerank(
  ids uuid[], query text, k int, filter jsonb, mode text
) returns table (
  tenant_id uuid, knowledge_base_id uuid, model_digest text, model jsonb, digest text,
  chunk_numbers bigint[]
)
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  if not exists (select from howdah_private.rerankers_of(groups_to_rerank.ids)) then
    return;
  end if;
  return query
  with groups as (
    select c.model_digest, array_agg(c.chunk_number order by c.group_rank) as numbers
    from howdah_private.rerank_candidates(groups_to_rerank.ids, groups_to_rerank.query,
      groups_to_rerank.k, groups_to_rerank.filter, groups_to_rerank.mode) as c
    where c.model_digest is not null group by c.model_digest
  )
  select distinct on (g.model_digest) r.tenant_id, r.knowledge_base_id, g.model_digest, r.model,
    howdah_private.ranking_digest(groups_to_rerank.query, g.numbers), g.numbers
  from groups as g
  join howdah_private.rerankers_of(groups_to_rerank.ids) as r on r.model_digest = g.model_digest
  order by g.model_digest, r.knowledge_base_id;
end $$;

-- Returns the ranking of a search, as rank_chunks does, with what the rerankers of its bases made
-- of it. `rerank` false leaves them out. Of equal scores, the one with the lower rerank_rank is
-- first.
create or replace function howdah_private.rerank_chunks(
  ids uuid[], query text, k int, filter jsonb, mode text, rerank boolean default true
) returns table (
  knowledge_base_id uuid, chunk_number bigint, score float8, text_rank bigint, text_score float8,
  vector_rank bigint, vector_score float8, fused_rank bigint, fused_score float8, rerank_rank int,
  rerank_score float8, rerank_error jsonb
)
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  if not coalesce(rerank_chunks.rerank, true)
    or not exists (select from howdah_private.rerankers_of(rerank_chunks.ids)) then
    return query
    select f.*, null::bigint, null::float8, null::int, null::float8, null::jsonb
    from howdah_private.rank_chunks(rerank_chunks.ids, rerank_chunks.query, rerank_chunks.k,
      rerank_chunks.filter, rerank_chunks.mode) as f;
    return;
  end if;
  return query
  with candidates as materialized (
    select * from howdah_private.rerank_candidates(rerank_chunks.ids, rerank_chunks.query,
      rerank_chunks.k, rerank_chunks.filter, rerank_chunks.mode)
  ),
  groups as materialized (
    select g.model_digest, q.scores,
      coalesce(q.error, '{"code": "not_ranked", "message": "the reranker has not ranked these '
        'chunks: call howdah.rerank_query with the same arguments"}') as error
    from (
      select c.tenant_id, c.model_digest, howdah_private.ranking_digest(
        rerank_chunks.query, array_agg(c.chunk_number order by c.group_rank)) as digest
      from candidates as c where c.model_digest is not null group by c.tenant_id, c.model_digest
    ) as g
    left join howdah_private.query_rankings as q on q.tenant_id = g.tenant_id
      and q.model_digest = g.model_digest and q.digest = g.digest
  ),
  ranked as materialized (
    select c.*, g.scores[c.group_rank] as rerank_score,
      row_number() over (partition by c.model_digest
        order by g.scores[c.group_rank] desc nulls last, c.group_rank)::int as place,
      case when g.scores is null then g.error end as error
    from candidates as c left join groups as g on g.model_digest = c.model_digest
  )
  select r.knowledge_base_id, r.chunk_number, coalesce(s.score, r.score), r.text_rank, r.text_score,
    r.vector_rank, r.vector_score, case when r.model_digest is not null then r.fused_rank end,
    case when r.model_digest is not null then r.score end,
    case when r.rerank_score is not null then r.place end, r.rerank_score, r.error
  from ranked as r
  left join candidates as s on s.model_digest = r.model_digest and s.group_rank = r.place;
end $$;
