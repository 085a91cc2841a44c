-- Comparison of two evaluations by the items that both have graded. The mean of the repeats of an
-- item is one observation, so repeats make an item more exact and do not count as more items. Runs
-- that took an answer from a cache say nothing about cost and latency.

-- Returns the items that both evaluations have graded, with the means of their repeats.
create or replace function howdah_private.paired_items(a uuid, b uuid)
  returns table (
    item_id uuid, split text, metadata jsonb, score_a float8, score_b float8, passed_a float8,
    passed_b float8, cost_a float8, cost_b float8, latency_a float8, latency_b float8
  )
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  with means as (
    select r.evaluation_id, r.item_id, avg(r.score) as score,
      avg(r.passed::int)::float8 as passed,
      avg(r.cost) filter (where r.cached_answers = 0)::float8 as cost,
      avg(r.latency_ms) filter (where r.cached_answers = 0) as latency
    from howdah.evaluation_results as r
    where r.evaluation_id in (paired_items.a, paired_items.b) and r.passed is not null
    group by r.evaluation_id, r.item_id
  )
  select i.id, i.split, i.metadata, x.score, y.score, x.passed, y.passed, x.cost, y.cost,
    x.latency, y.latency
  from means as x
  join means as y on y.item_id = x.item_id and y.evaluation_id = paired_items.b
  join howdah.dataset_items as i on i.id = x.item_id
  where x.evaluation_id = paired_items.a
  order by i.id
$$;

-- Returns both means of a figure, and the difference with its interval and verdict, all null if no
-- item has it in both evaluations.
create or replace function howdah_private.compared_figure(
  firsts float8[], seconds float8[], is_amount boolean default false
) returns jsonb
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_interval record;
begin
  select i.* into v_interval from howdah_private.paired_interval(array(
    select y.value - x.value
    from unnest(compared_figure.firsts) with ordinality as x (value, place)
    join unnest(compared_figure.seconds) with ordinality as y (value, place) using (place)
  ), compared_figure.is_amount) as i;
  return (
    select jsonb_build_object('a', round(avg(x.a)::numeric, 6), 'b', round(avg(x.b)::numeric, 6),
      'difference', round(v_interval.estimate::numeric, 6),
      'low', round(v_interval.low::numeric, 6), 'high', round(v_interval.high::numeric, 6),
      'verdict', v_interval.verdict)
    from unnest(compared_figure.firsts, compared_figure.seconds) as x (a, b)
    where num_nulls(x.a, x.b) = 0);
end $$;

-- Returns the figures of the items that two evaluations have graded.
create or replace function howdah_private.compared_items(a uuid, b uuid) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object('items', count(*),
    'pass_rate', howdah_private.compared_figure(array_agg(p.passed_a order by p.item_id),
      array_agg(p.passed_b order by p.item_id)),
    'score', howdah_private.compared_figure(array_agg(p.score_a order by p.item_id),
      array_agg(p.score_b order by p.item_id)),
    'cost', howdah_private.compared_figure(array_agg(p.cost_a order by p.item_id),
      array_agg(p.cost_b order by p.item_id), true),
    'latency_ms', howdah_private.compared_figure(array_agg(p.latency_a order by p.item_id),
      array_agg(p.latency_b order by p.item_id), true))
  from howdah_private.paired_items(compared_items.a, compared_items.b) as p
$$;

-- Returns both means of a figure of two groups that share no items, and the difference with its
-- interval and verdict.
create or replace function howdah_private.compared_means(
  firsts float8[], seconds float8[], is_amount boolean default false
) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'a', (select round(avg(v)::numeric, 6) from unnest(compared_means.firsts) as v),
    'b', (select round(avg(v)::numeric, 6) from unnest(compared_means.seconds) as v),
    'difference', round(i.estimate::numeric, 6), 'low', round(i.low::numeric, 6),
    'high', round(i.high::numeric, 6),
    'verdict', i.verdict)
  from howdah_private.independent_interval(
    compared_means.firsts, compared_means.seconds, compared_means.is_amount) as i
$$;

