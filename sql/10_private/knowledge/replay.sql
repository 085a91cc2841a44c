-- The parts of howdah.replay_searches.

-- Returns the searches of runs that the caller sees, the latest of each query of an agent. A query
-- whose run is encrypted is left out, since the database cannot read it. The bases are those of the
-- search that its agent still has.
create or replace function howdah_private.searches_to_replay(base uuid, since timestamptz)
  returns table (
    execution_id uuid, step_seq int, created_at timestamptz, agent_id uuid,
    knowledge_base_ids uuid[], mode text, query text, times int, is_reranked boolean
  )
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select distinct on (e.agent_id, s.knowledge_base_ids, p.input ->> 'query')
    s.execution_id, s.step_seq, s.created_at, e.agent_id::uuid, array(
      select g.knowledge_base_id from howdah.agent_knowledge_bases as g
      where g.tenant_id = s.tenant_id and g.agent_id = e.agent_id
        and g.knowledge_base_id = any (s.knowledge_base_ids)),
    s.mode, p.input ->> 'query',
    (count(*) over (partition by e.agent_id, s.knowledge_base_ids, p.input ->> 'query'))::int,
    exists (
      select from howdah.search_results as r
      where r.execution_id = s.execution_id and r.step_seq = s.step_seq
        and r.rerank_rank is not null)
  from howdah.searches as s
  join howdah.executions as e on e.id = s.execution_id
  join howdah.steps as p on p.execution_id = s.execution_id and p.seq = s.step_seq
  where s.tenant_id = howdah.current_tenant() and s.created_at >= searches_to_replay.since
    and (searches_to_replay.base is null or searches_to_replay.base = any (s.knowledge_base_ids))
    and jsonb_typeof(p.input -> 'query') = 'string' and p.input ->> 'query' ~ '\S'
    and howdah_private.sees_agent(e.agent_id)
  order by e.agent_id, s.knowledge_base_ids, p.input ->> 'query', s.created_at desc
$$;

-- Repeats a search of an agent, and compares the results with the recorded ones.
create or replace function howdah_private.compare_search(
  execution_id uuid, step_seq int, agent_id uuid, knowledge_base_ids uuid[], query text, mode text,
  rerank boolean, out recorded int, out found int, out kept int, out is_reranked boolean,
  out changes jsonb
)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  with old as (
    select r.rank, r.document_id, r.digest, row_number() over (
      partition by r.document_id, r.digest order by r.rank) as copy
    from howdah.search_results as r
    where r.execution_id = compare_search.execution_id and r.step_seq = compare_search.step_seq
  ),
  new as (
    select f.rank, f.document_id, f.rerank_rank, md5(f.content) as digest, row_number() over (
      partition by f.document_id, md5(f.content) order by f.rank) as copy
    from howdah_private.search_bases_of_agent(howdah.current_tenant(), compare_search.agent_id,
      compare_search.knowledge_base_ids, compare_search.query, compare_search.mode,
      compare_search.rerank) as f
  ),
  pairs as (
    select coalesce(n.document_id, o.document_id) as document_id, o.rank as before,
      n.rank as after, n.rerank_rank, coalesce(n.digest, o.digest) as digest
    from old as o
    full join new as n
      on n.document_id = o.document_id and n.digest = o.digest and n.copy = o.copy
  )
  select count(p.before)::int, count(p.after)::int,
    count(*) filter (where p.before is not null and p.after is not null)::int,
    coalesce(bool_or(p.rerank_rank is not null), false),
    coalesce(to_jsonb(array_agg(jsonb_build_object('document_id', p.document_id,
        'title', d.title, 'before', p.before, 'after', p.after)
      order by coalesce(p.before, p.after), p.after)
      filter (where p.before is distinct from p.after)), '[]')
  from pairs as p
  left join howdah.documents as d
    on d.tenant_id = howdah.current_tenant() and d.id = p.document_id
$$;
