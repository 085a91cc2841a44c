-- Embeddings of queries. howdah.embed_query adds a row and queues the job embed_query, and a worker
-- calls the model. Searches of agents embed their query in the worker itself. A row is kept for a
-- day, without the query.

-- Returns the models of bases that a search uses, and whether the query has a vector of each.
create or replace function howdah_private.query_models(ids uuid[], query text, mode text)
  returns table (tenant_id uuid, model_digest text, model jsonb, has_vector boolean)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select distinct on (g.tenant_id, g.model_digest) g.tenant_id, g.model_digest, g.model, exists (
      select from howdah_private.query_embeddings as q
      where q.tenant_id = g.tenant_id and q.model_digest = g.model_digest
        and q.digest = md5(query_models.query) and q.vector is not null)
  from howdah.knowledge_bases as b
  join howdah_private.embedding_generations as g
    on g.tenant_id = b.tenant_id and g.knowledge_base_id = b.id and g.is_current
  where b.id = any (query_models.ids) and g.dimensions is not null
    and query_models.mode is distinct from 'text' and (query_models.mode is not null
      or coalesce((b.ranking #>> '{weights,vector}')::float8, 1) > 0)
  order by g.tenant_id, g.model_digest, b.id
$$;

-- Returns the query that a job embeds, with its model; null if it has its vector.
create or replace function howdah_private.begin_query_embedding(
  tenant_id uuid, model_digest text, digest text
) returns jsonb
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object('model', q.model, 'query', q.query)
  from howdah_private.query_embeddings as q
  where q.tenant_id = begin_query_embedding.tenant_id
    and q.model_digest = begin_query_embedding.model_digest
    and q.digest = begin_query_embedding.digest and q.query is not null
$$;

-- Writes the vector of a query, or why the model made none. Its tokens are counted with those of a
-- base that uses the model, and for limits: those of the run that searches, if it is a run.
create or replace function howdah_private.end_query_embedding(
  tenant_id uuid, model_digest text, model jsonb, digest text, vector text, error jsonb, tokens int,
  execution_id uuid default null
) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_generation howdah_private.embedding_generations;
begin
  insert into howdah_private.query_embeddings as q
    (tenant_id, model_digest, digest, model, vector, error)
  values (end_query_embedding.tenant_id,
    end_query_embedding.model_digest, end_query_embedding.digest, end_query_embedding.model,
    end_query_embedding.vector::real[], end_query_embedding.error)
  on conflict on constraint query_embeddings_pkey do update
  set vector = coalesce(excluded.vector, q.vector), error = excluded.error, query = null;
  if end_query_embedding.vector is null then
    return; -- a failed call reports no tokens
  end if;
  select g.* into v_generation from howdah_private.embedding_generations as g
  where g.id = (
    select o.id from howdah_private.embedding_generations as o
    where o.tenant_id = end_query_embedding.tenant_id and o.is_current
      and o.model_digest = end_query_embedding.model_digest order by o.id limit 1)
  for no key update;
  if not found then -- the base has another model by now
    v_generation.tenant_id := end_query_embedding.tenant_id;
    v_generation.model := end_query_embedding.model;
  end if;
  perform howdah_private.count_embedding(
    v_generation, end_query_embedding.tokens, end_query_embedding.execution_id);
end $$;

-- Deletes a batch of the vectors of queries that are older than a day. Returns their number.
create or replace function howdah_private.delete_old_query_embeddings() returns int
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_count int;
begin
  delete from howdah_private.query_embeddings as q
  where (q.tenant_id, q.model_digest, q.digest) in (
    select o.tenant_id, o.model_digest, o.digest from howdah_private.query_embeddings as o
    where o.requested_at < clock_timestamp() - interval '1 day'
    limit 1000 for update skip locked);
  get diagnostics v_count = row_count;
  return v_count;
end $$;

-- Returns the models by which a worker embeds the query of a call of knowledge_search: none when a
-- limit of tokens or cost is used up.
create or replace function howdah_private.models_of_search(execution_id uuid, arguments jsonb)
  returns table (model_digest text, model jsonb)
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_run howdah.executions := howdah_private.calling_run(models_of_search.execution_id);
begin
  return query
  select m.model_digest, m.model from howdah_private.query_models(array(
    select b.id from howdah.agent_knowledge_bases as g
    join howdah.knowledge_bases as b on b.tenant_id = g.tenant_id and b.id = g.knowledge_base_id
    where g.tenant_id = v_run.tenant_id and g.agent_id = v_run.agent_id
      and (arguments ->> 'base' is null or b.name = arguments ->> 'base')),
    arguments ->> 'query', null) as m
  where not m.has_vector and arguments ->> 'query' ~ '\S'
    and length(arguments ->> 'query') <= 10000
    and not howdah_private.is_spending_used_up(v_run.tenant_id, v_run.id);
end $$;

-- Refuses another query of a tenant with 100 queries that wait for a worker. Each costs a call of a
-- model, and who may search may ask. A query counts for ten minutes, in case its worker has died.
create or replace function howdah_private.check_pending_queries(tenant_id uuid) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_max constant int := 100;
begin
  if v_max > (
    select count(*) from howdah_private.query_embeddings as q
    where q.tenant_id = check_pending_queries.tenant_id and q.query is not null
      and q.requested_at > clock_timestamp() - interval '10 minutes') then
    return;
  end if;
  raise exception using errcode = 'HWQTA',
    message = format('%s queries wait for their vectors, the most of a tenant', v_max),
    detail = jsonb_build_object('field', 'query', 'max_pending', v_max)::text,
    hint = 'Ask again when workers have embedded some of them, or search with the mode text.';
end $$;

-- Queues the job that embeds a query, which any worker may do.
create or replace function howdah_private.enqueue_query_embedding(
  asked howdah_private.query_embeddings
) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select graphile_worker.add_job('embed_query',
    json_build_object('tenant_id', asked.tenant_id, 'model_digest', asked.model_digest,
      'digest', asked.digest),
    job_key => concat_ws(' ', 'query', asked.tenant_id, asked.model_digest, asked.digest),
    max_attempts => 3)
$$;
