-- Rankings by rerankers. howdah.rerank_query adds rows and queues the job rerank_query, and a
-- worker calls the model. Searches of agents are ranked in the worker itself, before the
-- transaction of the call. A row is kept for a day, without the query.

-- Returns title, headings and text of chunks of a tenant, in the order of the numbers. Returns null
-- if one of them is gone, since there is no search any more that would use the ranking.
create or replace function howdah_private.rerank_texts(tenant_id uuid, numbers bigint[])
  returns text[]
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select case when count(*) = cardinality(rerank_texts.numbers) then array_agg(
    concat_ws(E'\n', d.title, nullif(array_to_string(c.heading_path, E'\n'), ''), c.content)
    order by n.position) end
  from unnest(rerank_texts.numbers) with ordinality as n (number, position)
  join howdah.chunks as c on c.number = n.number and c.tenant_id = rerank_texts.tenant_id
  join howdah.documents as d on d.tenant_id = c.tenant_id and d.id = c.document_id
$$;

-- Refuses another search of a tenant with 100 searches that wait for a reranker. A search counts
-- for ten minutes, in case its worker has died.
create or replace function howdah_private.check_pending_rankings(tenant_id uuid) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_max constant int := 100;
begin
  if v_max > (
    select count(*) from howdah_private.query_rankings as q
    where q.tenant_id = check_pending_rankings.tenant_id and q.query is not null
      and q.requested_at > clock_timestamp() - interval '10 minutes') then
    return;
  end if;
  raise exception using errcode = 'HWQTA',
    message = format('%s searches wait for their rerankers, the most of a tenant', v_max),
    detail = jsonb_build_object('field', 'query', 'max_pending', v_max)::text,
    hint = 'Ask again when workers have ranked some of them, or search without.';
end $$;

-- Queues the job that ranks the candidates of a search, which any worker may do.
create or replace function howdah_private.enqueue_query_ranking(
  asked howdah_private.query_rankings
) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select graphile_worker.add_job('rerank_query',
    json_build_object('tenant_id', asked.tenant_id, 'model_digest', asked.model_digest,
      'digest', asked.digest),
    job_key => concat_ws(' ', 'ranking', asked.tenant_id, asked.model_digest, asked.digest),
    max_attempts => 3)
$$;

-- Returns what a job sends to a reranker; null if there is nothing to do.
create or replace function howdah_private.begin_query_ranking(
  tenant_id uuid, model_digest text, digest text
) returns jsonb
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object('model', q.model, 'query', q.query, 'documents', to_jsonb(t.texts))
  from howdah_private.query_rankings as q
  cross join lateral (
    select howdah_private.rerank_texts(q.tenant_id, q.chunk_numbers) as texts
  ) as t
  where q.tenant_id = begin_query_ranking.tenant_id
    and q.model_digest = begin_query_ranking.model_digest
    and q.digest = begin_query_ranking.digest and q.query is not null and t.texts is not null
$$;

-- Records a call of a reranker in the totals of a base, and counts its tokens and cost for limits.
create or replace function howdah_private.count_reranking(
  asked howdah_private.query_rankings, execution_id uuid, usage jsonb
) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_in int := howdah_private.count_in(count_reranking.usage -> 'tokens_in', 2147483647);
  v_out int := howdah_private.count_in(count_reranking.usage -> 'tokens_out', 2147483647);
  v_is_ranked boolean := asked.error is null;
  v_cost numeric := case when v_is_ranked then howdah_private.count_model_use(asked.tenant_id,
    (asked.model ->> 'id')::uuid, v_in, v_out, '{"units": {"request": 1}}',
    count_reranking.execution_id) else 0 end;
begin
  insert into howdah_private.rerank_totals as t
    (knowledge_base_id, tenant_id, calls, tokens, failures, cost, error)
  values (asked.knowledge_base_id, asked.tenant_id, v_is_ranked::int, v_in::bigint + v_out,
    (not v_is_ranked)::int, v_cost, asked.error)
  on conflict on constraint rerank_totals_pkey do update
  set calls = t.calls + excluded.calls, tokens = t.tokens + excluded.tokens,
    failures = t.failures + excluded.failures, cost = t.cost + excluded.cost,
    error = excluded.error;
end $$;

