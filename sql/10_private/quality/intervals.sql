-- 95 % intervals of means, for evaluations and their comparison. They use no random numbers, so the
-- same rows always give the same verdict, and a thousand items take milliseconds.
--
-- Each value belongs to one item. Repeats of an item are not independent: average them first, and
-- pass the means of the items.
--
-- Three intervals are combined, since none of them covers 95 % for every kind of value:
--   student   m ± t·se. Correct for symmetric values. For skewed values, such as costs of few
--             items, it is too low on the long side.
--   hall      The same with Hall's correction for skewness (P. Hall, JRSS B 54, 1992). Too narrow
--             for symmetric values with long tails, so the wider side of both counts.
--   adjusted  Two more items, one up and one down, before the variance is taken (Bonett and Price,
--             J. Educ. Behav. Stat. 37, 2012). For passed and failed, and for scores of which most
--             are equal: without it, 20 items without any difference would give [0, 0].
-- Amounts, such as costs, have no unit that a change could have: without any difference, [0, 0] is
-- all that is known.
-- test/sql/quality/coverage.test.ts measures how often the intervals contain the true difference.

-- Returns the 97.5 % quantile of Student's t distribution (G. W. Hill, Algorithm 396, CACM 13,
-- 1970), exact to five digits.
create or replace function howdah_private.student_quantile(freedom int) returns float8
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  n constant float8 := student_quantile.freedom;
  p constant float8 := 0.05;
  z constant float8 := -1.959963984540054;
  a float8; b float8; c float8; d float8; y float8;
begin
  if student_quantile.freedom < 1 then return null; end if;
  if student_quantile.freedom = 1 then return cos(p * pi() / 2) / sin(p * pi() / 2); end if;
  if student_quantile.freedom = 2 then return sqrt(2 / (p * (2 - p)) - 2); end if;
  a := 1 / (n - 0.5);
  b := 48 / (a * a);
  c := ((20700 * a / b - 98) * a - 16) * a + 96.36;
  d := ((94.5 / (b + c) - 3) / b + 1) * sqrt(a * pi() / 2) * n;
  y := power(d * p, 2 / n);
  if y <= 0.05 + a then
    y := ((1 / (((n + 6) / (n * y) - 0.089 * d - 0.822) * (n + 2) * 3) + 0.5 / (n + 4)) * y - 1)
      * (n + 1) / (n + 2) + 1 / y;
    return sqrt(n * y);
  end if;
  if student_quantile.freedom < 5 then c := c + 0.3 * (n - 4.5) * (z + 0.6); end if;
  c := (((0.05 * d * z - 5) * z - 7) * z - 2) * z + b + c;
  y := (((((0.4 * z * z + 6.3) * z * z + 36) * z * z + 94.5) / c - z * z - 3) / b + 1) * z;
  return sqrt(n * (exp(a * y * y) - 1));
end $$;

-- Returns the mean of values with its 95 % interval: Student's, or Hall's where that is wider. The
-- bounds are null for fewer than two values. Nulls are left out.
create or replace function howdah_private.mean_interval(
  observations float8[], out items int, out estimate float8, out low float8, out high float8
)
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_error float8; -- the standard error of the mean
  v_skew float8;
  v_student float8;
  v_upper float8;
  v_lower float8;
begin
  perform howdah_private.check_finite(mean_interval.observations);
  select count(v), avg(v) into items, estimate from unnest(mean_interval.observations) as v;
  if items < 2 then return; end if;
  select sqrt(var_samp(v) / items),
    coalesce(avg(power(v - estimate, 3)) / nullif(power(var_pop(v), 1.5), 0), 0)
  into v_error, v_skew
  from unnest(mean_interval.observations) as v;
  v_student := howdah_private.student_quantile(items - 1);
  v_upper := howdah_private.hall_quantile(v_student, v_skew, items);
  v_lower := howdah_private.hall_quantile(-v_student, v_skew, items);
  low := estimate - greatest(v_student, v_upper) * v_error;
  high := estimate - least(-v_student, v_lower) * v_error;
end $$;

