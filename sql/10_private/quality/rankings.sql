-- Rankings of agents, versions or models: by comparisons of two, and by several measures at once.

-- Returns strengths from comparisons of two (Bradley and Terry, Biometrika 39, 1952): `a` beats `b`
-- with probability strength(a) / (strength(a) + strength(b)). The outcome of a comparison is 1 if
-- the first won, 0 if the second won, 0.5 for a tie. The geometric mean of the strengths is 1.
--
-- With the default prior, each has half a win and half a loss against an average contender. With a
-- prior of 0, each must have won and lost, since no finite strength always wins. The strengths are
-- fitted by the MM algorithm (Hunter, Annals of Statistics 32, 2004), in at most 10,000 rounds.
create or replace function howdah_private.bradley_terry(
  firsts text[], seconds text[], outcomes float8[], prior float8 default 0.5
) returns table (name text, comparisons int, wins float8, strength float8, rank int)
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_names text[]; v_wins float8[]; v_games int[];
  v_own int[]; v_other int[]; v_counts float8[]; -- a row for each pair that met, both ways
  v_strengths float8[];
  v_next float8[];
begin
  select array_agg(x.contender order by x.contender), array_agg(x.wins order by x.contender),
    array_agg(x.games order by x.contender) into v_names, v_wins, v_games
  from (
    select g.contender, sum(g.won) as wins, count(*)::int as games
    from howdah_private.paired_games(firsts, seconds, outcomes) as g group by g.contender
  ) as x;
  if v_names is null then return; end if;
  select array_agg(x.own), array_agg(x.other), array_agg(x.games)
  into v_own, v_other, v_counts
  from (
    select array_position(v_names, g.contender) as own,
      array_position(v_names, g.opponent) as other, count(*)::float8 as games
    from howdah_private.paired_games(firsts, seconds, outcomes) as g group by 1, 2
  ) as x;
  v_strengths := array_fill(1.0::float8, array[cardinality(v_names)]);
  for v_round in 1 .. 10000 loop
    select array_agg(x.strength / m.mean order by x.own) into v_next
    from (
      select p.own, (v_wins[p.own] + prior) / (sum(p.games / (v_strengths[p.own]
        + v_strengths[p.other])) + 2 * prior / (v_strengths[p.own] + 1)) as strength
      from unnest(v_own, v_other, v_counts) as p (own, other, games) group by p.own
    ) as x
    cross join (
      select case when prior > 0 then 1 else exp(avg(ln(nullif(s, 0)))) end as mean
      from unnest(v_strengths) as s
    ) as m;
    exit when (
      select coalesce(max(abs(n - s)) <= 1e-10 * max(s), true)
      from unnest(v_next, v_strengths) as c (n, s)
    );
    v_strengths := v_next;
  end loop;
  return query
  select c.name, c.comparisons, c.wins, c.strength / exp(avg(ln(nullif(c.strength, 0))) over ()),
    (rank() over (order by c.strength desc))::int
  from unnest(v_names, v_games, v_wins, v_next) as c (name, comparisons, wins, strength)
  order by c.strength desc, c.name;
end $$;

-- Returns both sides of each comparison, with what it gave them.
create or replace function howdah_private.paired_games(
  firsts text[], seconds text[], outcomes float8[]
) returns table (contender text, opponent text, won float8)
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  select x.contender, x.opponent, x.won
  from unnest(firsts, seconds, outcomes) as c (one, two, outcome)
  cross join lateral (values (c.one, c.two, c.outcome), (c.two, c.one, 1 - c.outcome))
    as x (contender, opponent, won)
  where c.one <> c.two and c.outcome between 0 and 1
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
