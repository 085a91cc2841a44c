-- The repeats of each item of an evaluation together. A condition on evaluation_id reads the
-- results of that evaluation only. Runs that took an answer from a cache say nothing about cost and
-- latency.
create or replace view howdah.evaluation_items with (security_invoker = true) as
  select f.tenant_id, f.evaluation_id, f.item_id, i.input, i.input_data, i.expected, i.split,
    f.runs, f.graded, f.passed, f.passed::float8 / nullif(f.graded, 0) as pass_rate,
    howdah_private.flakiness(f.passed, f.graded) as flakiness, f.score, f.score_deviation, f.cost,
    f.latency_ms, f.confidence
  from (
    select r.tenant_id, r.evaluation_id, r.item_id, count(*)::int as runs,
      count(r.passed)::int as graded, (count(*) filter (where r.passed))::int as passed,
      avg(r.score) as score, stddev_samp(r.score) as score_deviation,
      avg(r.cost) filter (where r.cached_answers = 0)::float8 as cost,
      avg(r.latency_ms) filter (where r.cached_answers = 0) as latency_ms,
      avg(r.confidence) as confidence
    from howdah.evaluation_results as r where r.item_id is not null
    group by r.tenant_id, r.evaluation_id, r.item_id
  ) as f
  join howdah.dataset_items as i on i.tenant_id = f.tenant_id and i.id = f.item_id;
comment on view howdah.evaluation_items is
  'Figures of each item of an evaluation over its repeats: how many passed, how much they differ, '
  'and what they cost. Filter by evaluation_id.';
comment on column howdah.evaluation_items.evaluation_id is 'The evaluation.';
comment on column howdah.evaluation_items.item_id is 'The item.';
comment on column howdah.evaluation_items.expected is 'What the item expects.';
comment on column howdah.evaluation_items.split is 'The split of the item.';
comment on column howdah.evaluation_items.runs is 'Number of runs of the item.';
comment on column howdah.evaluation_items.graded is 'Number of runs that passed or failed.';
comment on column howdah.evaluation_items.passed is 'Number of runs that passed.';
comment on column howdah.evaluation_items.pass_rate is
  'The share of graded runs that passed, from 0 to 1.';
comment on column howdah.evaluation_items.flakiness is
  'Probability that two runs of the item differ: 0 for one that always passes or always fails; '
  'null with fewer than two graded runs.';
comment on column howdah.evaluation_items.score is 'Mean score, from 0 to 1.';
comment on column howdah.evaluation_items.score_deviation is
  'Standard deviation of the scores; null with fewer than two.';
comment on column howdah.evaluation_items.cost is 'Mean cost of a run.';
comment on column howdah.evaluation_items.latency_ms is 'Mean duration of a run, in milliseconds.';
comment on column howdah.evaluation_items.confidence is
  'Mean confidence that the answers state; null without.';
