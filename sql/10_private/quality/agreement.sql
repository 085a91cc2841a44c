-- Agreement of two graders, such as a model and a person, and the calibration of confidences.

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
