-- Rankings of agents, versions or models: by comparisons of two, and by several measures at once.
-- The leaderboard of a data set reads rows with the privileges of the caller.

-- Returns strengths from comparisons of two (Bradley and Terry, Biometrika 39, 1952): `a` beats `b`
-- with probability strength(a) / (strength(a) + strength(b)). The outcome of a comparison is 1 if
-- the first won, 0 if the second won, 0.5 for a tie. The geometric mean of the strengths is 1.
--
-- With the default prior, each has half a win and half a loss against an average contender. With a
-- prior of 0, each must have won and lost, since no finite strength always wins.
create or replace function howdah_private.bradley_terry(
  firsts text[], seconds text[], outcomes float8[], prior float8 default 0.5
) returns table (name text, comparisons int, wins float8, strength float8, rank int)
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  select s.name, s.comparisons, s.wins, s.strength, s.rank
  from (
    select array_agg(p.one) as firsts, array_agg(p.two) as seconds, array_agg(p.games) as games,
      array_agg(p.wins) as wins
    from (
      select c.one, c.two, count(*)::float8 as games, sum(c.outcome) as wins
      from unnest(firsts, seconds, outcomes) as c (one, two, outcome)
      where c.one <> c.two and c.outcome between 0 and 1 group by c.one, c.two
    ) as p
  ) as m
  cross join lateral howdah_private.strengths_of_pairs(
    m.firsts, m.seconds, m.games, m.wins, bradley_terry.prior) as s
$$;

-- Returns the same from the number of comparisons of each pair, and how many of them the first won.
-- A tie is half a win. Newton's method finds the logarithms of the strengths: the likelihood has
-- one maximum. No step is longer than 1, so that none goes far beyond it.
create or replace function howdah_private.strengths_of_pairs(
  firsts text[], seconds text[], counts float8[], first_wins float8[], prior float8 default 0.5
) returns table (name text, comparisons int, wins float8, strength float8, rank int)
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_names text[]; v_wins float8[]; v_games int[];
  v_own int[]; v_other int[]; v_counts float8[]; -- a row for each pair that met, both ways
  v_logs float8[];
  v_step float8[];
  v_longest float8;
begin
  select array_agg(x.contender order by x.contender), array_agg(x.won order by x.contender),
    array_agg(x.games order by x.contender) into v_names, v_wins, v_games
  from (
    select g.contender, sum(g.won) as won, sum(g.games)::int as games
    from howdah_private.both_sides(firsts, seconds, counts, first_wins) as g group by g.contender
  ) as x;
  if v_names is null then return; end if;
  select array_agg(x.own), array_agg(x.other), array_agg(x.games)
  into v_own, v_other, v_counts
  from (
    select array_position(v_names, g.contender) as own,
      array_position(v_names, g.opponent) as other, sum(g.games) as games
    from howdah_private.both_sides(firsts, seconds, counts, first_wins) as g group by 1, 2
  ) as x;
  v_logs := array_fill(0.0::float8, array[cardinality(v_names)]);
  for v_round in 1 .. 200 loop
    v_step := howdah_private.strength_step(v_logs, v_wins, v_own, v_other, v_counts, prior);
    select max(abs(s)) into v_longest from unnest(v_step) as s;
    v_logs := array(
      select x.log + x.step / greatest(v_longest, 1)
      from unnest(v_logs, v_step) with ordinality as x (log, step, place) order by x.place);
    exit when v_longest < 1e-9;
  end loop;
  return query
  select c.name, c.comparisons, c.wins, exp(c.log - avg(c.log) over ()),
    (rank() over (order by round(c.log::numeric, 9) desc))::int
  from unnest(v_names, v_games, v_wins, v_logs) as c (name, comparisons, wins, log)
  order by c.log desc, c.name;
end $$;

-- Returns the step of Newton's method: what to add to the logarithms of the strengths. Without a
-- prior, only differences of the logarithms matter, so the sum of the steps is held at 0.
create or replace function howdah_private.strength_step(
  logs float8[], wins float8[], own int[], other int[], counts float8[], prior float8
) returns float8[]
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_size constant int := cardinality(logs);
  v_gradient float8[] := '{}';
  v_curvature float8[] := array_fill(case when prior > 0 then 0 else 1 end::float8,
    array[v_size * v_size]); -- row by row
  v_chance float8;
  v_slope float8;
  v_cell int;
