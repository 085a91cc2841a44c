-- Statistics of the repeats of one item.

-- Returns the unbiased estimate of pass^k: the probability that `k` further repeats would all pass,
-- from the number of repeats that did. It is the share of the sets of k repeats that all passed.
-- Null with fewer than k repeats. The mean over the items is the pass^k of an evaluation.
create or replace function howdah_private.pass_hat_k(passes int, repeats int, k int) returns float8
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  select case when k < 1 or passes > repeats or k > repeats then null when k > passes then 0
    else (
      select exp(sum(ln((passes - i)::float8) - ln((repeats - i)::float8)))
      from generate_series(0, k - 1) as i
    ) end
$$;

-- Returns the unbiased estimate of the probability that two repeats of an item differ: 0 for an
-- item that always passes or always fails, about one half for a coin. Null with fewer than two
-- repeats. The flakiest items are those of the highest value.
create or replace function howdah_private.flakiness(passes int, repeats int) returns float8
  language sql immutable parallel safe
  return case when repeats > 1
    then 2.0::float8 * passes * (repeats - passes) / (repeats::float8 * (repeats - 1)) end;
