-- Embeddings: vectors of chunks, which the batch job embed_chunk makes with the model of the base.
--
--   knowledge base gets a model → begin_generation: a generation, and a row in due_embeddings for
--                                 each chunk (30_triggers/knowledge.sql)
--   new chunks                  → due in each generation of their base
--   claim_chunks                → due again in two minutes, in case the worker dies
--   a worker                    → calls the model (workers/batch-jobs/embed-chunks.ts)
--   store_embeddings            → writes vectors. The last one makes the generation current
--   fail_embeddings             → the generation waits, or the model has refused a chunk
--
-- A new generation is built beside the current one, which searches use until then. It takes
-- vectors of the same model from the other generation, so a text is embedded once.
--
-- A generation that ends is retired: nothing uses it, and the batch job delete_vector deletes its
-- vectors (retired_embeddings.sql). So a switch changes two rows, and a statement that began before
-- it still finds the earlier vectors in its snapshot.
--
-- Rows are locked in this order: the newer generation, the current one, then rows of due_embeddings
-- (skips).

-- Returns a digest of what decides about the vectors of a model.
create or replace function howdah_private.embedding_digest(model jsonb) returns text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select md5(jsonb_build_array(model -> 'provider', model -> 'model', model -> 'base_url',
    model -> 'request_params')::text)
$$;

-- Refuses a model that makes no embeddings.
create or replace function howdah_private.check_makes_embeddings(m howdah.models, field text)
  returns void
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if m.purpose <> 'embedding' then
    raise exception using errcode = 'HWINV',
      message = format('the model %L has the purpose %s, not embedding', m.name, m.purpose),
      detail = jsonb_build_object('field', check_makes_embeddings.field,
        'purpose', m.purpose)::text,
      hint = 'Choose a model of purpose embedding, such as howdah.model(''embedding'').';
  end if;
end $$;

-- Returns a bit for each dimension: whether the vector is above the center. The bits of two vectors
-- differ where one of them is above and the other is not, so their distance is about that of the
-- vectors. Differences from the center share no direction, as the vectors of many models do.
create or replace function howdah_private.sign_bits(vector real[], center real[])
  returns bit varying
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select string_agg(case when d.value > coalesce(d.center, 0) then '1' else '0' end, '')
    ::bit varying
  from unnest(sign_bits.vector, sign_bits.center) as d (value, center)
$$;

-- Returns the key of the advisory lock for the generations of a base. Transactions that add chunks
-- share it, so that no chunk is added that a new generation does not know.
create or replace function howdah_private.generations_lock_key(knowledge_base_id uuid)
  returns bigint
  language sql immutable
  return hashtextextended('howdah.generations ' || generations_lock_key.knowledge_base_id, 0);

-- Begins a generation beside the current one, in place of another that is not finished. Chunks that
-- the same model has refused stay refused. The caller holds the lock for generations.
create or replace function howdah_private.begin_generation(
  base howdah.knowledge_bases, model jsonb, center real[] default null, sampled int default 0
) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_digest text := howdah_private.embedding_digest(begin_generation.model);
  v_refused howdah_private.due_embeddings[] := array(
    select d from howdah_private.embedding_generations as g
    join howdah_private.due_embeddings as d on d.generation_id = g.id and d.due_at = 'infinity'
    where g.tenant_id = base.tenant_id and g.knowledge_base_id = base.id
      and g.model_digest = v_digest and g.retired_at is null);
  v_id uuid;
begin
  update howdah_private.embedding_generations as g set retired_at = clock_timestamp()
  where g.tenant_id = base.tenant_id and g.knowledge_base_id = base.id and not g.is_current
    and g.retired_at is null;
  insert into howdah_private.embedding_generations as g
    (tenant_id, knowledge_base_id, model, model_digest, center, sampled, dimensions)
  values (base.tenant_id, base.id, begin_generation.model, v_digest, begin_generation.center,
    begin_generation.sampled, cardinality(begin_generation.center))
  returning g.id into v_id;
  insert into howdah_private.due_embeddings (generation_id, chunk_number, due_at, error)
  select v_id, c.number, coalesce(r.due_at, clock_timestamp()), r.error
  from howdah.chunks as c
  left join unnest(v_refused) as r on r.chunk_number = c.number
  where c.tenant_id = base.tenant_id and c.knowledge_base_id = base.id;
  perform howdah_private.complete_generation(v_id);
end $$;

-- Begins or ends generations of a base whose model has changed. A model that only has another name
-- or key keeps its vectors.
create or replace function howdah_private.renew_embeddings(base howdah.knowledge_bases)
  returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_model jsonb := (
    select howdah_private.model_definition(m, '{}') from howdah.models as m
    where m.tenant_id = base.tenant_id and m.id = base.embedding_model_id);
  v_digest text := howdah_private.embedding_digest(v_model);