-- Writes the scores of the candidates, or why the model ranked nothing. The base may be gone. Where
-- a limit allowed no call, none is counted.
create or replace function howdah_private.end_query_ranking(
  tenant_id uuid, model_digest text, digest text, scores float8[], error jsonb, usage jsonb,
  execution_id uuid
) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_row howdah_private.query_rankings;
begin
  update howdah_private.query_rankings as q
  set scores = coalesce(end_query_ranking.scores, q.scores), error = end_query_ranking.error,
    query = null
  where q.tenant_id = end_query_ranking.tenant_id
    and q.model_digest = end_query_ranking.model_digest and q.digest = end_query_ranking.digest
  returning q.* into v_row;
  if found and (v_row.error ->> 'code' = 'limit_reached') is not true then
    perform howdah_private.count_reranking(
      v_row, end_query_ranking.execution_id, end_query_ranking.usage);
  end if;
end $$;

-- Returns what a worker sends to rerankers before a call of knowledge_search. Where a limit of
-- tokens or cost is used up, nothing is sent, and the search says why.
create or replace function howdah_private.rankings_of_search(execution_id uuid, arguments jsonb)
  returns table (model_digest text, digest text, model jsonb, documents text[])
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_run howdah.executions := howdah_private.calling_run(rankings_of_search.execution_id);
  v_query text := rankings_of_search.arguments ->> 'query';
  v_ids uuid[] := array(
    select b.id from howdah.agent_knowledge_bases as a
    join howdah.knowledge_bases as b on b.tenant_id = a.tenant_id and b.id = a.knowledge_base_id
    where a.tenant_id = v_run.tenant_id and a.agent_id = v_run.agent_id
      and (arguments ->> 'base' is null or b.name = arguments ->> 'base'));
  v_error jsonb;
begin
  if (v_query ~ '\S' and length(v_query) <= 10000) is not true -- the search refuses it
    or not exists (select from howdah_private.rerankers_of(v_ids)) then
    return;
  end if;
  v_error := howdah_private.spending_error()
    where howdah_private.is_spending_used_up(v_run.tenant_id, v_run.id);
  return query
  with asked as (
    insert into howdah_private.query_rankings as q
      (tenant_id, knowledge_base_id, model_digest, digest, model, chunk_numbers, error)
    select g.tenant_id, g.knowledge_base_id, g.model_digest, g.digest, g.model, g.chunk_numbers,
      v_error
    from howdah_private.groups_to_rerank(v_ids, v_query, 20, '{}', null) as g
    order by g.model_digest, g.digest
    on conflict on constraint query_rankings_pkey do update
    set requested_at = clock_timestamp(), model = excluded.model, error = excluded.error
    where q.scores is null
    returning q.tenant_id, q.model_digest, q.digest, q.model, q.chunk_numbers
  )
  select a.model_digest, a.digest, a.model, t.texts
  from asked as a
  cross join lateral (
    select howdah_private.rerank_texts(a.tenant_id, a.chunk_numbers) as texts
  ) as t
  where v_error is null and t.texts is not null;
end $$;

-- Returns what the state of a base says about its reranker; null without one.
create or replace function howdah_private.reranking_state(tenant_id uuid, knowledge_base_id uuid)
  returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object('model', m.name, 'candidates', b.rerank_candidates,
    'calls', coalesce(t.calls, 0), 'failures', coalesce(t.failures, 0),
    'tokens', coalesce(t.tokens, 0), 'cost', trim_scale(coalesce(t.cost, 0)), 'error', t.error)
  from howdah.knowledge_bases as b
  join howdah.models as m on m.tenant_id = b.tenant_id and m.id = b.rerank_model_id
  left join howdah_private.rerank_totals as t on t.knowledge_base_id = b.id
  where b.tenant_id = reranking_state.tenant_id and b.id = reranking_state.knowledge_base_id
$$;

-- Deletes a batch of the rankings that are older than a day. Returns their number.
create or replace function howdah_private.delete_old_query_rankings() returns int
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_count int;
begin
  delete from howdah_private.query_rankings as q
  where (q.tenant_id, q.model_digest, q.digest) in (
    select o.tenant_id, o.model_digest, o.digest from howdah_private.query_rankings as o
    where o.requested_at < clock_timestamp() - interval '1 day'
    limit 1000 for update skip locked);
  get diagnostics v_count = row_count;
  return v_count;
end $$;