-- Returns the quantile of a studentized mean of skewed values, for the quantile of a symmetric one:
-- the inverse of Hall's cubic transformation.
create or replace function howdah_private.hall_quantile(
  quantile float8, skewness float8, items int
) returns float8
  language sql immutable parallel safe
  return case when abs(skewness) < 1e-6 then quantile
    else (cbrt(1 + skewness / sqrt(items::float8)
        * (quantile - skewness / (6 * sqrt(items::float8)))) - 1)
      * 3 * sqrt(items::float8) / skewness end;

-- Returns the mean difference of pairs with its 95 % interval. The verdict is `higher` or `lower`
-- if the interval excludes zero, else `inside the noise`; null without differences. Each difference
-- belongs to one item that both sides have answered: the value, score, cost or duration of the
-- second side minus that of the first.
create or replace function howdah_private.paired_interval(
  differences float8[], is_amount boolean default false, out items int, out estimate float8,
  out low float8, out high float8, out verdict text
)
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_ties int;
  v_is_pass_or_fail boolean;
  v_adjusted float8[];
begin
  select i.items, i.estimate, i.low, i.high into items, estimate, low, high
  from howdah_private.mean_interval(paired_interval.differences) as i;
  select count(*) filter (where d = 0), bool_and(d in (-1, 0, 1)) and not is_amount
  into v_ties, v_is_pass_or_fail
  from unnest(paired_interval.differences) as d where d is not null;
  if v_is_pass_or_fail or 2 * v_ties >= items and items > 1 then
    v_adjusted := howdah_private.adjusted_interval(paired_interval.differences,
      case when v_is_pass_or_fail then 1.959963984540054
        else howdah_private.student_quantile(items - 1) end, case when is_amount then 0 else 1 end);
    low := case when v_is_pass_or_fail then greatest(v_adjusted[1], -1)
      else least(low, v_adjusted[1]) end;
    high := case when v_is_pass_or_fail then least(v_adjusted[2], 1)
      else greatest(high, v_adjusted[2]) end;
  end if;
  verdict := case when low > 0 then 'higher' when high < 0 then 'lower'
    when estimate is not null then 'inside the noise' end;
end $$;

-- Returns both ends of the interval of Bonett and Price. The two additional items differ by as much
-- as the items that differ, such as by 1 for passed and failed; by `unit` if none differs.
create or replace function howdah_private.adjusted_interval(
  differences float8[], quantile float8, unit float8
) returns float8[]
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  select array[avg(x.d) - h.half, avg(x.d) + h.half]
  from (
    select coalesce(sqrt(avg(d * d) filter (where d <> 0)), adjusted_interval.unit) as typical
    from unnest(adjusted_interval.differences) as d
  ) as t
  cross join lateral (
    select array_remove(adjusted_interval.differences, null) || t.typical || -t.typical as ds
  ) as a
  cross join lateral (
    select adjusted_interval.quantile * sqrt(var_pop(v) / count(*)) as half
    from unnest(a.ds) as v
  ) as h
  cross join lateral unnest(a.ds) as x (d)
  group by h.half
$$;

-- Returns the difference of the means of two groups that share no items, seconds minus firsts, with
-- its 95 % interval: Welch's (B. L. Welch, Biometrika 34, 1947). Groups of passed and failed have
-- the interval of Agresti and Caffo, and groups of which at least half are ties the wider of both.
create or replace function howdah_private.independent_interval(
  firsts float8[], seconds float8[], is_amount boolean default false, out estimate float8,
  out low float8, out high float8, out verdict text
)
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_first record;
  v_second record;
  v_quantile float8;
  v_half float8;
  v_is_pass_or_fail boolean;
  v_adjusted float8[];