-- Returns the figures of two evaluations of which one or both are of live runs. They have no items
-- in common, so they are two groups and no pairs. An item is one observation, as a live run is.
create or replace function howdah_private.compared_groups(a uuid, b uuid) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  with results as (
    select o.id, g.is_a, avg(r.score) as score, avg(r.passed::int)::float8 as passed,
      avg(r.cost) filter (where r.cached_answers = 0)::float8 as cost,
      avg(r.latency_ms) filter (where r.cached_answers = 0) as latency_ms
    from (values (compared_groups.a, true), (compared_groups.b, false)) as g (evaluation_id, is_a)
    join howdah.evaluation_results as r on r.evaluation_id = g.evaluation_id
    cross join lateral (select coalesce(r.item_id, r.id) as id) as o
    where r.passed is not null
    group by o.id, g.is_a
  )
  select jsonb_build_object('items', 0,
    'pass_rate', howdah_private.compared_means(
      array_agg(r.passed order by r.id) filter (where r.is_a),
      array_agg(r.passed order by r.id) filter (where not r.is_a)),
    'score', howdah_private.compared_means(
      array_agg(r.score order by r.id) filter (where r.is_a),
      array_agg(r.score order by r.id) filter (where not r.is_a)),
    'cost', howdah_private.compared_means(
      array_agg(r.cost order by r.id) filter (where r.is_a),
      array_agg(r.cost order by r.id) filter (where not r.is_a), true),
    'latency_ms', howdah_private.compared_means(
      array_agg(r.latency_ms order by r.id) filter (where r.is_a),
      array_agg(r.latency_ms order by r.id) filter (where not r.is_a), true))
  from results as r
$$;

-- Returns the comparison of the pass rates of each split and each tag that several items have, at
-- most 50, those with most items first.
create or replace function howdah_private.compared_slices(a uuid, b uuid) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  with items as materialized (
    select p.* from howdah_private.paired_items(compared_slices.a, compared_slices.b) as p
  ),
  tagged as (
    select 'split' as key, i.split as value, i.* from items as i where i.split is not null
    union all
    select t.key, t.value #>> '{}', i.*
    from items as i cross join lateral jsonb_each(i.metadata) as t (key, value)
    where jsonb_typeof(t.value) in ('string', 'number', 'boolean')
  ),
  slices as (
    select t.key, t.value, count(*) as items,
      howdah_private.compared_figure(array_agg(t.passed_a order by t.item_id),
        array_agg(t.passed_b order by t.item_id)) as pass_rate
    from tagged as t group by t.key, t.value having count(*) > 1
    order by count(*) desc, t.key, t.value limit 50
  )
  select coalesce(to_jsonb(array_agg(jsonb_build_object('key', s.key, 'value', s.value,
    'items', s.items, 'pass_rate', s.pass_rate) order by s.items desc, s.key, s.value)), '[]')
  from slices as s
$$;

-- Returns the items that passed more often in one evaluation than in the other, the worst first, at
-- most 100, each with the beginning of its input and a run of both.
create or replace function howdah_private.changed_items(a uuid, b uuid, sign int) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(to_jsonb(array_agg(jsonb_build_object('item_id', c.item_id,
    'input', left(coalesce(nullif(i.input, ''), i.input_data::text), 200),
    'passed_a', c.passed_a, 'passed_b', c.passed_b, 'execution_id_a', c.run_a,
    'execution_id_b', c.run_b) order by c.difference, c.item_id)), '[]')
  from (
    select p.item_id, p.passed_a, p.passed_b, x.execution_id as run_a, y.execution_id as run_b,
      (p.passed_b - p.passed_a) * changed_items.sign as difference
    from howdah_private.paired_items(changed_items.a, changed_items.b) as p
    cross join lateral (
      select r.execution_id from howdah.evaluation_results as r
      where r.evaluation_id = changed_items.a and r.item_id = p.item_id
        and r.passed is not null
      order by r.passed = (changed_items.sign > 0) desc, r.repeat limit 1
    ) as x
    cross join lateral (
      select r.execution_id from howdah.evaluation_results as r
      where r.evaluation_id = changed_items.b and r.item_id = p.item_id
        and r.passed is not null
      order by r.passed = (changed_items.sign < 0) desc, r.repeat limit 1
    ) as y
    where (p.passed_b - p.passed_a) * changed_items.sign < 0
    order by difference, p.item_id limit 100
  ) as c
  join howdah.dataset_items as i on i.id = c.item_id
$$;
