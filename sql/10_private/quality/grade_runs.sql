-- Grading: the runs of evaluations are graded when they end, in the batch job grade_run.
--
--   end of a run   → a row in due_grades                                  (enqueue_grading)
--   vectors        → are made for similarity graders (grade_similarity.sql)
--   claim_grades   → starts judges (judge_runs.sql), and claims runs that wait for none. They are
--                    due again in two minutes, in case the worker dies
--   a worker       → runs the queries of SQL graders in a sandbox, and undoes them
--   store_grades   → all other graders, the result, the totals of the evaluation; one transaction
--
-- An evaluation is a lane, so evaluations and tenants take turns. `claim` is the time of due_at at
-- the claim. A run that is retried and ends again has another due_at, so a worker that has the
-- earlier result stores nothing: each result is stored once, however many workers try.
--
-- A transaction locks runs, rows of due_grades, results and the evaluation, in this order. Runs
-- that end lock no row that other runs lock.

-- Adds a run that has ended to the queue, if it belongs to an evaluation, or the runs that it has
-- judged. Tags are written by anybody, so the rows of results and judgements decide. A retried run
-- is graded and judged again, also one that no evaluation has started.
create or replace function howdah_private.enqueue_grading(e howdah.executions) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  insert into howdah_private.due_grades as d (execution_id, tenant_id, evaluation_id)
  select r.execution_id, r.tenant_id, r.evaluation_id from howdah.evaluation_results as r
  where r.execution_id = e.id and r.tenant_id = e.tenant_id
  on conflict on constraint due_grades_pkey do update
  set due_at = clock_timestamp(), attempts = 0, keeps_scores = false;
  delete from howdah_private.judgements as j where j.execution_id = e.id;
  select howdah_private.settle_judgements(e) where e.metadata ? 'judged_execution_id'
$$;

-- Returns the evaluations that have due results, at most 1,000, those of the oldest first, or none
-- in a pause. Skips from evaluation to evaluation in the index.
create or replace function howdah_private.due_evaluations()
  returns table (tenant_id uuid, evaluation_id uuid)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
as $$
  with recursive evaluations (tenant_id, id) as (
    (select d.tenant_id, d.evaluation_id from howdah_private.due_grades as d
      order by d.tenant_id, d.evaluation_id limit 1)
    union all
    select n.tenant_id, n.evaluation_id from evaluations as v
    cross join lateral (
      select d.tenant_id, d.evaluation_id from howdah_private.due_grades as d
      where (d.tenant_id, d.evaluation_id) > (v.tenant_id, v.id)
      order by d.tenant_id, d.evaluation_id limit 1
    ) as n
  )
  select v.tenant_id, v.id from evaluations as v
  cross join lateral (
    select d.due_at from howdah_private.due_grades as d
    where d.tenant_id = v.tenant_id and d.evaluation_id = v.id order by d.due_at limit 1
  ) as f
  where f.due_at <= clock_timestamp()
    and not (select howdah_private.is_batch_job_paused('grade_run'))
  order by f.due_at limit 1000
$$;

-- Claims runs of an evaluation that are due, and returns those that have SQL graders with what
-- their queries get as $1. A run that was not completed has no grades, and a run that waits for a
-- judge or for vectors is not claimed. After a failed attempt runs are claimed one by one, so that
-- a run which cannot be graded stops no other. Rows of deleted evaluations are removed. Reads the
-- oldest rows alone, so that a claim costs no more in a longer queue.
create or replace function howdah_private.claim_grades(
  tenant_id uuid, evaluation_id uuid, at_most int
) returns table (execution_id uuid, claim text, graders jsonb, argument text)
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
as $$
#variable_conflict use_column
declare
  v_judged howdah.evaluations;
  v_ready uuid[];
  v_deleted int;