begin
  for i in 1 .. v_size loop
    v_chance := 1 / (1 + exp(-logs[i]));
    v_gradient[i] := wins[i] + prior - 2 * prior * v_chance;
    v_cell := (i - 1) * v_size + i;
    v_curvature[v_cell] := v_curvature[v_cell] + 2 * prior * v_chance * (1 - v_chance);
  end loop;
  for p in 1 .. cardinality(own) loop
    v_chance := 1 / (1 + exp(logs[other[p]] - logs[own[p]]));
    v_gradient[own[p]] := v_gradient[own[p]] - counts[p] * v_chance;
    v_slope := counts[p] * v_chance * (1 - v_chance);
    v_cell := (own[p] - 1) * v_size + own[p];
    v_curvature[v_cell] := v_curvature[v_cell] + v_slope;
    v_cell := (own[p] - 1) * v_size + other[p];
    v_curvature[v_cell] := v_curvature[v_cell] - v_slope;
  end loop;
  return howdah_private.solve_equations(v_curvature, v_gradient);
end $$;

-- Solves linear equations with a symmetric, positive definite matrix, which is given row by row, by
-- Gaussian elimination. An unknown that no equation determines is 0.
create or replace function howdah_private.solve_equations(matrix float8[], results float8[])
  returns float8[]
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_size constant int := cardinality(results);
  m float8[] := matrix;
  x float8[] := results;
  v_factor float8;
  v_pivot int;
begin
  for i in 1 .. v_size loop
    v_pivot := (i - 1) * v_size + i;
    continue when m[v_pivot] < 1e-14;
    for j in i + 1 .. v_size loop
      v_factor := m[(j - 1) * v_size + i] / m[v_pivot];
      for k in i .. v_size loop
        m[(j - 1) * v_size + k] := m[(j - 1) * v_size + k] - v_factor * m[(i - 1) * v_size + k];
      end loop;
      x[j] := x[j] - v_factor * x[i];
    end loop;
  end loop;
  for i in reverse v_size .. 1 loop
    v_pivot := (i - 1) * v_size + i;
    for k in i + 1 .. v_size loop
      x[i] := x[i] - m[(i - 1) * v_size + k] * x[k];
    end loop;
    x[i] := case when m[v_pivot] < 1e-14 then 0 else x[i] / m[v_pivot] end;
  end loop;
  return x;
end $$;

-- Returns both sides of each pair, with what the comparisons gave them.
create or replace function howdah_private.both_sides(
  firsts text[], seconds text[], counts float8[], first_wins float8[]
) returns table (contender text, opponent text, games float8, won float8)
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  select x.contender, x.opponent, c.games, x.won
  from unnest(firsts, seconds, counts, first_wins) as c (one, two, games, wins)
  cross join lateral (values (c.one, c.two, c.wins), (c.two, c.one, c.games - c.wins))
    as x (contender, opponent, won)
$$;

-- Returns for each contender whether it is on the Pareto front: no other has at least its quality
-- at no more cost and time, and is better in one of the three. Null where a measure is unknown.
create or replace function howdah_private.pareto_front(
  qualities float8[], costs float8[], durations float8[] default null
) returns boolean[]
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  with contenders as (
    select c.quality, c.cost,
      case when pareto_front.durations is null then 0 else c.duration end as duration, c.place
    from unnest(qualities, costs, durations) with ordinality as c (quality, cost, duration, place)
  )
  select array_agg(case when c.quality + c.cost + c.duration is not null then not exists (
    select from contenders as o
    where o.quality >= c.quality and o.cost <= c.cost and o.duration <= c.duration
      and (o.quality > c.quality or o.cost < c.cost or o.duration < c.duration)
  ) end order by c.place)
  from contenders as c
$$;