begin
  perform pg_advisory_xact_lock(howdah_private.generations_lock_key(base.id));
  perform from howdah_private.embedding_generations as g
  where g.tenant_id = base.tenant_id and g.knowledge_base_id = base.id and g.retired_at is null
  order by g.is_current, g.id for no key update;
  update howdah_private.embedding_generations as g
  set retired_at = clock_timestamp(), is_current = false
  where g.tenant_id = base.tenant_id and g.knowledge_base_id = base.id and g.retired_at is null
    and (v_model is null or (not g.is_current and g.model_digest <> v_digest));
  update howdah_private.embedding_generations as g
  set model = v_model, due_at = clock_timestamp(), failures = 0
  where g.tenant_id = base.tenant_id and g.knowledge_base_id = base.id
    and g.model_digest = v_digest and g.retired_at is null;
  if not found and v_model is not null then
    perform howdah_private.begin_generation(base, v_model);
  end if;
end $$;

-- Makes a generation the current one when all its chunks have vectors, except those that the model
-- refuses. Its row is locked by this transaction, so of two that end at once one sees the other.
create or replace function howdah_private.complete_generation(id uuid) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_generation howdah_private.embedding_generations;
  v_vectors int;
begin
  select g.* into v_generation from howdah_private.embedding_generations as g
  where g.id = complete_generation.id and g.retired_at is null for no key update;
  if not found or exists (
    select from howdah_private.due_embeddings as d
    where d.generation_id = v_generation.id and d.due_at < 'infinity') then
    return;
  end if;
  select count(*) into v_vectors from (
    select from howdah_private.chunk_embeddings as e where e.generation_id = v_generation.id
    limit greatest(201, 4 * v_generation.sampled)) as e;
  if not v_generation.is_current and (v_vectors > 0 or not exists (
    select from howdah_private.due_embeddings as d where d.generation_id = v_generation.id)) then
    update howdah_private.embedding_generations as g
    set is_current = false, retired_at = clock_timestamp()
    where g.tenant_id = v_generation.tenant_id and g.is_current
      and g.knowledge_base_id = v_generation.knowledge_base_id;
    update howdah_private.embedding_generations as g set is_current = true
    where g.id = v_generation.id;
  end if;
  if v_generation.sampled < 1000 and v_vectors > 200 and v_vectors >= 4 * v_generation.sampled then
    perform howdah_private.center_generation(v_generation);
  end if;
end $$;

-- Begins a generation with the mean of more vectors as its center, unless another one is being
-- built. Does nothing while chunks are added: the next vectors are a reason to come here again.
create or replace function howdah_private.center_generation(
  generation howdah_private.embedding_generations
) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if not pg_try_advisory_xact_lock(
      howdah_private.generations_lock_key(generation.knowledge_base_id))
    or exists (
      select from howdah_private.embedding_generations as g
      where g.tenant_id = generation.tenant_id and not g.is_current and g.retired_at is null
        and g.knowledge_base_id = generation.knowledge_base_id) then
    return;
  end if;
  perform howdah_private.begin_generation(b, generation.model, s.center, s.sampled)
  from howdah.knowledge_bases as b, howdah_private.sampled_center(generation.id) as s
  where b.tenant_id = generation.tenant_id and b.id = generation.knowledge_base_id;
end $$;

-- Returns the mean of at most 1,000 vectors of a generation, and their number.
create or replace function howdah_private.sampled_center(
  generation_id uuid, out center real[], out sampled int
)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  with sample as materialized (
    select e.vector from howdah_private.chunk_embeddings as e
    where e.generation_id = sampled_center.generation_id
    order by hashint8(e.chunk_number) limit 1000
  ),
  means as (
    select d.place, avg(d.value)::real as mean
    from sample as s cross join lateral unnest(s.vector) with ordinality as d (value, place)
    group by d.place
  )
  select array_agg(m.mean order by m.place), (select count(*)::int from sample) from means as m
$$;

-- Returns generations with chunks that are due, those of the longest wait first, at most 1,000, or
-- none in a pause.
create or replace function howdah_private.due_generations()
  returns table (tenant_id uuid, generation_id uuid)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp set jit = off
as $$
  select g.tenant_id, g.id from howdah_private.embedding_generations as g
  where g.due_at <= clock_timestamp() and g.retired_at is null
    and exists (
      select from howdah_private.due_embeddings as d
      where d.generation_id = g.id and d.due_at <= clock_timestamp())
    and not (select howdah_private.is_batch_job_paused('embed_chunk'))
  order by g.due_at limit 1000
