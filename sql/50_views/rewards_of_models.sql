-- Applied after rewards.sql, which it reads. Runs, cost and durations come from the rollup, so a
-- year of history is read as quickly as in agent_performance. The model of a run is the first one
-- of its version: the rollup does not know which runs had another. Results and rewards are rows of
-- their own, so they count for the model that was tried.
create or replace view howdah.model_performance with (security_invoker = true) as
  with versions as materialized (
    select v.tenant_id, v.id, v.agent_id, (v.definition #>> '{models,0,id}')::uuid as model_id
    from howdah.agent_versions as v
  ),
  usage_by_version as ( -- grouped before the join, since the rollup has a row per day and user
    select u.tenant_id, u.agent_version_id, sum(u.runs) as runs, sum(u.ended) as ended,
      sum(u.runs) filter (where u.outcome = 'completed') as completed,
      sum(u.runs) filter (where u.outcome = 'failed') as failed,
      sum(u.runs) filter (where u.outcome = 'cancelled') as cancelled, sum(u.cost) as cost
    from howdah_private.run_usage() as u where u.agent_version_id is not null
    group by u.tenant_id, u.agent_version_id
  ),
  usage as (
    select u.tenant_id, v.agent_id, v.model_id, sum(u.runs) as runs, sum(u.ended) as ended,
      coalesce(sum(u.completed), 0) as completed, coalesce(sum(u.failed), 0) as failed,
      coalesce(sum(u.cancelled), 0) as cancelled, sum(u.cost) as cost
    from usage_by_version as u
    join versions as v on v.tenant_id = u.tenant_id and v.id = u.agent_version_id
    group by u.tenant_id, v.agent_id, v.model_id
    having sum(u.runs) > 0
  ),
  durations as (
    select r.tenant_id, v.agent_id, v.model_id,
      howdah_private.histogram_percentiles('{0.5,0.95}', array_agg(r.histogram)) as seconds
    from howdah_private.run_durations() as r
    join versions as v on v.tenant_id = r.tenant_id and v.id = r.agent_version_id
    group by r.tenant_id, v.agent_id, v.model_id
  ),
  graded as (
    select r.tenant_id, e.agent_id,
      case when e.overrides ? 'model' then o.id else v.model_id end as model_id,
      count(*) as results, count(*) filter (where r.passed) as passed,
      count(distinct coalesce(r.item_id, r.id))::int as items, sum(r.cost) as cost
    from howdah.evaluation_results as r
    join howdah.evaluations as e on e.tenant_id = r.tenant_id and e.id = r.evaluation_id
    left join versions as v on v.tenant_id = e.tenant_id and v.id = e.version_id
    left join howdah.models as o on o.tenant_id = e.tenant_id and o.name = e.overrides ->> 'model'
    where r.passed is not null and e.agent_id is not null
      and coalesce(e.overrides, '{}') - 'model' = '{}'
    group by r.tenant_id, e.agent_id, 3
  ),
  rated as (
    select w.tenant_id, w.agent_id, case when e.overrides ? 'model'
        then (e.overrides #>> '{model,id}')::uuid else v.model_id end as model_id,
      count(*) as rated_runs, avg(w.score) as reward
    from howdah.rewards as w
    join howdah.executions as e on e.tenant_id = w.tenant_id and e.id = w.execution_id
    left join versions as v on v.tenant_id = w.tenant_id and v.id = w.agent_version_id
    where w.agent_id is not null and w.score is not null
    group by w.tenant_id, w.agent_id, 3
  ),
  keys as (
    select u.tenant_id, u.agent_id, u.model_id from usage as u
    union
    select g.tenant_id, g.agent_id, g.model_id from graded as g
    union
    select r.tenant_id, r.agent_id, r.model_id from rated as r
  )
  select k.tenant_id, k.agent_id, a.name as agent, k.model_id, m.name as model,
    coalesce(u.runs, 0)::bigint as runs, coalesce(u.completed, 0)::bigint as completed,
    coalesce(u.failed, 0)::bigint as failed, coalesce(u.cancelled, 0)::bigint as cancelled,
    round(u.completed / nullif(u.ended, 0), 4) as success_rate,
    coalesce(u.cost, 0) as cost, u.cost / u.runs as cost_per_run,
    d.seconds[1] as seconds_p50, d.seconds[2] as seconds_p95,
    coalesce(g.results, 0)::bigint as results, coalesce(g.passed, 0)::bigint as passed,
    g.passed::float8 / g.results as pass_rate, p.low as pass_rate_low, p.high as pass_rate_high,
    g.cost / nullif(g.passed, 0) as cost_per_pass,
    coalesce(r.rated_runs, 0)::bigint as rated_runs, r.reward
  from keys as k
  join howdah.agents as a on a.tenant_id = k.tenant_id and a.id = k.agent_id
  left join howdah.models as m on m.tenant_id = k.tenant_id and m.id = k.model_id
  left join usage as u on u.agent_id = k.agent_id and u.model_id = k.model_id
  left join durations as d on d.agent_id = k.agent_id and d.model_id = k.model_id
  left join graded as g on g.agent_id = k.agent_id and g.model_id = k.model_id
  left join rated as r on r.agent_id = k.agent_id and r.model_id = k.model_id
  left join lateral howdah_private.pass_rate_interval(
    g.passed::float8 / g.results, g.items) as p on true
  where k.model_id is not null;
comment on view howdah.model_performance is
  'Performance of each model for each agent: runs, success rate, cost and seconds, the share of '
  'results that passed in evaluations, and the reward by feedback. Agents without a model of '
  'howdah.models have no row.';
comment on column howdah.model_performance.model is
  'The name of the model; null when the model has been deleted.';
comment on column howdah.model_performance.runs is
  'Runs of the versions of the agent whose first model it is, including live and deleted runs. A '
  'run with overrides.model counts for its version.';
comment on column howdah.model_performance.completed is 'Number of runs that completed.';
comment on column howdah.model_performance.failed is 'Number of runs that failed.';
comment on column howdah.model_performance.cancelled is 'Number of runs that were cancelled.';
comment on column howdah.model_performance.success_rate is
  'Share of completed runs among the runs that have ended, from 0 to 1. Cancelled runs count as '
  'ended.';
comment on column howdah.model_performance.cost is
  'Cost of the runs at the prices at the time of each step, without the runs below.';
comment on column howdah.model_performance.cost_per_run is 'Cost divided by runs.';
comment on column howdah.model_performance.seconds_p50 is
  'Median run duration from the first claim to the end, in seconds, including waits for people '
  'and other runs.';
comment on column howdah.model_performance.seconds_p95 is
  '95th percentile of the duration, in seconds.';
comment on column howdah.model_performance.results is
  'Results of evaluations that passed or failed, of the model that the evaluation named or else of '
  'that of the version. Without evaluations that had other overrides.';
comment on column howdah.model_performance.passed is 'Number of them that passed.';
comment on column howdah.model_performance.pass_rate is 'The share that passed, from 0 to 1.';
comment on column howdah.model_performance.pass_rate_low is
  'The lower end of the 95 % interval of pass_rate. Repeats of an item count as one.';
comment on column howdah.model_performance.pass_rate_high is
  'The upper end of the 95 % interval of pass_rate.';
comment on column howdah.model_performance.cost_per_pass is
  'Cost of the runs of the results per result that passed; null if none did.';
comment on column howdah.model_performance.rated_runs is
  'Runs with a score in howdah.rewards, of the model of overrides.model or else of the version.';
comment on column howdah.model_performance.reward is 'Mean of these scores, from 0 to 1.';
