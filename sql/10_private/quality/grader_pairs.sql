-- Pairs of what a grader and people said about one result. The row without a grader is for the
-- whole result: its score, and whether it passed all graders.

-- Returns the results of an evaluation that people have graded, once for each grader. What people
-- said about the question of the grader counts, and without that what they said about the whole
-- result. The score of several people is their mean. Items that are examples of a judge are left
-- out, since the judge has read what people said about them.
create or replace function howdah_private.grader_pairs(evaluation uuid)
  returns table (
    result_id uuid, item_id uuid, execution_id uuid, grader text, people int, person_score float8,
    grader_score float8, is_passed boolean, detail text, comments text[]
  )
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  with shown as (
    select distinct g.grader ->> 'name' as grader, (x.example ->> 'item_id')::uuid as item_id
    from howdah.evaluations as v
    cross join lateral jsonb_array_elements(v.graders) as g (grader)
    cross join lateral jsonb_path_query(g.grader, '$.configuration.examples[*]') as x (example)
    where v.id = grader_pairs.evaluation and x.example ? 'item_id'
  ),
  opinions as (
    select g.evaluation_result_id, g.grader, count(*)::int as people, avg(g.score) as score,
      array_agg(g.comment order by g.id) filter (where g.comment is not null) as comments
    from howdah.grades as g where g.evaluation_id = grader_pairs.evaluation
    group by g.evaluation_result_id, g.grader
  ),
  said as (
    select r.id, r.item_id, r.execution_id, null as grader, r.score, r.passed, null as detail
    from howdah.evaluation_results as r
    where r.evaluation_id = grader_pairs.evaluation and r.passed is not null
    union all
    select r.id, r.item_id, r.execution_id, s.name, (s.grade ->> 'score')::float8,
      (s.grade ->> 'passed')::boolean, s.grade ->> 'detail'
    from howdah.evaluation_results as r
    cross join lateral jsonb_each(r.scores) as s (name, grade)
    where r.evaluation_id = grader_pairs.evaluation
      and coalesce(s.grade -> 'passed', 'null') <> 'null'
  )
  select s.id, s.item_id, s.execution_id, s.grader, o.people, o.score, s.score, s.passed, s.detail,
    coalesce(o.comments, '{}')
  from said as s
  cross join lateral (
    select x.* from opinions as x
    where x.evaluation_result_id = s.id and (x.grader = s.grader or x.grader is null)
    order by x.grader nulls last limit 1
  ) as o
  where s.score is not null and not exists (
    select from shown as w
    where w.item_id = s.item_id and (w.grader = s.grader or s.grader is null))
$$;

-- Returns the graders of an evaluation whose judge has several examples: their order may sway it.
create or replace function howdah_private.graders_with_examples(evaluation uuid) returns text[]
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select array(
    select g.grader ->> 'name' from howdah.evaluations as v
    cross join lateral jsonb_array_elements(v.graders) as g (grader)
    where v.id = graders_with_examples.evaluation and g.grader ->> 'kind' = 'rubric'
      and jsonb_array_length(g.grader #> '{configuration,examples}') > 1)
$$;

-- Returns the length of the answer of a run in characters, null if it is unknown.
create or replace function howdah_private.answer_length(execution_id uuid) returns int
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select length(coalesce(e.output, e.output_data::text)) from howdah.executions as e
  where e.id = answer_length.execution_id and e.contents_erased_at is null
    and e.contents_encrypted_at is null
$$;

-- Raises HWNTF for an evaluation that the caller does not see, and HWINV for a score out of range.
create or replace function howdah_private.check_agreement(evaluation uuid, pass_score float8)
  returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if (check_agreement.pass_score between 0 and 1) is not true then
    raise exception using errcode = 'HWINV',
      message = format('pass_score must be from 0 to 1, not %s',
        coalesce(check_agreement.pass_score::text, 'null')),
      detail = '{"field": "pass_score"}',
      hint = 'Give the least score of people that counts as passed, such as 0.5.';
  elsif check_agreement.evaluation is not null then
    perform howdah_private.evaluation_by_id(check_agreement.evaluation, 'evaluation');
  end if;
end $$;

-- Raises HWINV for a grader that an evaluation does not have. Null is the whole result.
create or replace function howdah_private.check_grader_of(evaluation uuid, grader text) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_graders text[] := array(
    select g.grader ->> 'name' from howdah.evaluations as v
    cross join lateral jsonb_array_elements(v.graders) as g (grader)
    where v.id = check_grader_of.evaluation);
begin
  -- also null <> all ('{}') is true
  if check_grader_of.grader is not null and check_grader_of.evaluation is not null
    and check_grader_of.grader <> all (v_graders)
  then
    raise exception using errcode = 'HWINV',
      message = format('the evaluation has no grader %L', check_grader_of.grader),
      detail = jsonb_build_object('field', 'grader', 'grader', check_grader_of.grader)::text,
      hint = coalesce(
        'Did you mean ' || howdah_private.nearest_word(check_grader_of.grader, v_graders) || '?',
        'Its graders: ' || howdah_private.list_names(v_graders, 8)
          || '. Leave grader out for the whole result.',
        'It has no graders. Leave grader out for the whole result.');
  end if;
end $$;