begin
  select v.* into v_judged from howdah.evaluations as v
  where v.tenant_id = claim_grades.tenant_id and v.id = claim_grades.evaluation_id
    and v.graders @? '$[*] ? (@.kind == "rubric" || @.kind == "similarity")';
  if found then
    v_ready := howdah_private.start_judges(v_judged, 4 * claim_grades.at_most);
  end if;
  loop
    delete from howdah_private.due_grades as d
    where d.evaluation_id = claim_grades.evaluation_id and d.execution_id = any (array(
        select o.execution_id from howdah_private.due_grades as o
        where o.tenant_id = claim_grades.tenant_id
          and o.evaluation_id = claim_grades.evaluation_id and o.due_at <= clock_timestamp()
        order by o.due_at limit claim_grades.at_most
        for update skip locked))
      and not exists (
        select from howdah.evaluation_results as r
        where r.execution_id = d.execution_id and r.evaluation_id = d.evaluation_id);
    get diagnostics v_deleted = row_count;
    exit when v_deleted < claim_grades.at_most;
  end loop;
  return query
  with due as (
    select d.execution_id, d.attempts, row_number() over (order by d.due_at) as place
    from howdah_private.due_grades as d
    where d.evaluation_id = claim_grades.evaluation_id and d.execution_id = any (array(
      select o.execution_id from howdah_private.due_grades as o
      where o.tenant_id = claim_grades.tenant_id
        and o.evaluation_id = claim_grades.evaluation_id and o.due_at <= clock_timestamp()
        and (v_judged.id is null or o.execution_id = any (v_ready))
      order by o.due_at limit claim_grades.at_most
      for update skip locked))
  ),
  claimed as (
    update howdah_private.due_grades as d
    set attempts = d.attempts + 1, due_at = clock_timestamp() + interval '2 minutes'
    from due as u
    where d.execution_id = u.execution_id and d.evaluation_id = claim_grades.evaluation_id
      and (u.place = 1 or not exists (select from due as x where x.attempts > 0))
    returning d.execution_id, d.due_at, d.keeps_scores
  )
  select c.execution_id, to_jsonb(c.due_at) #>> '{}',
    case when x.status = 'completed' then coalesce((
        select to_jsonb(array_agg(g.grader))
        from jsonb_path_query(v.graders, '$[*] ? (@.kind == "sql")') as g (grader)
        where not (c.keeps_scores and r.scores -> (g.grader ->> 'name') ? 'score')), '[]')
      else '[]' end,
    howdah_private.grader_argument(i, x)::text
  from claimed as c
  join howdah.executions as x on x.id = c.execution_id
  join howdah.evaluation_results as r
    on r.execution_id = c.execution_id and r.evaluation_id = claim_grades.evaluation_id
  join howdah.evaluations as v on v.id = r.evaluation_id and v.tenant_id = r.tenant_id
  cross join lateral howdah_private.item_of_result(r, x) as i;
end $$;

-- Returns the item of a result. A run that was not started for an item expects nothing.
create or replace function howdah_private.item_of_result(
  r howdah.evaluation_results, e howdah.executions
) returns howdah.dataset_items
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_item howdah.dataset_items;
begin
  if r.item_id is not null then
    select i.* into v_item from howdah.dataset_items as i
    where i.tenant_id = r.tenant_id and i.id = r.item_id;
  else
    v_item.input := e.input;
    v_item.input_data := e.input_data;
    v_item.input_parts := e.input_parts;
    v_item.metadata := e.metadata;
  end if;
  return v_item;
end $$;

-- Returns what the query of a SQL grader gets as $1.
create or replace function howdah_private.grader_argument(
  i howdah.dataset_items, e howdah.executions
) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object('execution_id', e.id, 'status', e.status, 'output', e.output,
    'output_data', e.output_data, 'item_id', i.id, 'input', i.input, 'input_data', i.input_data,
    'expected', i.expected, 'metadata', i.metadata)
$$;

-- Returns the calls of tools that a run made, in order, with their arguments.
create or replace function howdah_private.calls_of_run(execution_id uuid) returns jsonb
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(to_jsonb(array_agg(
    jsonb_build_object('name', s.name, 'arguments', s.input) order by s.seq)), '[]')
  from howdah.steps as s
  where s.execution_id = calls_of_run.execution_id and s.kind = 'tool'
$$;

-- Returns the grade of a run by one grader that neither a worker nor a judge has asked. A grader
-- that fails gives 0.
create or replace function howdah_private.grade_by(
  grader jsonb, i howdah.dataset_items, e howdah.executions
) returns jsonb
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_configuration jsonb := grader -> 'configuration';
  v_expected jsonb := howdah_private.expected_by(grader, i.expected);
  v_answer jsonb := coalesce(e.output_data, to_jsonb(e.output));
begin
  if howdah_private.is_encrypted(e.output) then
    return '{"score": 0, "detail": "the contents of the run are encrypted"}';
  end if;
  return case grader ->> 'kind'
    when 'exact' then howdah_private.grade_exact(v_answer, v_expected, v_configuration)
    when 'normalized' then howdah_private.grade_normalized(v_answer, v_expected, v_configuration)
    when 'regex' then howdah_private.grade_regex(v_answer, v_expected, v_configuration)
    when 'json_schema'
      then howdah_private.grade_json_schema(v_answer, v_expected, v_configuration)
    when 'json_fields'
      then howdah_private.grade_json_fields(v_answer, v_expected, v_configuration)
    when 'numeric' then howdah_private.grade_numeric(v_answer, v_expected, v_configuration)
    when 'trajectory' then howdah_private.grade_trajectory(
      howdah_private.calls_of_run(e.id), v_expected, v_configuration)
    when 'citation' then howdah_private.grade_citation(e, v_expected, v_configuration)
    when 'latency' then howdah_private.grade_at_most(
      to_jsonb(howdah_private.latency_ms(e)), null, v_configuration)
    when 'cost' then howdah_private.grade_at_most(to_jsonb(e.cost), null, v_configuration)
  end;
