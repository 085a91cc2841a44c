-- Fits the weights of hybrid searches in a base on questions whose documents are known: items of a
-- data set, or questions of runs whose answers were liked and cite their sources.
--
-- Each question is searched once by words and once by vectors, and both rankings are fused with
-- each of thirteen weights. The measure is nDCG@10 over documents. Five folds keep it honest: the
-- weights for the questions of a fold are those that are best for the other folds. Where the fused
-- ranking is not better than one ranking alone beyond the noise, that one is used alone.

-- Returns the newest questions with documents of a base, at most 200. Without a data set, they are
-- those of the last 90 days whose answers have a reward of at least 0.5.
create or replace function howdah_private.fit_questions(
  base howdah.knowledge_bases, dataset_id uuid
) returns table (question text, document_ids uuid[])
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  (select i.input, d.ids
  from howdah.dataset_items as i
  cross join lateral (
    select array_agg(distinct d.id) as ids
    from jsonb_path_query(i.expected, '$[*]') as e (name)
    join howdah.documents as d on d.tenant_id = base.tenant_id and d.knowledge_base_id = base.id
      and (d.title = e.name #>> '{}' or d.id::text = e.name #>> '{}')
    where jsonb_typeof(e.name) = 'string'
  ) as d
  where i.tenant_id = base.tenant_id and i.dataset_id = fit_questions.dataset_id
    and i.removed_at is null and i.input ~ '\S' and length(i.input) <= 10000 and d.ids is not null
  order by i.id desc limit 200)
  union all
  (select p.input ->> 'query', array_agg(distinct r.document_id)
  from howdah.searches as s
  join howdah.rewards as w on w.execution_id = s.execution_id and w.score >= 0.5
  join howdah.steps as p on p.execution_id = s.execution_id and p.seq = s.step_seq
  join howdah.citations as c on c.execution_id = s.execution_id and c.step_seq = s.step_seq
  join howdah.search_results as r on r.search_id = s.id and r.rank = c.rank
  join howdah.documents as d on d.tenant_id = r.tenant_id and d.id = r.document_id
  where fit_questions.dataset_id is null and s.tenant_id = base.tenant_id
    and s.created_at > now() - interval '90 days'
    and base.id = any (s.knowledge_base_ids) and r.knowledge_base_id = base.id
    and p.input ->> 'query' ~ '\S' and length(p.input ->> 'query') <= 10000
  group by p.input ->> 'query' order by max(s.created_at) desc limit 200)
$$;

-- Returns how well each question finds its documents with each share of the words: nDCG@10.
create or replace function howdah_private.fit_scores(
  base howdah.knowledge_bases, dataset_id uuid
) returns table (question_number bigint, share float8, ndcg float8)
  language plpgsql stable
  set search_path = pg_catalog, pg_temp set jit = off
as $$
#variable_conflict use_column
begin
  return query
  with questions as materialized (
    select row_number() over (order by md5(q.question)) as number, q.*
    from howdah_private.fit_questions(base, fit_scores.dataset_id) as q
  ),
  shares (share) as (
    select unnest('{1, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0}'::float8[])
  ),
  found as (
    select f.* from questions as q
    cross join lateral howdah_private.fit_ranks(base, q.number, q.question) as f
  ),
  documents as (
    select f.number, s.share, c.document_id,
      max(howdah_private.fused_score(s.share, f.text_rank, 1 - s.share, f.vector_rank)) as score
    from found as f
    join howdah.chunks as c on c.number = f.chunk_number
    join shares as s on s.share > 0 and f.text_rank is not null
      or s.share < 1 and f.vector_rank is not null
    group by f.number, s.share, c.document_id
  ),
  ranked as (
    select d.*, row_number() over (
      partition by d.number, d.share order by d.score desc, d.document_id) as rank
    from documents as d
  ),
  gains as (
    select r.number, r.share, sum(1 / log(2, (r.rank + 1)::numeric))::float8 as gain
    from ranked as r join questions as q on q.number = r.number
    where r.rank <= 10 and r.document_id = any (q.document_ids)
    group by r.number, r.share
  )
  select q.number, s.share, coalesce(g.gain, 0) / (
    select sum(1 / log(2, (i + 1)::numeric))::float8
    from generate_series(1, least(10, cardinality(q.document_ids))) as i)
  from questions as q cross join shares as s
  left join gains as g on g.number = q.number and g.share = s.share;
end $$;

-- Returns the first 100 chunks of both rankings.
create or replace function howdah_private.fit_ranks(
  base howdah.knowledge_bases, number bigint, question text
) returns table (number bigint, chunk_number bigint, text_rank bigint, vector_rank bigint)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  with texts as (
    select f.chunk_number, row_number() over (order by f.score desc, f.chunk_number) as rank
    from howdah_private.search_base(base, fit_ranks.question, 100, '{}') as f
  ),
  vectors as (
    select f.chunk_number, row_number() over (order by f.score desc, f.chunk_number) as rank
    from howdah_private.search_legs(base, fit_ranks.question, 'vector') as l
    cross join lateral howdah_private.search_vectors(
      base, l.generation_id, l.vector, 100, '{}') as f
    where l.generation_id is not null
  )
  select fit_ranks.number, coalesce(t.chunk_number, v.chunk_number), t.rank, v.rank
  from texts as t full join vectors as v on v.chunk_number = t.chunk_number
$$;

-- Returns the weights that the questions justify, with the figures.
create or replace function howdah_private.fitted_weights(
  base howdah.knowledge_bases, dataset_id uuid
) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  with scores as materialized (
    select s.*, s.question_number % 5 as fold
    from howdah_private.fit_scores(base, fitted_weights.dataset_id) as s
  ),
  shares as (
    select s.share, sum(s.ndcg) as total from scores as s group by s.share
  ),
  folds as (
    select distinct on (f.fold) f.fold, s.share
    from (select distinct s.fold from scores as s) as f
    cross join lateral (
      select s.share, sum(s.ndcg) filter (where s.fold <> f.fold) as total
      from scores as s group by s.share) as s
    order by f.fold, s.total desc nulls last, s.share desc
  ),
  pairs as materialized (
    select s.question_number, s.ndcg as hybrid, t.ndcg as text, v.ndcg as vector
    from folds as f
    join scores as s on s.fold = f.fold and s.share = f.share
    join scores as t on t.question_number = s.question_number and t.share = 1
    join scores as v on v.question_number = s.question_number and v.share = 0
  ),
  single as (
    select case when (howdah_private.paired_interval(array_agg(
      p.vector - p.text order by p.question_number))).low > 0 then 0 else 1 end as share
    from pairs as p
  ),
  compared as (
    select s.share, i.* from single as s
    cross join lateral howdah_private.paired_interval(array(
      select p.hybrid - case s.share when 1 then p.text else p.vector end
      from pairs as p order by p.question_number)) as i
  ),
  chosen as (
    select case when c.low > 0 then (
      select s.share from shares as s where s.share > 0 and s.share < 1
      order by s.total desc, s.share desc limit 1) else c.share end as share
    from compared as c
  )
  select jsonb_build_object(
    'weights', jsonb_build_object('text', round(h.share::numeric, 2),
      'vector', round(1 - h.share::numeric, 2)),
    'fitted', jsonb_build_object('questions', c.items, 'measure', 'ndcg@10',
      'text', f.text, 'vector', f.vector, 'hybrid', f.hybrid,
      'difference', jsonb_build_object('to', case c.share when 1 then 'text' else 'vector' end,
        'estimate', round(c.estimate::numeric, 4), 'low', round(c.low::numeric, 4),
        'high', round(c.high::numeric, 4), 'verdict', c.verdict)))
  from compared as c cross join chosen as h cross join (
    select round(avg(p.text)::numeric, 4) as text, round(avg(p.vector)::numeric, 4) as vector,
      round(avg(p.hybrid)::numeric, 4) as hybrid
    from pairs as p) as f
$$;

-- Refuses to fit a base without vectors, or on too few questions.
create or replace function howdah_private.check_fit(
  base howdah.knowledge_bases, questions int, is_dataset boolean
) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_least constant int := 20;
begin
  if not exists (
    select from howdah_private.embedding_generations as g
    where g.tenant_id = base.tenant_id and g.knowledge_base_id = base.id and g.is_current
      and g.dimensions is not null) then
    raise exception using errcode = 'HWINV',
      message = format('the knowledge base %L has no vectors', base.name),
      detail = jsonb_build_object('field', 'base', 'knowledge_base', base.name)::text,
      hint = 'Set its embedding_model_id to a model of purpose embedding, and wait until '
        'howdah.knowledge_bases_state says ready.';
  elsif check_fit.questions < v_least then
    raise exception using errcode = 'HWINV',
      message = format('only %s questions have documents of the knowledge base %L, of at least %s',
        check_fit.questions, base.name, v_least),
      detail = jsonb_build_object('field', case when is_dataset then 'dataset' else 'base' end,
        'questions', check_fit.questions, 'least', v_least)::text,
      hint = case when is_dataset
        then 'Add items whose input is a question, and whose expected is the title or id of the '
          'document with the answer, or an array of them.'
        else 'Give feedback on runs that cite the base, or name a data set of questions.' end;
  end if;
end $$;

-- Asks workers for the vectors of questions, as many as may wait. Returns the error of the model,
-- if there is one.
create or replace function howdah_private.embed_questions(
  base howdah.knowledge_bases, questions text[]
) returns jsonb
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_question text;
  v_answer jsonb;
begin
  foreach v_question in array embed_questions.questions loop
    begin
      v_answer := howdah.embed_query(array[base.name], v_question, 'hybrid');
    exception when sqlstate 'HWQTA' then
      exit; -- the others are asked for when some of these have their vectors
    end;
    if v_answer ->> 'status' = 'failed' then
      return v_answer;
    end if;
  end loop;
  return '{}';
end $$;

-- Fits the weights of a base, and writes them with the figures. Questions without a vector are sent
-- to workers first, as many as a tenant may have waiting.
create or replace function howdah.fit_ranking(base text, dataset text default null) returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_base howdah.knowledge_bases;
  v_dataset_id uuid;
  v_questions text[];
  v_missing text[];
  v_state jsonb;
  v_fit jsonb;
begin
  perform howdah_private.lock_caller();
  perform howdah_private.permit('knowledge_bases', 'manage');
  select b.* into v_base from howdah.knowledge_bases as b
  where b.id = howdah.knowledge_base(fit_ranking.base);
  if fit_ranking.dataset is not null then
    v_dataset_id := howdah_private.dataset_named(fit_ranking.dataset);
  end if;
  v_questions := array(
    select q.question from howdah_private.fit_questions(v_base, v_dataset_id) as q);
  perform howdah_private.check_fit(v_base, cardinality(v_questions), v_dataset_id is not null);
  v_missing := array(
    select q.question from unnest(v_questions) as q (question)
    where exists (
      select from howdah_private.search_legs(v_base, q.question, 'hybrid') as l
      where l.generation_id is null));
  if v_missing <> '{}' then
    v_state := howdah_private.embed_questions(v_base, v_missing);
    return jsonb_build_object('status', 'pending', 'questions', cardinality(v_questions),
      'waiting', cardinality(v_missing)) || v_state;
  end if;
  v_fit := howdah_private.fitted_weights(v_base, v_dataset_id);
  v_fit := jsonb_set(v_fit, '{fitted}', v_fit -> 'fitted' || jsonb_build_object(
    'at', now(), 'questions_of', coalesce((
      select d.name from howdah.datasets as d where d.id = v_dataset_id), 'feedback')));
  update howdah.knowledge_bases as b set ranking = b.ranking || v_fit where b.id = v_base.id;
  return v_fit || '{"status": "fitted"}';
end $$;
comment on function howdah.fit_ranking(text, text) is
  'Fits how much words and vectors count in hybrid searches of a knowledge base, and writes '
  'ranking.weights and ranking.fitted: select howdah.fit_ranking(''handbook'', ''questions''). '
  'The items of the data set have a question as input, and titles or ids of its documents as '
  'expected. Without a data set, the questions are those of runs with a reward of at least 0.5 '
  'that cite the base. Returns the status: pending while questions wait for their vectors (call '
  'it again), failed with the error of the model, or fitted. At least 20 questions are needed; '
  'the newest 200 are used.';
