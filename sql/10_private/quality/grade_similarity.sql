-- Graders of kind similarity: the cosine of the vectors of the answer and of what is expected. The
-- database calls no model, so a run waits for its vectors, as it waits for judges.
--
--   claim_similarities → settles what needs no model, and claims runs that need vectors. They are
--                        due again in two minutes, in case the worker dies. Runs with a text that
--                        another worker embeds are due again in a second (reserve_texts)
--   a worker           → calls the model (workers/batch-jobs/embed-answers.ts)
--   store_similarity   → stores the vectors and the judgement. The last one makes the run due
--   fail_similarity    → the run is due later; after five attempts there is an error, and no score
--
-- Vectors are kept for a day in query_embeddings, without texts: equal texts are embedded once.

-- Returns the embedding model of a name.
create or replace function howdah_private.embedding_model_named(
  tenant_id uuid, name text, field text
) returns howdah.models
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_model howdah.models;
begin
  select m.* into v_model from howdah.models as m
  where m.tenant_id = embedding_model_named.tenant_id and m.name = embedding_model_named.name;
  if v_model.id is null then
    raise exception using errcode = 'HWNTF',
      message = format('there is no embedding model %L', embedding_model_named.name),
      detail = jsonb_build_object('field', embedding_model_named.field,
        'model', embedding_model_named.name)::text,
      hint = 'Name a row of howdah.models with the purpose embedding.';
  end if;
  perform howdah_private.check_makes_embeddings(v_model, embedding_model_named.field);
  return v_model;
end $$;

-- Adds to copies of graders which model embeds, and the score from which they pass.
create or replace function howdah_private.pin_embedding_models(tenant_id uuid, graders jsonb)
  returns jsonb
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_graders jsonb := '[]';
  v_grader jsonb;
  v_model howdah.models;