$$;

-- Copies vectors that another generation of the base has of the same model. Returns their number.
create or replace function howdah_private.copy_embeddings(generation_id uuid, at_most int)
  returns int
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_count int;
begin
  with copied as (
    insert into howdah_private.chunk_embeddings (generation_id, chunk_number, signs, vector)
    select g.id, e.chunk_number, howdah_private.sign_bits(e.vector, g.center), e.vector
    from howdah_private.embedding_generations as g
    join howdah_private.embedding_generations as o on o.tenant_id = g.tenant_id
      and o.knowledge_base_id = g.knowledge_base_id and o.model_digest = g.model_digest
      and o.id <> g.id and o.retired_at is null
    join howdah_private.due_embeddings as d on d.generation_id = g.id
    join howdah_private.chunk_embeddings as e
      on e.generation_id = o.id and e.chunk_number = d.chunk_number
    where g.id = copy_embeddings.generation_id limit copy_embeddings.at_most
    on conflict do nothing
    returning chunk_number
  )
  delete from howdah_private.due_embeddings as d using copied as c
  where d.generation_id = copy_embeddings.generation_id and d.chunk_number = c.chunk_number;
  get diagnostics v_count = row_count;
  return v_count;
end $$;

-- Claims due chunks of a generation. Returns the model and the texts, and how many vectors were
-- copied instead. A chunk whose worker ended in each of five attempts counts as refused. When a
-- limit of tokens or cost is used up, the chunks wait, and another attempt is a minute later.
create or replace function howdah_private.claim_chunks(generation_id uuid, at_most int)
  returns table (model jsonb, copied int, chunks jsonb)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_generation howdah_private.embedding_generations;
  v_copied int;
  v_is_used_up boolean;
  v_numbers bigint[];
begin
  select g.* into v_generation from howdah_private.embedding_generations as g
  where g.id = claim_chunks.generation_id and g.retired_at is null for no key update;
  v_copied := howdah_private.copy_embeddings(v_generation.id, 500);
  v_is_used_up := howdah_private.is_spending_used_up(v_generation.tenant_id, null);
  v_numbers := array(
    select d.chunk_number from howdah_private.due_embeddings as d
    where d.generation_id = v_generation.id and d.due_at <= clock_timestamp()
    order by d.due_at, d.chunk_number
    limit case when v_copied = 500 or v_is_used_up then 0 else claim_chunks.at_most end
    for update skip locked);
  update howdah_private.due_embeddings as d
  set attempts = d.attempts + 1,
    due_at = case when d.attempts < 5 then clock_timestamp() + interval '2 minutes'
      else 'infinity' end,
    error = case when d.attempts >= 5 then jsonb_build_object('code', 'crashed', 'message',
      '5 attempts to embed the chunk ended without a result') end
  where d.generation_id = v_generation.id and d.chunk_number = any (v_numbers);
  update howdah_private.embedding_generations as g
  set error = howdah_private.spending_error(), due_at = clock_timestamp() + interval '1 minute'
  where g.id = v_generation.id and v_is_used_up and exists (
    select from howdah_private.due_embeddings as d
    where d.generation_id = g.id and d.due_at < 'infinity');
  perform howdah_private.complete_generation(v_generation.id);
  return query
  select v_generation.model, v_copied, coalesce(to_jsonb(array_agg(
    jsonb_build_object('number', c.number::text, 'text', concat_ws(E'\n', d.title,
      array_to_string(c.heading_path, E'\n'), c.content)) order by c.number)), '[]')
  from howdah_private.due_embeddings as u
  join howdah.chunks as c on c.number = u.chunk_number
  join howdah.documents as d on d.tenant_id = c.tenant_id and d.id = c.document_id
  where u.generation_id = v_generation.id and u.chunk_number = any (v_numbers)
    and u.due_at < 'infinity';
end $$;

-- Counts the tokens of a call by the model of a generation, with their cost, for its base and for
-- limits.
create or replace function howdah_private.count_embedding(
  generation howdah_private.embedding_generations, tokens int, execution_id uuid
) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_cost numeric := howdah_private.count_model_use(generation.tenant_id,
    (generation.model ->> 'id')::uuid, count_embedding.tokens, 0, '{"units": {"request": 1}}',
    count_embedding.execution_id);
begin
  update howdah_private.embedding_generations as g
  set tokens = g.tokens + count_embedding.tokens, cost = g.cost + v_cost
  where g.id = generation.id;
end $$;