exception when others then
  if howdah_private.is_transient_error(sqlstate) then
    raise;
  end if;
  return jsonb_build_object('score', 0, 'detail', 'the grader failed: ' || sqlerrm);
end $$;

-- Returns the time from the start of a run to its end, in milliseconds.
create or replace function howdah_private.latency_ms(e howdah.executions) returns float8
  language sql immutable
  return extract(epoch from e.completed_at - e.started_at) * 1000;

-- Returns how many answers of models and tools a run took from an answer cache.
create or replace function howdah_private.cached_answers_of(execution_id uuid) returns int
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select count(*)::int from howdah.steps as s
  where s.execution_id = cached_answers_of.execution_id
    and (s.annotations ? 'cached_from'
      or s.kind = 'model' and s.tokens_in + s.tokens_out = 0 and s.output ? 'cached_from')
$$;

-- Returns how sure the answer of a run is of itself: the number `confidence` of a JSON answer, to
-- six digits. Never fails, whatever a model has written.
create or replace function howdah_private.confidence_of(e howdah.executions) returns float8
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_answer jsonb := e.output_data;
  v_confidence jsonb;
begin
  if v_answer is null and position('"confidence"' in e.output) > 0 then
    v_answer := howdah_private.json_of_answer(to_jsonb(e.output));
  end if;
  if jsonb_typeof(v_answer) = 'object' then
    v_confidence := v_answer -> 'confidence';
  end if;
  return case when jsonb_typeof(v_confidence) = 'number' and v_confidence between '0' and '1'
    then round(v_confidence::numeric, 6)::float8 end;
end $$;

-- Returns the grades that are kept if a result is graded again: those with a score.
create or replace function howdah_private.kept_scores(scores jsonb) returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(json_object_agg(s.name, s.grade)::jsonb, '{}')
  from jsonb_each(kept_scores.scores) as s (name, grade) where s.grade ? 'score'
$$;

-- Returns the grades of a run by all graders. Those of kind sql were asked by the worker, those of
-- kind rubric by a judge, those of kind similarity by a model. A grade without a score has an
-- error, and neither passes nor fails. If a judge is retried after the contents were encrypted or
-- erased, the other grades stay as they were.
create or replace function howdah_private.grade_run(
  v howdah.evaluations, i howdah.dataset_items, e howdah.executions, by_sql jsonb, earlier jsonb
) returns jsonb
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(json_object_agg(g.grader ->> 'name', s.grade || jsonb_build_object(
    'passed', (s.grade ->> 'score')::float8 >= (g.grader ->> 'pass_score')::float8))::jsonb, '{}')
  from jsonb_array_elements(v.graders) as g (grader)
  cross join lateral (
    select case when g.grader ->> 'kind' in ('rubric', 'similarity')
        then howdah_private.grade_rubric(e.id, v.id, g.grader)
      when num_nonnulls(e.contents_encrypted_at, e.contents_erased_at) > 0
        and grade_run.earlier ? (g.grader ->> 'name')
        then grade_run.earlier -> (g.grader ->> 'name')
      when g.grader ->> 'kind' = 'sql' then coalesce(grade_run.by_sql -> (g.grader ->> 'name'),
        '{"score": 0, "detail": "the query was not run"}')
      else howdah_private.grade_by(g.grader, i, e) end as grade
  ) as s
$$;

-- Stores the results of claimed runs, and the totals of the evaluation. A run that was not
-- completed fails without grades. A cancelled run, and one whose judge failed, neither passes nor
-- fails.
create or replace function howdah_private.store_grades(
  tenant_id uuid, evaluation_id uuid, ids uuid[], claims text[], by_sql text[]
) returns int
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
as $$
#variable_conflict use_column
declare
  v_ids uuid[];
