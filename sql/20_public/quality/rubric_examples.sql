-- Examples for a judge from what people said. Rows are read with the privileges of the caller.

-- Raises HWINV unless a grader of the evaluation is a judge.
create or replace function howdah_private.check_judge_of(evaluation uuid, grader text) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.check_grader_of(
    check_judge_of.evaluation, coalesce(check_judge_of.grader, ''));
  if exists (
    select from howdah.evaluations as v
    cross join lateral jsonb_array_elements(v.graders) as g (grader)
    where v.id = check_judge_of.evaluation and g.grader ->> 'name' = check_judge_of.grader
      and g.grader ->> 'kind' <> 'rubric'
  ) then
    raise exception using errcode = 'HWINV',
      message = format('the grader %L asks no judge', check_judge_of.grader),
      detail = jsonb_build_object('field', 'grader', 'grader', check_judge_of.grader)::text,
      hint = 'Name a grader of kind rubric.';
  end if;
end $$;

-- Returns the scale on which a judge of an evaluation gives scores.
create or replace function howdah_private.scale_of_judge(
  evaluation uuid, grader text, out low numeric, out high numeric
)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce((g.grader #> '{configuration,scale,min}')::numeric, 0),
    coalesce((g.grader #> '{configuration,scale,max}')::numeric, 1)
  from howdah.evaluations as v
  cross join lateral jsonb_array_elements(v.graders) as g (grader)
  where v.id = scale_of_judge.evaluation and g.grader ->> 'name' = scale_of_judge.grader
$$;

create or replace function howdah.rubric_examples(
  evaluation uuid, grader text, examples int default 4
) returns jsonb
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if (rubric_examples.examples between 1 and 20) is not true then
    raise exception using errcode = 'HWINV',
      message = format('examples must be from 1 to 20, not %s',
        coalesce(rubric_examples.examples::text, 'null')),
      detail = '{"field": "examples"}', hint = 'Four examples are enough for most judges.';
  end if;
  perform howdah_private.evaluation_by_id(rubric_examples.evaluation, 'evaluation'),
    howdah_private.check_judge_of(rubric_examples.evaluation, rubric_examples.grader);
  return (
    with candidates as (
      select distinct on (p.item_id) p.item_id, p.result_id, p.person_score, p.grader_score,
        p.comments, coalesce(e.output_data, to_jsonb(e.output)) as output
      from howdah_private.grader_pairs(rubric_examples.evaluation) as p
      join howdah.dataset_items as i on i.id = p.item_id
      join howdah.executions as e on e.id = p.execution_id
      where p.grader = rubric_examples.grader and cardinality(p.comments) > 0
        and i.removed_at is null
        and num_nonnulls(i.source_execution_id, e.contents_erased_at, e.contents_encrypted_at) = 0
        and length(coalesce(e.output, e.output_data::text)) <= 10000
      order by p.item_id, abs(p.grader_score - p.person_score) desc, p.result_id
    ),
    ranges as (
      select c.*, ntile(rubric_examples.examples) over (order by c.person_score, c.item_id) as place
      from candidates as c
    ),
    chosen as (
      select distinct on (r.place) r.* from ranges as r
      order by r.place, abs(r.grader_score - r.person_score) desc, r.item_id
    )
    select coalesce(to_jsonb(array_agg(jsonb_build_object('output', c.output,
        'score', round(s.low + (s.high - s.low) * c.person_score::numeric, 3),
        'reason', array_to_string(c.comments, ' '), 'item_id', c.item_id) order by c.item_id)),
      '[]')
    from chosen as c
    cross join howdah_private.scale_of_judge(
      rubric_examples.evaluation, rubric_examples.grader) as s);
end $$;
comment on function howdah.rubric_examples(uuid, text, int) is
  'Proposes examples for a judge of an evaluation, as its configuration has them: [{"output", '
  '"score", "reason", "item_id"}]. They are answers that people graded with a comment, spread over '
  'the scores of people; of each range the one on which the judge was furthest from people. '
  'Evaluations with these examples leave their items out of grader_agreement. Items made from runs '
  'of users, and contents that are encrypted or erased, are no examples.';