-- Returns the newest completed evaluation of each agent or workflow, version and overrides, among
-- those with the items and graders of the newest one. Pairs are compared, hence the limit. An
-- evaluation of runs of users has no items, and one of earlier items is not what counts now. One
-- without any grade, such as one whose judge failed, says nothing.
create or replace function howdah_private.comparable_evaluations(dataset_id uuid, split text)
  returns setof howdah.evaluations
  language sql stable rows 20
  set search_path = pg_catalog, pg_temp
as $$
  with completed as not materialized (
    select e.* from howdah.evaluations as e
    where e.tenant_id = (select howdah.current_tenant())
      and e.dataset_id = comparable_evaluations.dataset_id
      and e.split is not distinct from comparable_evaluations.split and e.status = 'completed'
      and e.since_at is null
      and exists (
        select from howdah.evaluation_results as r
        where r.tenant_id = e.tenant_id and r.evaluation_id = e.id and r.passed is not null)
  ),
  newest as materialized (
    select c.items_digest, c.graders from completed as c
    order by c.items_at is null desc, c.id desc limit 1
  ),
  contenders as (
    select distinct on (c.version_id, coalesce(c.overrides, '{}')) c.id
    from completed as c
    join newest as n on n.items_digest = c.items_digest and n.graders = c.graders
    order by c.version_id, coalesce(c.overrides, '{}'), c.id desc
  )
  select e.* from howdah.evaluations as e join contenders as c using (id)
  where e.tenant_id = (select howdah.current_tenant())
  order by e.id desc limit 20
$$;

-- Returns the means of the repeats of each item: repeats are no independent observations. `value`
-- is the measure by which contenders are ranked. Runs that took an answer from a cache say nothing
-- about cost and latency.
create or replace function howdah_private.item_means(evaluations uuid[], measure text)
  returns table (
    evaluation_id uuid, item_id uuid, score float8, passed float8, cost numeric,
    latency_ms float8, flakiness float8, brier_score float8, value float8
  )
  language sql stable rows 100000
  set search_path = pg_catalog, pg_temp
as $$
  select m.*, case item_means.measure when 'score' then m.score when 'cost' then m.cost::float8
    when 'latency_ms' then m.latency_ms when 'flakiness' then m.flakiness
    when 'brier_score' then m.brier_score end
  from (
    select r.evaluation_id, r.item_id, avg(r.score) as score, avg(r.passed::int)::float8,
      avg(r.cost) filter (where r.cached_answers = 0) as cost,
      avg(r.latency_ms) filter (where r.cached_answers = 0) as latency_ms,
      howdah_private.flakiness(count(*) filter (where r.passed)::int, count(*)::int) as flakiness,
      avg((r.confidence - r.passed::int) ^ 2) as brier_score
    from howdah.evaluation_results as r
    where r.tenant_id = (select howdah.current_tenant())
      and r.evaluation_id = any (item_means.evaluations) and r.passed is not null
    group by r.evaluation_id, r.item_id
  ) as m
$$;

-- Returns the figures of each contender, those of the best first. On an item that two have graded,
-- the one with the better value of the measure wins. Only a higher score is better. Contenders
-- without such an item, such as a single one, have no strength. The first row is the one with which
-- the others are compared.
create or replace function howdah_private.contender_figures(evaluations uuid[], measure text)
  returns table (
    evaluation_id uuid, place int, rank int, strength float8, items int, pass_rate float8,
    score float8, cost float8, cost_per_pass float8, latency_ms float8, flakiness float8,
    flaky_items int, brier_score float8, difference float8, low float8, high float8, verdict text
  )
  language sql stable rows 20
  set search_path = pg_catalog, pg_temp set jit = off
