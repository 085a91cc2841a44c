-- Grouped by ids before the names are joined. A condition on day reads the results of these days by
-- evaluation_results_day_idx. Evaluations with overrides tried something else than the version.
create or replace view howdah.quality_by_day with (security_invoker = true) as
  with figures as (
    select r.tenant_id, r.day, e.dataset_id, e.agent_id, e.workflow_id, e.version, e.split,
      case when r.item_id is null then 'runs' else 'items' end as source, g.grader,
      count(*) as results, count(*) filter (where g.passed) as passed,
      count(distinct coalesce(r.item_id, r.id))::int as items, avg(g.score) as score,
      coalesce(sum(g.cost), 0) as cost
    from howdah.evaluation_results as r
    join howdah.evaluations as e on e.tenant_id = r.tenant_id and e.id = r.evaluation_id
    cross join lateral (
      select null as grader, r.passed, r.score, r.cost where r.passed is not null
      union all
      select s.name, (s.grade ->> 'passed')::boolean, (s.grade ->> 'score')::float8,
        (s.grade ->> 'cost')::numeric
      from jsonb_each(r.scores) as s (name, grade) where s.grade ? 'score'
    ) as g
    where coalesce(e.overrides, '{}') = '{}'
    group by r.tenant_id, r.day, e.dataset_id, e.agent_id, e.workflow_id, e.version, e.split,
      case when r.item_id is null then 'runs' else 'items' end, g.grader
  )
  select f.tenant_id, f.day, f.dataset_id, d.name as dataset, f.agent_id, a.name as agent,
    f.workflow_id, w.name as workflow, f.version, f.split, f.source, f.grader, f.results, f.passed,
    f.passed::float8 / f.results as pass_rate, p.low as pass_rate_low, p.high as pass_rate_high,
    f.score, f.cost, f.cost / nullif(f.passed, 0) as cost_per_pass
  from figures as f
  join howdah.datasets as d on d.tenant_id = f.tenant_id and d.id = f.dataset_id
  left join howdah.agents as a on a.tenant_id = f.tenant_id and a.id = f.agent_id
  left join howdah.workflows as w on w.tenant_id = f.tenant_id and w.id = f.workflow_id
  cross join lateral howdah_private.pass_rate_interval(
    f.passed::float8 / f.results, f.items) as p;
comment on view howdah.quality_by_day is
  'Graded results per day, data set, version and grader: how many passed, their mean score and '
  'their cost. Without evaluations that had overrides. A condition on day reads the results of '
  'these days only.';
comment on column howdah.quality_by_day.day is 'The day in UTC on which the runs were inserted.';
comment on column howdah.quality_by_day.dataset_id is 'The data set.';
comment on column howdah.quality_by_day.dataset is 'The data set, by name.';
comment on column howdah.quality_by_day.version is 'Version of the agent or workflow.';
comment on column howdah.quality_by_day.split is 'The split of the data set; null for all items.';
comment on column howdah.quality_by_day.source is
  'Whether the runs were started for items of the data set, or exist without it: items or runs.';
comment on column howdah.quality_by_day.grader is
  'Name of the grader; null for whole results, which pass all graders.';
comment on column howdah.quality_by_day.results is
  'Number of results that passed or failed, or of scores of the grader.';
comment on column howdah.quality_by_day.passed is 'Number of them that passed.';
comment on column howdah.quality_by_day.pass_rate is 'The share that passed, from 0 to 1.';
comment on column howdah.quality_by_day.pass_rate_low is
  'The lower end of the 95 % interval of pass_rate. Repeats of an item count as one.';
comment on column howdah.quality_by_day.pass_rate_high is
  'The upper end of the 95 % interval of pass_rate.';
comment on column howdah.quality_by_day.score is 'Mean score, from 0 to 1.';
comment on column howdah.quality_by_day.cost is
  'Cost of the runs; in a row of a grader, cost of its judges and vectors.';
comment on column howdah.quality_by_day.cost_per_pass is
  'Cost per result that passed; null if none did.';