begin
  v_ids := array(
    select d.execution_id from howdah_private.due_grades as d
    join unnest(store_grades.ids, store_grades.claims) as c (id, claim)
      on c.id = d.execution_id and d.due_at = c.claim::timestamptz
    where d.tenant_id = store_grades.tenant_id
      and d.evaluation_id = store_grades.evaluation_id
    order by d.execution_id for update of d);
  with graded as materialized (
    select r.id, x.status, x.error, x.stop_reason, x.tokens_in + x.tokens_out as tokens, x.cost,
      howdah_private.latency_ms(x) as latency_ms, v.graders,
      howdah_private.cached_answers_of(x.id) as cached_answers,
      case when num_nonnulls(x.contents_encrypted_at, x.contents_erased_at) > 0 then r.confidence
        when x.status = 'completed' then howdah_private.confidence_of(x) end as confidence,
      case when x.status = 'completed'
        then howdah_private.grade_run(v, i, x, g.grades::jsonb, r.scores)
          || case when d.keeps_scores then howdah_private.kept_scores(r.scores) else '{}' end
        else '{}' end as scores
    from unnest(store_grades.ids, store_grades.by_sql) as g (id, grades)
    join howdah_private.due_grades as d
      on d.execution_id = g.id and d.evaluation_id = store_grades.evaluation_id
    join howdah.evaluation_results as r
      on r.execution_id = g.id and r.evaluation_id = store_grades.evaluation_id
    join howdah.evaluations as v on v.id = r.evaluation_id and v.tenant_id = r.tenant_id
    join howdah.executions as x on x.id = g.id and x.completed_at is not null
    cross join lateral howdah_private.item_of_result(r, x) as i
    where g.id = any (v_ids)
  )
  update howdah.evaluation_results as r
  set graded_at = clock_timestamp(), scores = g.scores, tokens = g.tokens, cost = g.cost,
    latency_ms = g.latency_ms, cached_answers = g.cached_answers, confidence = g.confidence,
    score = case when g.status <> 'cancelled' and f.fault is null
      then coalesce(howdah_private.composite_score(g.graders, g.scores), 0) end,
    passed = case when g.status <> 'cancelled' and f.fault is null
      then g.status = 'completed' and not jsonb_path_exists(g.scores, '$.*.passed ? (@ == false)')
      end,
    grading_cost = (
      select sum((s.grade ->> 'cost')::numeric) from jsonb_each(g.scores) as s (name, grade)),
    error = case
      when g.status <> 'completed' then jsonb_build_object('code', g.stop_reason,
        'message', coalesce(g.error ->> 'message', 'the run was ' || g.status))
      when f.fault is not null
        then jsonb_build_object('code', 'not_graded', 'message', f.fault) end
  from graded as g
  cross join lateral (
    select string_agg(concat_ws(': ', s.name, s.grade ->> 'error'), '; ' order by s.name)
      filter (where s.grade ? 'error') as fault
    from jsonb_each(g.scores) as s (name, grade)
  ) as f
  where r.id = g.id;
  delete from howdah_private.due_grades as d
  where d.execution_id = any (v_ids) and d.evaluation_id = store_grades.evaluation_id;
  perform howdah_private.follow_evaluation(store_grades.evaluation_id);
  return cardinality(v_ids);
end $$;

-- Returns the weighted mean of the scores, null without scores.
create or replace function howdah_private.composite_score(graders jsonb, scores jsonb)
  returns float8
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select sum((g.grader ->> 'weight')::float8 * (s.grade ->> 'score')::float8)
    / sum((g.grader ->> 'weight')::float8)
  from jsonb_array_elements(composite_score.graders) as g (grader)
  join jsonb_each(composite_score.scores) as s (name, grade) on s.name = g.grader ->> 'name'
$$;

-- Gives up a run whose grading ended without a result in five attempts. It neither passes nor
-- fails.
create or replace function howdah_private.give_up_grading(
  tenant_id uuid, evaluation_id uuid
) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
as $$
#variable_conflict use_column
declare
  v_ids uuid[];
  v_kept uuid[];
begin
  with gone as (
    delete from howdah_private.due_grades as d
    where d.evaluation_id = give_up_grading.evaluation_id and d.execution_id = any (array(
      select o.execution_id from howdah_private.due_grades as o
      where o.tenant_id = give_up_grading.tenant_id
        and o.evaluation_id = give_up_grading.evaluation_id
        and o.attempts >= 5 and o.due_at <= clock_timestamp()
      for update skip locked))
    returning d.execution_id, d.keeps_scores
  )
  select array_agg(g.execution_id), array_agg(g.execution_id) filter (where g.keeps_scores)
  into v_ids, v_kept from gone as g;
  if v_ids is not null then
    update howdah.evaluation_results as r
    set graded_at = clock_timestamp(), passed = null, score = null,
      scores = case when r.execution_id = any (v_kept) then r.scores else '{}' end,
      error = '{"code": "not_graded", "message": "5 attempts to grade the run ended early"}'
    where r.execution_id = any (v_ids) and r.evaluation_id = give_up_grading.evaluation_id;
    perform howdah_private.follow_evaluation(give_up_grading.evaluation_id);
  end if;
end $$;