-- Writes vectors of chunks, of length 1. Vectors of another length than those of the generation are
-- refused. Chunks that were deleted meanwhile get none, and neither do those of a generation that
-- is retired.
create or replace function howdah_private.store_embeddings(
  generation_id uuid, numbers bigint[], vectors text[], tokens int
) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_generation howdah_private.embedding_generations;
  v_other int;
begin
  select g.* into v_generation from howdah_private.embedding_generations as g
  where g.id = store_embeddings.generation_id for no key update;
  perform howdah_private.count_embedding(v_generation, store_embeddings.tokens, null);
  update howdah_private.embedding_generations as g
  set failures = 0, error = null,
    dimensions = coalesce(g.dimensions, cardinality(store_embeddings.vectors[1]::real[]))
  where g.id = v_generation.id and g.retired_at is null
  returning g.* into v_generation;
  v_other := (
    select cardinality(v.vector::real[]) from unnest(store_embeddings.vectors) as v (vector)
    where cardinality(v.vector::real[]) <> v_generation.dimensions limit 1);
  if v_other is not null then
    raise exception using errcode = 'HWINV', message = format(
        'the model made a vector of %s dimensions, and the base has vectors of %s', v_other,
        v_generation.dimensions),
      detail = jsonb_build_object('field', 'embedding_model_id', 'dimensions', v_other)::text,
      hint = 'Set embedding_model_id to another model: its vectors replace the earlier ones when '
        'all are there.';
  end if;
  with claimed as (
    delete from howdah_private.due_embeddings as d
    where d.generation_id = v_generation.id and d.chunk_number = any (store_embeddings.numbers)
    returning d.chunk_number
  )
  insert into howdah_private.chunk_embeddings (generation_id, chunk_number, signs, vector)
  select v_generation.id, c.chunk_number,
    howdah_private.sign_bits(v.vector::real[], v_generation.center), v.vector::real[]
  from unnest(store_embeddings.numbers, store_embeddings.vectors) as v (number, vector)
  join claimed as c on c.chunk_number = v.number
  on conflict do nothing;
  perform howdah_private.complete_generation(v_generation.id);
end $$;

-- Records that a model made no vectors. If it refuses the chunks themselves, they get none until
-- their text changes. Otherwise they are due again, and the generation waits before the next call.
-- A limit of calls is no failure of the model.
create or replace function howdah_private.fail_embeddings(
  generation_id uuid, numbers bigint[], error jsonb, is_refused boolean, wait_ms int
) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_is_limited boolean := fail_embeddings.error ->> 'code' = 'limit_reached';
begin
  update howdah_private.embedding_generations as g
  set error = fail_embeddings.error, failures = g.failures + (not v_is_limited)::int,
    due_at = clock_timestamp() + greatest(
      case when not v_is_limited then howdah_private.retry_delay(g.failures) end,
      fail_embeddings.wait_ms * interval '1 millisecond')
  where g.id = fail_embeddings.generation_id and not fail_embeddings.is_refused;
  perform from howdah_private.embedding_generations as g
  where g.id = fail_embeddings.generation_id for no key update;
  update howdah_private.due_embeddings as d
  set attempts = greatest(d.attempts - 1, 0),
    due_at = case when fail_embeddings.is_refused then 'infinity' else clock_timestamp() end,
    error = case when fail_embeddings.is_refused then fail_embeddings.error end
  where d.generation_id = fail_embeddings.generation_id
    and d.chunk_number = any (fail_embeddings.numbers);
  perform howdah_private.complete_generation(fail_embeddings.generation_id);
end $$;

-- Returns what the state of a base says about its vectors; null for a base without a model.
create or replace function howdah_private.embeddings_state(tenant_id uuid, knowledge_base_id uuid)
  returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'status', case when bool_or(g.is_current) and count(*) = 1 then 'ready'
      when bool_or(g.is_current) then 'changing' else 'building' end,
    'dimensions', max(g.dimensions) filter (where g.is_current),
    'search', case when bool_or(g.is_current and howdah_private.has_vector_index(g.id))
      then 'index' else 'signs' end,
    'waiting', sum(d.waiting), 'refused', sum(d.refused), 'tokens', sum(g.tokens),
    'cost', trim_scale(sum(g.cost)),
    'error', (array_agg(g.error order by g.is_current) filter (where g.error is not null))[1])
  from howdah_private.embedding_generations as g
  cross join lateral (
    select count(*) filter (where u.due_at < 'infinity') as waiting,
      count(*) filter (where u.due_at = 'infinity') as refused
    from howdah_private.due_embeddings as u where u.generation_id = g.id
  ) as d
  where g.tenant_id = embeddings_state.tenant_id and g.retired_at is null
    and g.knowledge_base_id = embeddings_state.knowledge_base_id
  having count(*) > 0
$$;
