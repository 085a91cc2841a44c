-- The parts of howdah.replay_searches.

-- Returns the searches with a query that the caller sees: those of runs, and those of people and
-- applications. A search whose run is encrypted is left out, since the database cannot read it.
create or replace function howdah_private.readable_searches(since timestamptz)
  returns table (
    id uuid, execution_id uuid, step_seq int, created_at timestamptz, agent_id uuid,
    knowledge_base_ids uuid[], mode text, query text, k int, filter jsonb
  )
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select s.id, s.execution_id, s.step_seq, s.created_at, e.agent_id::uuid, s.knowledge_base_ids,
    s.mode, p.input ->> 'query', null, null
  from howdah.searches as s
  join howdah.executions as e on e.id = s.execution_id
  join howdah.steps as p on p.execution_id = s.execution_id and p.seq = s.step_seq
  where s.tenant_id = howdah.current_tenant() and s.created_at >= readable_searches.since
    and jsonb_typeof(p.input -> 'query') = 'string' and p.input ->> 'query' ~ '\S'
    and howdah_private.sees_agent(e.agent_id)
  union all
  select s.id, null, null, s.created_at, null, s.knowledge_base_ids, s.mode, s.query, s.k, s.filter
  from howdah.searches as s
  where s.tenant_id = howdah.current_tenant() and s.created_at >= readable_searches.since
    and s.execution_id is null and s.query ~ '\S'
    and (s.user_id = (select howdah.current_user_id())
      or (select howdah_private.may('users', 'manage')))
$$;

-- Returns the searches to repeat, the latest of equal ones: those of an agent with the same query
-- and bases, and those of people and applications with the same query, bases, k and filter. The
-- bases are those of the search that its agent still has, or that still exist.
create or replace function howdah_private.searches_to_replay(base uuid, since timestamptz)
  returns table (
    id uuid, execution_id uuid, step_seq int, created_at timestamptz, agent_id uuid,
    knowledge_base_ids uuid[], mode text, query text, k int, filter jsonb, times int,
    is_reranked boolean
  )
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select distinct on (s.agent_id, s.knowledge_base_ids, s.query, s.k, s.filter)
    s.id, s.execution_id, s.step_seq, s.created_at, s.agent_id,
    case when s.execution_id is null then array(
      select b.id from howdah.knowledge_bases as b
      where b.tenant_id = howdah.current_tenant() and b.id = any (s.knowledge_base_ids))
    else array(
      select g.knowledge_base_id from howdah.agent_knowledge_bases as g
      where g.tenant_id = howdah.current_tenant() and g.agent_id = s.agent_id
        and g.knowledge_base_id = any (s.knowledge_base_ids)) end,
    s.mode, s.query, s.k, s.filter,
    (count(*) over (
      partition by s.agent_id, s.knowledge_base_ids, s.query, s.k, s.filter))::int,
    exists (
      select from howdah.search_results as r
      where r.search_id = s.id and r.rerank_rank is not null)
  from howdah_private.readable_searches(searches_to_replay.since) as s
  where searches_to_replay.base is null or searches_to_replay.base = any (s.knowledge_base_ids)
  order by s.agent_id, s.knowledge_base_ids, s.query, s.k, s.filter, s.created_at desc
$$;

-- Repeats a search: as the tool of an agent, or as howdah.search without one. Nothing is recorded.
create or replace function howdah_private.repeat_search(
  agent_id uuid, ids uuid[], query text, k int, filter jsonb, mode text, rerank boolean
) returns table (rank int, document_id uuid, rerank_rank int, content text)
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  if repeat_search.agent_id is not null then
    return query
    select f.rank, f.document_id, f.rerank_rank, f.content
    from howdah_private.search_bases_of_agent(howdah.current_tenant(), repeat_search.agent_id,
      repeat_search.ids, repeat_search.query, repeat_search.mode, repeat_search.rerank) as f;
  else -- at most 100 results are recorded, so no more are compared
    return query
    select f.rank, f.document_id, f.rerank_rank, f.content
    from howdah_private.best_chunks(repeat_search.ids, repeat_search.query, repeat_search.k,
      repeat_search.filter, repeat_search.mode, repeat_search.rerank) as f
    where f.rank <= 100;
  end if;
end $$;

-- Repeats a search, and compares the results with the recorded ones.
create or replace function howdah_private.compare_search(
  search_id uuid, agent_id uuid, knowledge_base_ids uuid[], query text, k int, filter jsonb,
  mode text, rerank boolean, out recorded int, out found int, out kept int,
  out is_reranked boolean, out changes jsonb
)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  with old as (
    select r.rank, r.document_id, r.digest, row_number() over (
      partition by r.document_id, r.digest order by r.rank) as copy
    from howdah.search_results as r
    where r.search_id = compare_search.search_id
  ),
  new as (
    select f.rank, f.document_id, f.rerank_rank, md5(f.content) as digest, row_number() over (
      partition by f.document_id, md5(f.content) order by f.rank) as copy
    from howdah_private.repeat_search(compare_search.agent_id, compare_search.knowledge_base_ids,
      compare_search.query, compare_search.k, compare_search.filter, compare_search.mode,
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