begin
  perform howdah_private.check_finite(independent_interval.firsts || independent_interval.seconds);
  select g.* into v_first from howdah_private.group_figures(independent_interval.firsts) as g;
  select g.* into v_second from howdah_private.group_figures(independent_interval.seconds) as g;
  estimate := v_second.mean - v_first.mean;
  v_is_pass_or_fail := not is_amount and v_first.is_pass_or_fail and v_second.is_pass_or_fail;
  if least(v_first.items, v_second.items) > 1 then
    v_quantile := howdah_private.student_quantile(coalesce(floor(
      power(v_first.error + v_second.error, 2)
        / nullif(power(v_first.error, 2) / (v_first.items - 1)
          + power(v_second.error, 2) / (v_second.items - 1), 0))::int,
      least(v_first.items, v_second.items) - 1));
    v_half := v_quantile * sqrt(v_first.error + v_second.error);
    low := estimate - v_half;
    high := estimate + v_half;
    if v_is_pass_or_fail or v_first.has_ties or v_second.has_ties then
      v_adjusted := howdah_private.agresti_caffo_interval(independent_interval.firsts,
        independent_interval.seconds,
        case when v_is_pass_or_fail then 0 else least(v_first.lowest, v_second.lowest) end,
        case when v_is_pass_or_fail then 1 else greatest(v_first.highest, v_second.highest) end,
        case when v_is_pass_or_fail then 1.959963984540054 else v_quantile end);
      low := case when v_is_pass_or_fail then greatest(v_adjusted[1], -1)
        else least(low, v_adjusted[1]) end;
      high := case when v_is_pass_or_fail then least(v_adjusted[2], 1)
        else greatest(high, v_adjusted[2]) end;
    end if;
  end if;
  verdict := case when low > 0 then 'higher' when high < 0 then 'lower'
    when estimate is not null then 'inside the noise' end;
end $$;

-- Returns the figures of one group of independent_interval. error is the square of the standard
-- error of the mean. Nulls are left out.
create or replace function howdah_private.group_figures(
  observations float8[], out items int, out mean float8, out error float8, out lowest float8,
  out highest float8, out is_pass_or_fail boolean, out has_ties boolean
)
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  select count(v)::int, avg(v), var_samp(v) / count(v), min(v), max(v), bool_and(v in (0, 1)),
    2 * (select max(t.count) from (
      select count(*) from unnest(group_figures.observations) as o
      where o is not null group by o) as t) >= count(v)
  from unnest(group_figures.observations) as v
$$;

-- Returns both ends of the interval of Agresti and Caffo (The American Statistician 54, 2000): each
-- group has two more values, one low and one high, before the variances are taken.
create or replace function howdah_private.agresti_caffo_interval(
  firsts float8[], seconds float8[], low float8, high float8, quantile float8
) returns float8[]
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  select array[y.mean - x.mean - h.half, y.mean - x.mean + h.half]
  from (
    select avg(v) as mean, var_pop(v) / count(v) as error
    from unnest(agresti_caffo_interval.firsts || array[agresti_caffo_interval.low,
      agresti_caffo_interval.high]) as v
  ) as x
  cross join (
    select avg(v) as mean, var_pop(v) / count(v) as error
    from unnest(agresti_caffo_interval.seconds || array[agresti_caffo_interval.low,
      agresti_caffo_interval.high]) as v
  ) as y
  cross join lateral (
    select agresti_caffo_interval.quantile * sqrt(x.error + y.error) as half
  ) as h
$$;

-- Returns the 95 % interval of a pass rate (E. B. Wilson, JASA 22, 1927). With repeats, the rate is
-- the mean of the items' rates, and the items count, not the repeats.
create or replace function howdah_private.pass_rate_interval(
  rate float8, items int, out low float8, out high float8
)
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  select greatest(c.centre - c.half, 0), least(c.centre + c.half, 1)
  from (
    select (rate + z.square / (2 * items)) / (1 + z.square / items) as centre,
      sqrt(z.square * rate * (1 - rate) / items + power(z.square / (2 * items), 2))
        / (1 + z.square / items) as half
    from (values (3.841458820694124::float8)) as z (square)
    where items > 0
  ) as c
$$;

-- Raises an error if a value is infinite or not a number: no mean of such values exists.
create or replace function howdah_private.check_finite(observations float8[]) returns void
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
begin
  if exists (
    select from unnest(check_finite.observations) as v
    where v in ('NaN', 'Infinity', '-Infinity')
  ) then
    raise exception using errcode = 'HWINV', message = 'a value to compare is not a finite number',
      detail = '{"field": "scores"}', hint = 'Leave values out that are NaN or infinite.';
  end if;
end $$;
