-- The tool `knowledge_search`: a search in the knowledge bases of an agent. The worker calls it in
-- the transaction that commits the step of the tool.

-- Returns the ids of the knowledge bases that a call searches: those of the agent, or the one that
-- the model names.
create or replace function howdah_private.bases_of_call(run howdah.executions, name text)
  returns uuid[]
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_names text[];
  v_ids uuid[];
begin
  select array_agg(b.name order by b.name),
    array_agg(b.id) filter (where bases_of_call.name is null or b.name = bases_of_call.name)
  into v_names, v_ids
  from howdah.agent_knowledge_bases as g
  join howdah.knowledge_bases as b on b.tenant_id = g.tenant_id and b.id = g.knowledge_base_id
  where g.tenant_id = run.tenant_id and g.agent_id = run.agent_id;
  if v_ids is null then
    raise exception using errcode = 'HWNTF',
      message = case when v_names is null then 'you have no knowledge base'
        else format('you have no knowledge base %s', to_jsonb(left(bases_of_call.name, 100))) end,
      detail = '{"field": "base"}',
      hint = coalesce(format('Your knowledge bases: %s.', array_to_string(v_names, ', ')),
        'A person gives an agent its knowledge bases in howdah.agent_knowledge_bases.');
  end if;
  return v_ids;
end $$;

-- Searches bases of an agent. Returns the chunks in the order of their scores, as many as fit into
-- one result of a tool. Quotas and weights of bases apply to what rerankers made of the ranking.
create or replace function howdah_private.search_bases_of_agent(
  tenant_id uuid, agent_id uuid, base_ids uuid[], query text, mode text, rerank boolean
) returns table (
  rank int, knowledge_base_id uuid, document_id uuid, chunk_number bigint, score float8,
  rerank_rank int, rerank_score float8, rerank_error jsonb, content text, chunk jsonb
)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  with ranked as (
    select f.*, row_number() over (partition by f.knowledge_base_id
      order by f.score desc, f.rerank_rank, f.chunk_number) as rank
    from howdah_private.rerank_chunks(search_bases_of_agent.base_ids, search_bases_of_agent.query,
      20, '{}', search_bases_of_agent.mode, search_bases_of_agent.rerank) as f
  ),
  found as (
    select b.id, b.name, f.chunk_number, f.score * g.weight as score, f.rerank_rank,
      f.rerank_score, f.rerank_error
    from howdah.agent_knowledge_bases as g
    join howdah.knowledge_bases as b on b.tenant_id = g.tenant_id and b.id = g.knowledge_base_id
    join ranked as f on f.knowledge_base_id = b.id and f.rank <= g.k
    where g.tenant_id = search_bases_of_agent.tenant_id
      and g.agent_id = search_bases_of_agent.agent_id
  ),
  listed as (
    select f.id, f.score, f.rerank_rank, f.rerank_score, f.rerank_error, c.document_id, c.number,
      c.content,
      jsonb_build_object('citation', format('[^%s]', c.number), 'document_id', c.document_id,
        'seq', c.seq, 'base', f.name, 'title', d.title, 'headings', c.heading_path,
        'text', c.content) || case when c.page is null then '{}'
        else jsonb_build_object('page', c.page) end as chunk
    from found as f
    join howdah.chunks as c on c.number = f.chunk_number
    join howdah.documents as d on d.id = c.document_id
  ),
  sized as (
    select l.*, sum(octet_length(l.chunk::text)) over (
      order by l.score desc, l.rerank_rank, l.number) as bytes
    from listed as l where octet_length(l.chunk::text) <= 60000
  )
  select (row_number() over (order by s.score desc, s.rerank_rank, s.number))::int, s.id,
    s.document_id, s.number, s.score, s.rerank_rank, s.rerank_score, s.rerank_error, s.content,
    s.chunk
  from sized as s where s.bytes <= 60000
$$;

-- Makes a search of a run, and records it (citations.sql).
create or replace function howdah_private.call_knowledge_search(execution_id uuid, arguments jsonb)
  returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_run howdah.executions := howdah_private.calling_run(call_knowledge_search.execution_id);
  v_ids uuid[] := howdah_private.bases_of_call(v_run, arguments ->> 'base');
  v_seq int := v_run.step_count + 1; -- the step that this transaction commits
  v_search_id constant uuid := howdah.uuid_v7();
  v_chunks jsonb;
  v_results howdah.search_results[];
  v_rerank_error text;
begin
  perform howdah_private.check_knowledge_search(arguments ->> 'query', 1, '{}', 'text');
  perform set_config('howdah.repeated_searches', '', true); -- search_vectors may set it
  select to_jsonb(array_agg(f.chunk order by f.rank)), array_agg(row(v_run.id, v_seq, f.rank,
    v_run.tenant_id, f.knowledge_base_id, f.document_id, f.chunk_number, f.score, md5(f.content),
    f.rerank_score, f.rerank_rank, v_search_id)::howdah.search_results order by f.rank),
    max(f.rerank_error ->> 'code')
  into v_chunks, v_results, v_rerank_error
  from howdah_private.search_bases_of_agent(
    v_run.tenant_id, v_run.agent_id, v_ids, arguments ->> 'query', null, true) as f;
  insert into howdah.searches (id, execution_id, step_seq, tenant_id, mode, knowledge_base_ids,
    is_repeated, rerank_error)
  values (v_search_id, v_run.id, v_seq, v_run.tenant_id,
    howdah_private.mode_of_search(v_ids, arguments ->> 'query', null), v_ids,
    current_setting('howdah.repeated_searches', true) > '', v_rerank_error);
  insert into howdah.search_results select r.* from unnest(v_results) as r;
  return jsonb_build_object('chunks', coalesce(v_chunks, '[]'));
end $$;

-- Returns the trust of the chunks that a call has returned: the lowest of them and of their bases.
create or replace function howdah_private.trust_of_chunks(tenant_id uuid, value jsonb)
  returns howdah.trust
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(max(coalesce(greatest(c.trust, b.trust), 'external')), 'system')
  from jsonb_array_elements(trust_of_chunks.value -> 'chunks') as f (chunk)
  left join howdah.chunks as c on c.tenant_id = trust_of_chunks.tenant_id
    and c.document_id = (f.chunk ->> 'document_id')::uuid and c.seq = (f.chunk ->> 'seq')::int
  left join howdah.knowledge_bases as b
    on b.tenant_id = c.tenant_id and b.id = c.knowledge_base_id
$$;
