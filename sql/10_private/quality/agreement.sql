-- Agreement of two graders, such as a model and a person, their bias, and the calibration of
-- confidences.

-- Returns how often two graders gave an item the same label, and Cohen's kappa: the agreement
-- beyond that of two graders who draw their labels at random, 1 for perfect, 0 for chance. Kappa is
-- null if both gave all items one and the same label. Items with a null label are left out. chance
-- is the agreement of two graders who draw.
create or replace function howdah_private.cohens_kappa(
  first text[], second text[], out items int, out agreement float8, out kappa float8,
  out chance float8
)
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  with labels as (
    select l.a, l.b from unnest(cohens_kappa.first, cohens_kappa.second) as l (a, b)
    where l.a is not null and l.b is not null
  ),
  observed as (
    select count(*)::int as items, avg((a = b)::int)::float8 as agreement from labels
  ),
  by_chance as (
    select sum(x.share * y.share)::float8 as agreement
    from (select a, count(*)::float8 / (select items from observed) as share
      from labels group by a) as x
    join (select b, count(*)::float8 / (select items from observed) as share
      from labels group by b) as y on x.a = y.b
  )
  select o.items, o.agreement,
    (o.agreement - coalesce(c.agreement, 0)) / nullif(1 - coalesce(c.agreement, 0), 0),
    coalesce(c.agreement, 0)
  from observed as o cross join by_chance as c
$$;

-- Returns the 95 % interval of Cohen's kappa: Wilson's interval of the agreement, on the scale of
-- kappa. The agreement by chance counts as known, as in Cohen's own standard error (Educ. Psychol.
-- Meas. 20, 1960). Unlike that error, the interval has a width also if all labels are equal.
create or replace function howdah_private.kappa_interval(
  agreement float8, chance float8, items int, out low float8, out high float8
)
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  select (i.low - k.chance) / (1 - k.chance), (i.high - k.chance) / (1 - k.chance)
  from (select kappa_interval.chance) as k
  cross join lateral howdah_private.pass_rate_interval(
    kappa_interval.agreement, kappa_interval.items) as i
  where k.chance < 1
$$;

-- Returns the correlation of two values of items with its 95 % interval. The verdict is `higher` or
-- `lower` if the interval excludes zero, else `inside the noise`. Items with a null are left out.
-- All is null if one value is the same for all items, and the bounds are for fewer than four items.
--
-- On Fisher's scale, where a correlation is almost normal, the wider of two intervals counts:
-- Fisher's own (R. A. Fisher, Metron 1, 1921), which is exact for normal values, and that of the
-- jackknife (the correlations without one item), since lengths are skewed and vary more where the
-- difference is large.
create or replace function howdah_private.correlation_interval(
  firsts float8[], seconds float8[], out items int, out estimate float8, out low float8,
  out high float8, out verdict text
)
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  with pairs as materialized (
    select v.a - avg(v.a) over () as a, v.b - avg(v.b) over () as b
    from unnest(correlation_interval.firsts, correlation_interval.seconds) as v (a, b)
    where v.a is not null and v.b is not null
  ),
  sums as materialized (
    select count(*)::int as items, sum(a * a) as aa, sum(b * b) as bb, sum(a * b) as ab,
      corr(a, b) as estimate
    from pairs
  ),
  jackknife as (
    select var_pop(atanh(greatest(least(coalesce((s.ab - p.a * p.b * k.share)
        / nullif(sqrt(greatest(s.aa - p.a * p.a * k.share, 0))
          * sqrt(greatest(s.bb - p.b * p.b * k.share, 0)), 0), 0), l.most), -l.most))) as variance
    from sums as s
    cross join lateral (select s.items::float8 / nullif(s.items - 1, 0) as share) as k
    cross join (values (1 - 1e-9)) as l (most)
    cross join pairs as p
  ),
  scaled as (
    select atanh(greatest(least(s.estimate, 1 - 1e-9), -1 + 1e-9)) as z,
      case when s.items > 3 and s.estimate is not null
        then greatest(1.959963984540054 / sqrt(s.items - 3),
        howdah_private.student_quantile(s.items - 2) * sqrt((s.items - 1) * j.variance)) end as half
    from sums as s cross join jackknife as j
  )
  select s.items, s.estimate, tanh(c.z - c.half), tanh(c.z + c.half), case
    when tanh(c.z - c.half) > 0 then 'higher' when tanh(c.z + c.half) < 0 then 'lower'
    when s.estimate is not null then 'inside the noise' end
  from sums as s cross join scaled as c
$$;

-- Returns the expected calibration error: how far confidences are from the share of outcomes that
-- were true, as a mean over bins of equal width, weighted by their items. 0 is perfect. Items with
-- a null are left out; null without items.
create or replace function howdah_private.calibration_error(
  confidences float8[], outcomes boolean[], bins int default 10
) returns float8
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  select sum(b.items * abs(b.confidence - b.accuracy)) / sum(b.items)
  from (
    select count(*) as items, avg(o.confidence) as confidence,
      avg(o.outcome::int)::float8 as accuracy
    from unnest(calibration_error.confidences, calibration_error.outcomes)
      as o (confidence, outcome)
    where o.confidence between 0 and 1 and o.outcome is not null
    group by least(floor(o.confidence * calibration_error.bins), calibration_error.bins - 1)
  ) as b
$$;
