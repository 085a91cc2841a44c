-- Percentiles from histograms of durations (usage_durations). Views collect the histograms of a key
-- in an array.

-- Returns percentiles in seconds, interpolated as percentile_cont does, where each value counts as
-- the average of its bucket. Rounded to four decimals. Null if there are no values. Loops: a view
-- calls it for each of its rows, and a statement in here would take five times as long.
create or replace function howdah_private.histogram_percentiles(
  fractions numeric[], histograms howdah_private.histogram[]
) returns float8[]
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_histogram howdah_private.histogram := case cardinality(histograms) when 1 then histograms[1]
    else howdah_private.merge_histograms(histograms) end;
  v_calls bigint[] := v_histogram.calls;
  v_micros bigint[] := v_histogram.micros;
  v_total bigint := 0;
  v_upto bigint;
  v_at numeric;
  v_lower numeric;
  v_result float8[];
begin
  for i in 1 .. coalesce(cardinality(v_calls), 0) loop
    v_total := v_total + v_calls[i];
  end loop;
  for f in 1 .. case when v_total > 0 then cardinality(fractions) else 0 end loop
    v_at := fractions[f] * (v_total - 1);
    v_upto := 0;
    v_lower := null;
    for i in 1 .. cardinality(v_calls) loop
      v_upto := v_upto + v_calls[i];
      if v_lower is null and v_upto > floor(v_at) then
        v_lower := v_micros[i]::numeric / v_calls[i];
      end if;
      if v_upto > ceil(v_at) then
        v_result[f] := round((v_lower + (v_micros[i]::numeric / v_calls[i] - v_lower)
          * mod(v_at, 1)) / 1000000, 4);
        exit;
      end if;
    end loop;
  end loop;
  return v_result;
end $$;

-- Returns one histogram of several. A bucket whose runs were all taken back is left out.
create or replace function howdah_private.merge_histograms(histograms howdah_private.histogram[])
  returns howdah_private.histogram
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  select row(array_agg(b.bucket order by b.bucket), array_agg(b.calls order by b.bucket),
    array_agg(b.micros order by b.bucket))::howdah_private.histogram
  from (
    select v.bucket, sum(v.calls)::bigint as calls, sum(v.micros)::bigint as micros
    from unnest(merge_histograms.histograms) as h
    cross join lateral unnest(h.buckets, h.calls, h.micros) as v (bucket, calls, micros)
    group by v.bucket having sum(v.calls) > 0
  ) as b
$$;