as $$
  with means as materialized (
    select m.*, case contender_figures.measure when 'score' then 1 else -1 end as sign
    from howdah_private.item_means(contender_figures.evaluations, contender_figures.measure) as m
  ),
  games as materialized (
    select m.item_id, m.value * m.sign as value,
      array_position(contender_figures.evaluations, m.evaluation_id) as contender
    from means as m where m.value is not null
  ),
  pairs as (
    select contender_figures.evaluations[x.contender]::text as one,
      contender_figures.evaluations[y.contender]::text as two, count(*)::float8 as games,
      count(*) filter (where x.value > y.value)
        + count(*) filter (where x.value = y.value) / 2.0::float8 as wins
    from games as x
    join games as y on y.item_id = x.item_id and y.contender > x.contender
    group by x.contender, y.contender
  ),
  strengths as (
    select s.name::uuid as id, s.strength, s.rank
    from (
      select array_agg(p.one) as firsts, array_agg(p.two) as seconds, array_agg(p.games) as games,
        array_agg(p.wins) as wins
      from pairs as p
    ) as p
    cross join lateral howdah_private.strengths_of_pairs(
      p.firsts, p.seconds, p.games, p.wins) as s
  ),
  figures as (
    select m.evaluation_id, count(*)::int as items, avg(m.passed) as pass_rate,
      avg(m.score) as score, avg(m.cost)::float8 as cost,
      (sum(m.cost) / nullif(sum(m.passed) filter (where m.cost is not null), 0)::numeric)::float8
        as cost_per_pass,
      avg(m.latency_ms) as latency_ms, avg(m.flakiness) as flakiness,
      (count(*) filter (where m.passed > 0 and m.passed < 1))::int as flaky_items,
      avg(m.brier_score) as brier_score,
      avg(m.value * m.sign) as goodness
    from means as m group by m.evaluation_id
  ),
  ranked as materialized (
    select f.*, s.strength, coalesce(s.rank, 1 + (select count(*) from strengths))::int as rank,
      row_number() over (order by s.rank nulls last, f.goodness desc nulls last,
        f.score desc nulls last, f.cost, f.evaluation_id)::int as place
    from figures as f left join strengths as s on s.id = f.evaluation_id
  ),
  differences as (
    select m.evaluation_id, array_agg(m.value - b.value) as of_items
    from ranked as best
    join means as b on b.evaluation_id = best.evaluation_id
    join means as m on m.item_id = b.item_id and m.evaluation_id <> b.evaluation_id
    where best.place = 1 group by m.evaluation_id
  )
  select r.evaluation_id, r.place, r.rank, r.strength, r.items, r.pass_rate, r.score, r.cost,
    r.cost_per_pass, r.latency_ms, r.flakiness, r.flaky_items, r.brier_score, d.estimate, d.low,
    d.high, d.verdict
  from ranked as r
  left join differences as c on c.evaluation_id = r.evaluation_id
  left join lateral howdah_private.paired_interval(
    c.of_items, contender_figures.measure in ('cost', 'latency_ms')) as d on c.of_items is not null
  order by r.place
$$;

-- Refuses a measure that does not exist, and a split that no item has.
create or replace function howdah_private.check_leaderboard(
  dataset_id uuid, split text, measure text
) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_measures constant text[] := '{score,cost,latency_ms,flakiness,brier_score}';
  v_splits text[];
begin
  if (check_leaderboard.measure = any (v_measures)) is not true then
    raise exception using errcode = 'HWINV',
      message = format('there is no measure %L', check_leaderboard.measure),
      detail = jsonb_build_object('field', 'measure', 'measure', check_leaderboard.measure)::text,
      hint = 'Rank by score, cost, latency_ms, flakiness or brier_score.';
  end if;
  if check_leaderboard.split is null then return; end if;
  v_splits := array(
    select i.split from howdah.dataset_items as i
    where i.tenant_id = howdah.current_tenant() and i.dataset_id = check_leaderboard.dataset_id
      and i.split is not null
    group by i.split order by i.split);
  if check_leaderboard.split <> all (v_splits) then
    raise exception using errcode = 'HWINV',
      message = format('no item of the data set has the split %L', check_leaderboard.split),
      detail = jsonb_build_object('field', 'split', 'split', check_leaderboard.split)::text,
      hint = coalesce(
        'Did you mean ' || howdah_private.nearest_word(check_leaderboard.split, v_splits) || '?',
        'The splits of this data set: ' || howdah_private.list_names(v_splits, 8) || '.',
        'The items of this data set have no splits.');
  end if;
end $$;