begin
  for v_grader in
    select g.grader from jsonb_array_elements(pin_embedding_models.graders) as g (grader)
  loop
    if v_grader ->> 'kind' = 'similarity' then
      v_model := howdah_private.embedding_model_named(
        pin_embedding_models.tenant_id, v_grader #>> '{configuration,model}', 'graders');
      v_grader := v_grader || jsonb_build_object(
        'pass_score', coalesce(v_grader #> '{configuration,minimum}', v_grader -> 'pass_score'),
        'model', jsonb_build_object('id', v_model.id, 'name', v_model.name, 'digest',
          howdah_private.embedding_digest(howdah_private.model_definition(v_model, '{}'))));
    end if;
    v_graders := v_graders || v_grader;
  end loop;
  return v_graders;
end $$;

-- Returns what the similarity graders of an evaluation compare in runs, without judgements that
-- exist. `fault` says why nothing can be compared.
create or replace function howdah_private.needed_similarities(
  tenant_id uuid, evaluation_id uuid, ids uuid[]
) returns table (execution_id uuid, grader text, model jsonb, model_digest text, answer text,
  expected text, fault text)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select e.id, g.grader ->> 'name', d.definition, g.grader #>> '{model,digest}', t.answer,
    t.expected,
    case when v.status = 'cancelled' then 'the evaluation was cancelled'
      when howdah_private.is_encrypted(e.output) then 'the contents of the run are encrypted'
      when (howdah_private.embedding_digest(d.definition) = g.grader #>> '{model,digest}')
        is not true then format('the embedding model %L was changed or deleted after the start '
          'of the evaluation', g.grader #>> '{model,name}') end
  from howdah.evaluation_results as r
  join howdah.evaluations as v on v.tenant_id = r.tenant_id and v.id = r.evaluation_id
  join howdah.executions as e on e.id = r.execution_id and e.status = 'completed'
  join howdah.dataset_items as i on i.tenant_id = r.tenant_id and i.id = r.item_id
  cross join jsonb_path_query(v.graders, '$[*] ? (@.kind == "similarity")') as g (grader)
  cross join lateral (
    select
      howdah_private.json_as_text(coalesce(e.output_data, to_jsonb(e.output))) as answer,
      howdah_private.json_as_text(howdah_private.expected_by(g.grader, i.expected)) as expected
  ) as t
  left join lateral (
    select howdah_private.model_definition(m, '{}') as definition from howdah.models as m
    where m.tenant_id = r.tenant_id and m.id = (g.grader #>> '{model,id}')::uuid
  ) as d on true
  where r.tenant_id = needed_similarities.tenant_id
    and r.evaluation_id = needed_similarities.evaluation_id
    and r.execution_id = any (needed_similarities.ids)
    and not exists (
      select from howdah_private.judgements as j
      where j.execution_id = e.id and j.evaluation_id = v.id
        and j.grader = g.grader ->> 'name')
$$;

-- Settles the similarities that need no model: of equal texts, of empty ones, and those with a
-- fault.
create or replace function howdah_private.settle_plain_similarities(
  tenant_id uuid, evaluation_id uuid, ids uuid[]
) returns void
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $$
  insert into howdah_private.judgements (execution_id, evaluation_id, grader, tenant_id,
    settled_at, digest, verdict, error)
  select n.execution_id, settle_plain_similarities.evaluation_id, n.grader,
    settle_plain_similarities.tenant_id, clock_timestamp(), n.model_digest,
    case when n.fault is not null then null
      when n.expected ~ '\S' is not true
        then '{"score": 0, "reason": "the item expects no text"}'::jsonb
      when n.answer ~ '\S' is not true then '{"score": 0, "reason": "the answer is empty"}'
      else '{"score": 1}' end,
    n.fault
  from howdah_private.needed_similarities(settle_plain_similarities.tenant_id,
    settle_plain_similarities.evaluation_id, settle_plain_similarities.ids) as n
  where n.fault is not null or (n.expected ~ '\S' and n.answer ~ '\S') is not true
    or n.expected = n.answer
  on conflict on constraint judgements_pkey do nothing
$$;

-- Reserves the texts without a vector that runs need, and returns the runs whose texts are all
-- reserved. A reserved text is a row without a vector and a query: another worker embeds it no
-- second time, and takes it over after two minutes, in case the worker has died. Rows are inserted
-- in the order of their keys, so that two workers wait for each other in one order.
create or replace function howdah_private.reserve_texts(
  tenant_id uuid, evaluation_id uuid, ids uuid[]
) returns uuid[]
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_runs uuid[];
  v_models text[];
  v_digests text[];
  v_reserved text[];
  v_ready uuid[];
begin
  select array_agg(n.execution_id), array_agg(n.model_digest), array_agg(md5(t.text))
  into v_runs, v_models, v_digests
  from howdah_private.needed_similarities(
    reserve_texts.tenant_id, reserve_texts.evaluation_id, reserve_texts.ids) as n
  cross join unnest(array[n.answer, n.expected]) as t (text)
  where not exists (
    select from howdah_private.query_embeddings as q
    where q.tenant_id = reserve_texts.tenant_id and q.model_digest = n.model_digest
      and q.digest = md5(t.text) and q.vector is not null);
  with reserved as (
    insert into howdah_private.query_embeddings as q (tenant_id, model_digest, digest, model)
    select distinct reserve_texts.tenant_id, m.model_digest, m.digest, '{}'::jsonb
    from unnest(v_models, v_digests) as m (model_digest, digest)
    order by m.model_digest, m.digest
    on conflict on constraint query_embeddings_pkey do update
    set requested_at = clock_timestamp()
    where q.vector is null and q.requested_at < clock_timestamp() - interval '2 minutes'
    returning q.model_digest, q.digest
  )
  select coalesce(array_agg(r.model_digest || ' ' || r.digest), '{}') into v_reserved
  from reserved as r;
  v_ready := array(
    select i.id from unnest(reserve_texts.ids) as i (id)
    where not exists (
      select from unnest(v_runs, v_models, v_digests) as m (run, model_digest, digest)
      where m.run = i.id and m.model_digest || ' ' || m.digest <> all (v_reserved)));
  -- what only postponed runs need is free again
  delete from howdah_private.query_embeddings as q
  using unnest(v_models, v_digests) as m (model_digest, digest)
  where q.tenant_id = reserve_texts.tenant_id and q.model_digest = m.model_digest
    and q.digest = m.digest and num_nulls(q.vector, q.query) = 2
    and m.model_digest || ' ' || m.digest = any (v_reserved) and not exists (
      select from unnest(v_runs, v_models, v_digests) as k (run, model_digest, digest)
      where k.run = any (v_ready) and k.model_digest = m.model_digest and k.digest = m.digest);
  return v_ready;
end $$;

-- Claims due runs of an evaluation that need vectors. Returns a row for each grader, with the texts
-- that have no vector yet. When a limit of tokens or cost is used up, the runs wait for a minute.
create or replace function howdah_private.claim_similarities(
  tenant_id uuid, evaluation_id uuid, at_most int
) returns table (execution_id uuid, grader text, claim text, model jsonb, texts jsonb)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
as $$
#variable_conflict use_column
declare
  v_ids uuid[];
  v_ready uuid[];
begin
  if not exists (
    select from howdah.evaluations as v
    where v.tenant_id = claim_similarities.tenant_id and v.id = claim_similarities.evaluation_id
      and v.graders @? '$[*] ? (@.kind == "similarity")') then
    return;
  end if;
  v_ids := array(
    select d.execution_id from howdah_private.due_grades as d
    where d.tenant_id = claim_similarities.tenant_id
      and d.evaluation_id = claim_similarities.evaluation_id and d.due_at <= clock_timestamp()
    order by d.due_at limit 200 for update skip locked);
  perform howdah_private.settle_plain_similarities(
    claim_similarities.tenant_id, claim_similarities.evaluation_id, v_ids);
  v_ids := array(
    select distinct n.execution_id from howdah_private.needed_similarities(
      claim_similarities.tenant_id, claim_similarities.evaluation_id, v_ids) as n
    order by n.execution_id limit claim_similarities.at_most);
  if howdah_private.is_spending_used_up(claim_similarities.tenant_id, null) then
    update howdah_private.due_grades as d set due_at = clock_timestamp() + interval '1 minute'
    where d.execution_id = any (v_ids) and d.evaluation_id = claim_similarities.evaluation_id;
    return;
  end if;
  v_ready := howdah_private.reserve_texts(
    claim_similarities.tenant_id, claim_similarities.evaluation_id, v_ids);
  -- the others wait for texts that another worker embeds
  update howdah_private.due_grades as d
  set attempts = d.attempts + (d.execution_id = any (v_ready))::int,
    due_at = clock_timestamp() + case when d.execution_id = any (v_ready)
      then interval '2 minutes' else interval '1 second' end
  where d.execution_id = any (v_ids) and d.evaluation_id = claim_similarities.evaluation_id;
  return query
  select n.execution_id, n.grader, to_jsonb(d.due_at) #>> '{}', n.model, (
      select coalesce(to_jsonb(array_agg(t.text)), '[]')
      from unnest(array[n.answer, n.expected]) as t (text)
      where not exists (
        select from howdah_private.query_embeddings as q
        where q.tenant_id = claim_similarities.tenant_id and q.model_digest = n.model_digest
          and q.digest = md5(t.text) and q.vector is not null))
  from howdah_private.needed_similarities(
    claim_similarities.tenant_id, claim_similarities.evaluation_id, v_ready) as n
  join howdah_private.due_grades as d
    on d.execution_id = n.execution_id and d.evaluation_id = claim_similarities.evaluation_id
  order by n.execution_id, n.grader;
end $$;

-- Returns the cosine of two texts that have vectors of length 1, to six places; null without them.
create or replace function howdah_private.text_cosine(
  tenant_id uuid, model_digest text, a text, b text
) returns numeric
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select round((
    select sum(c.x::float8 * c.y::float8) from unnest(p.vector, q.vector) as c (x, y))::numeric, 6)
  from howdah_private.query_embeddings as p
  join howdah_private.query_embeddings as q
    on q.tenant_id = p.tenant_id and q.model_digest = p.model_digest
    and q.digest = md5(text_cosine.b) and cardinality(q.vector) = cardinality(p.vector)
  where p.tenant_id = text_cosine.tenant_id and p.model_digest = text_cosine.model_digest
    and p.digest = md5(text_cosine.a)
$$;

-- Returns what a grader of a claimed run compares, and locks the row of the queue. Returns nothing
-- if the claim is not valid any more.
create or replace function howdah_private.claimed_similarity(
  tenant_id uuid, evaluation_id uuid, execution_id uuid, grader text, claim text
) returns table (model jsonb, model_digest text, answer text, expected text, attempts int)
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $$
  with locked as materialized (
    select d.attempts from howdah_private.due_grades as d
    where d.execution_id = claimed_similarity.execution_id
      and d.evaluation_id = claimed_similarity.evaluation_id
      and d.due_at = claimed_similarity.claim::timestamptz for update
  )
  select n.model, n.model_digest, n.answer, n.expected, l.attempts
  from locked as l
  cross join howdah_private.needed_similarities(claimed_similarity.tenant_id,
    claimed_similarity.evaluation_id, array[claimed_similarity.execution_id]) as n
  where n.grader = claimed_similarity.grader and n.fault is null
$$;

-- Makes a run due if none of its similarity graders needs vectors any more.
create or replace function howdah_private.end_similarities(
  tenant_id uuid, evaluation_id uuid, execution_id uuid
) returns void
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $$
  update howdah_private.due_grades as d set due_at = clock_timestamp(), attempts = 0
  where d.execution_id = end_similarities.execution_id
    and d.evaluation_id = end_similarities.evaluation_id and not exists (
    select from howdah_private.needed_similarities(end_similarities.tenant_id,
      end_similarities.evaluation_id, array[end_similarities.execution_id]))
$$;

-- Stores vectors of texts, and the similarity that a grader needed them for. Its cost is that of
-- the texts which were embedded for it.
create or replace function howdah_private.store_similarity(
  tenant_id uuid, evaluation_id uuid, execution_id uuid, grader text, claim text, texts text[],
  vectors text[], tokens int
) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_needed record;
  v_cosine numeric;
  v_cost numeric := 0;
begin
  select n.* into v_needed from howdah_private.claimed_similarity(store_similarity.tenant_id,
    store_similarity.evaluation_id, store_similarity.execution_id, store_similarity.grader,
    store_similarity.claim) as n;
  if not found then
    return;
  end if;
  insert into howdah_private.query_embeddings as q (tenant_id, model_digest, digest, model, vector)
  select store_similarity.tenant_id, v_needed.model_digest, md5(t.text), v_needed.model,
    t.vector::real[]
  from unnest(store_similarity.texts, store_similarity.vectors) as t (text, vector)
  order by md5(t.text)
  on conflict on constraint query_embeddings_pkey do update
  set vector = excluded.vector, requested_at = excluded.requested_at, query = null, error = null,
    model = excluded.model;
  if cardinality(store_similarity.texts) > 0 then
    v_cost := howdah_private.count_model_use(store_similarity.tenant_id,
      (v_needed.model ->> 'id')::uuid, store_similarity.tokens, 0, '{"units": {"request": 1}}',
      null);
  end if;
  v_cosine := howdah_private.text_cosine(
    store_similarity.tenant_id, v_needed.model_digest, v_needed.answer, v_needed.expected);
  insert into howdah_private.judgements (execution_id, evaluation_id, grader, tenant_id,
    settled_at, is_shared, cost, digest, verdict, error)
  values (store_similarity.execution_id, store_similarity.evaluation_id,
    store_similarity.grader, store_similarity.tenant_id, clock_timestamp(),
    cardinality(store_similarity.texts) = 0, v_cost, v_needed.model_digest,
    case when v_cosine is not null then jsonb_build_object(
      'score', greatest(0, least(1, v_cosine)), 'reason', 'cosine ' || trim_scale(v_cosine)) end,
    case when v_cosine is null then 'the model made vectors of different lengths' end);
  perform howdah_private.end_similarities(
    store_similarity.tenant_id, store_similarity.evaluation_id, store_similarity.execution_id);
end $$;

-- Records that the model made no vectors for a claimed run. Returns whether the run is due later,
-- with its other graders. If the model refused the texts or failed five times, it is not graded.
-- With `wait_ms`, a limit allowed no call: the run is due then, and no attempt counts.
create or replace function howdah_private.fail_similarity(
  tenant_id uuid, evaluation_id uuid, execution_id uuid, grader text, claim text, error text,
  is_refused boolean, wait_ms int default null
) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_needed record;
begin
  select n.* into v_needed from howdah_private.claimed_similarity(fail_similarity.tenant_id,
    fail_similarity.evaluation_id, fail_similarity.execution_id, fail_similarity.grader,
    fail_similarity.claim) as n;
  if not found then
    return false;
  end if;
  -- also what its other graders need, which are not asked before the next attempt
  delete from howdah_private.query_embeddings as q
  using howdah_private.needed_similarities(fail_similarity.tenant_id,
    fail_similarity.evaluation_id, array[fail_similarity.execution_id]) as n
  where q.tenant_id = fail_similarity.tenant_id and q.model_digest = n.model_digest
    and q.digest in (md5(n.answer), md5(n.expected)) and num_nulls(q.vector, q.query) = 2;
  if fail_similarity.wait_ms is not null
    or not fail_similarity.is_refused and v_needed.attempts < 5 then
    update howdah_private.due_grades as d
    set attempts = d.attempts - (fail_similarity.wait_ms is not null and d.attempts > 0)::int,
      due_at = clock_timestamp() + coalesce(
        fail_similarity.wait_ms * interval '1 millisecond',
        howdah_private.retry_delay(v_needed.attempts - 1))
    where d.execution_id = fail_similarity.execution_id
      and d.evaluation_id = fail_similarity.evaluation_id;
    return true;
  end if;
  insert into howdah_private.judgements (execution_id, evaluation_id, grader, tenant_id,
    settled_at, digest, error)
  values (fail_similarity.execution_id, fail_similarity.evaluation_id, fail_similarity.grader,
    fail_similarity.tenant_id, clock_timestamp(), v_needed.model_digest,
    'the embedding model failed: ' || fail_similarity.error);
  perform howdah_private.end_similarities(
    fail_similarity.tenant_id, fail_similarity.evaluation_id, fail_similarity.execution_id);
  return false;
end $$;
