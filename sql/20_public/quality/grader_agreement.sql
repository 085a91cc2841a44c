-- How far graders agree with people. Rows are read with the privileges of the caller.
create or replace function howdah.grader_agreement(evaluation uuid, pass_score float8 default 0.5)
  returns table (
    grader text, results int, people int, agreement float8, kappa float8, mean_difference float8,
    low float8, high float8, verdict text, length_bias float8, calibration_error float8,
    kappa_low float8, kappa_high float8, position_bias float8, position_verdict text,
    length_low float8, length_high float8, length_verdict text, position_low float8,
    position_high float8
  )
  language plpgsql stable rows 10
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  perform howdah_private.check_agreement(grader_agreement.evaluation, grader_agreement.pass_score);
  return query
  with pairs as materialized (
    select p.*, p.person_score >= grader_agreement.pass_score as is_passed_by_people,
      p.grader_score - p.person_score as difference,
      howdah_private.answer_length(p.execution_id) as length
    from howdah_private.grader_pairs(grader_agreement.evaluation) as p
  ),
  -- repeats of an item are one observation
  items as (
    select p.grader, coalesce(p.item_id, p.result_id) as id, avg(p.difference) as difference,
      avg(p.length)::float8 as length,
      case when p.grader = any (howdah_private.graders_with_examples(grader_agreement.evaluation))
        then howdah_private.has_reversed_examples(uuid_send(p.item_id)) end as is_reversed
    from pairs as p group by p.grader, p.item_id, coalesce(p.item_id, p.result_id)
  ),
  differences as (
    select i.grader, array_agg(i.difference order by i.id) as of_items,
      array_agg(i.length order by i.id) as lengths,
      array_agg(i.difference order by i.id) filter (where not i.is_reversed) as in_order,
      array_agg(i.difference order by i.id) filter (where i.is_reversed) as in_reverse
    from items as i group by i.grader
  ),
  figures as (
    select p.grader, count(*)::int as results, max(p.people) as people,
      array_agg(p.is_passed::text order by p.result_id) as labels,
      array_agg(p.is_passed_by_people::text order by p.result_id) as labels_of_people,
      howdah_private.calibration_error(array_agg(p.grader_score order by p.result_id),
        array_agg(p.is_passed_by_people order by p.result_id)) as calibration_error
    from pairs as p group by p.grader
  )
  select f.grader, f.results, f.people, k.agreement, k.kappa, i.estimate, i.low, i.high, i.verdict,
    c.estimate, f.calibration_error, w.low, w.high, b.estimate, b.verdict, c.low, c.high,
    c.verdict, b.low, b.high
  from figures as f
  join differences as d on d.grader is not distinct from f.grader
  cross join lateral howdah_private.cohens_kappa(f.labels, f.labels_of_people) as k
  cross join lateral howdah_private.paired_interval(d.of_items) as i
  cross join lateral howdah_private.correlation_interval(d.lengths, d.of_items) as c
  left join lateral howdah_private.kappa_interval(
    k.agreement, k.chance, cardinality(d.of_items)) as w on true
  left join lateral howdah_private.independent_interval(d.in_reverse, d.in_order) as b
    on num_nulls(d.in_reverse, d.in_order) = 0
  order by f.grader nulls first;
end $$;
comment on function howdah.grader_agreement(uuid, float8) is
  E'@behavior -filterProc -orderBy\n'
  'Compares each grader of an evaluation with the people who graded it (howdah.grade), and in the '
  'row without a grader the whole results: results that both graded, most people per result, the '
  'share on which both agree whether it passed, Cohen''s kappa with its 95 % interval, and the '
  'mean of the score of the grader minus that of people, with its 95 % interval and verdict. '
  'length_bias is the correlation of that difference with the length of the answer, position_bias '
  'the mean difference of items whose judge saw its examples in order minus that of the others, '
  'which saw them in reverse. Both have a 95 % interval and a verdict: inside the noise is no '
  'bias. calibration_error is how far the scores are from the share that people pass. People pass '
  'a result from pass_score on. Items that are examples of a judge are left out.';

create or replace function howdah.grader_disagreements(
  evaluation uuid, grader text default null, pass_score float8 default 0.5
) returns table (
    evaluation_result_id uuid, item_id uuid, execution_id uuid, person_score float8,
    grader_score float8, detail text, comments text[]
  )
  language plpgsql stable rows 100
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  perform howdah_private.check_agreement(grader_disagreements.evaluation,
      grader_disagreements.pass_score),
    howdah_private.check_grader_of(grader_disagreements.evaluation, grader_disagreements.grader);
  return query
  select p.result_id, p.item_id, p.execution_id, p.person_score, p.grader_score, p.detail,
    p.comments
  from howdah_private.grader_pairs(grader_disagreements.evaluation) as p
  where p.grader is not distinct from grader_disagreements.grader
    and p.is_passed <> (p.person_score >= grader_disagreements.pass_score)
  order by abs(p.grader_score - p.person_score) desc, p.result_id limit 100;
end $$;
comment on function howdah.grader_disagreements(uuid, text, float8) is
  E'@behavior -filterProc -orderBy\n'
  'Lists results on which a grader and people disagree whether they passed, those whose scores '
  'differ most first, at most 100. Without a grader, compares the whole results. detail is what '
  'the grader said, comments what people said.';
