-- The ranking of all that was evaluated on a data set. Rows are read with the privileges of the
-- caller, so a restricted user ranks only the agents and workflows that the user sees.
--
-- Only evaluations of the same items with the same graders are comparable. The newest completed
-- evaluation says which items and graders those are: evaluations from before a change are left out.
create or replace function howdah.leaderboard(
  dataset text, split text default null, measure text default 'score'
) returns table (
    rank int, evaluation_id uuid, name text, agent_id uuid, workflow_id uuid, version int,
    label text, model text, overrides jsonb, items int, ungraded_items int, repeats int,
    pass_rate float8, pass_rate_low float8, pass_rate_high float8, score float8, cost float8,
    cost_per_pass float8, latency_ms float8, flakiness float8, flaky_items int,
    strength float8, difference float8, difference_low float8, difference_high float8,
    verdict text, is_on_front boolean, confidence float8, calibration_error float8,
    brier_score float8
  )
  language plpgsql stable rows 20
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_dataset_id uuid := howdah_private.dataset_named(leaderboard.dataset);
  v_measure text := coalesce(leaderboard.measure, 'score');
begin
  perform howdah_private.check_leaderboard(v_dataset_id, leaderboard.split, v_measure);
  return query
  with contenders as materialized (
    select e.* from howdah_private.comparable_evaluations(v_dataset_id, leaderboard.split) as e
  ),
  figures as materialized (
    select f.*
    from howdah_private.contender_figures(array(select c.id from contenders as c), v_measure) as f
  ),
  fronts as (
    select howdah_private.pareto_front(array_agg(f.score order by f.place),
      array_agg(f.cost order by f.place), array_agg(f.latency_ms order by f.place)) as flags
    from figures as f
  )
  select f.rank, c.id, coalesce(a.name, w.name), c.agent_id, c.workflow_id, c.version, c.label,
    coalesce(c.overrides ->> 'model', v.definition #>> '{models,0,name}'),
    nullif(c.overrides, '{}'), f.items, c.items - f.items, c.repeats, f.pass_rate, p.low, p.high,
    f.score, f.cost, f.cost_per_pass, f.latency_ms, f.flakiness, f.flaky_items, f.strength,
    f.difference, f.low, f.high, f.verdict, o.flags[f.place],
    (c.totals ->> 'confidence')::float8, (c.totals ->> 'calibration_error')::float8, f.brier_score
  from figures as f
  cross join fronts as o
  join contenders as c on c.id = f.evaluation_id
  left join howdah.agents as a on a.id = c.agent_id
  left join howdah.workflows as w on w.id = c.workflow_id
  left join howdah.agent_versions as v on v.id = c.version_id
  cross join lateral howdah_private.pass_rate_interval(f.pass_rate, f.items) as p
  order by f.place;
end $$;
comment on function howdah.leaderboard(text, text, text) is
  E'@behavior -filterProc -orderBy\n'
  'Ranks what was evaluated on a data set, or on one split of it: the newest completed evaluation '
  'of each agent or workflow, version and overrides, at most the 20 newest. Only evaluations with '
  'the items and graders of the newest one are compared; others are left out. measure is score, '
  'cost, latency_ms, flakiness or brier_score, the mean of (confidence - passed)²: on each item '
  'that two have graded, the better one wins, and strength is that of Bradley and Terry. '
  'difference is the mean of the measure minus that of the first row, with its 95 % interval and '
  'verdict: higher, lower, or inside the noise. is_on_front: no other has at least its score at no '
  'more cost and time, and is better in one of the three. cost_per_pass is null if nothing passed.';
