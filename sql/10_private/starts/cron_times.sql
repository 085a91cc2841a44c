-- Returns the moments at which the clock of a time zone shows a time of a cron expression. Almost
-- every day has one offset from UTC, and the moments are sums. On a day with a clock change, each
-- local time is looked up:
--   A fixed time (03:30) fires once. If the local time exists twice, its first moment counts. If it
--   does not exist, the end of the gap counts.
--   An interval (the hours begin with a star) fires at every moment that shows one of its times:
--   twice in the repeated hour, never in the gap. So 15 minutes stay 15 minutes.
create or replace function howdah_private.cron_moments(
  day date, hours int[], minutes int[], is_interval boolean, timezone text
) returns setof timestamptz
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_midnight constant timestamp := cron_moments.day;
  v_early timestamp := v_midnight - interval '1 day'; -- in UTC: before the day begins in any zone
  v_late timestamp := v_midnight + interval '2 days'; -- after the day has ended in all zones
  v_middle timestamp;
  v_before interval := (v_early at time zone 'UTC') at time zone cron_moments.timezone - v_early;
  v_after interval := (v_late at time zone 'UTC') at time zone cron_moments.timezone - v_late;
begin
  if v_before = v_after then
    return query
    select (v_midnight + make_interval(hours => h, mins => m) - v_before) at time zone 'UTC'
    from unnest(cron_moments.hours) as h cross join unnest(cron_moments.minutes) as m;
    return;
  end if;
  while v_late - v_early > interval '1 minute' loop
    v_middle := v_early + date_trunc('minute', (v_late - v_early) / 2);
    if (v_middle at time zone 'UTC') at time zone cron_moments.timezone - v_middle = v_before then
      v_early := v_middle;
    else
      v_late := v_middle; -- the loop ends with the minute of the change
    end if;
  end loop;
  return query
  with shown as (
    select v_midnight + make_interval(hours => h, mins => m) as local
    from unnest(cron_moments.hours) as h cross join unnest(cron_moments.minutes) as m
  ),
  existing as (
    select s.local, array(
      select distinct x.at from (values
        ((s.local - v_before) at time zone 'UTC'), ((s.local - v_after) at time zone 'UTC')
      ) as x (at)
      where x.at at time zone cron_moments.timezone = s.local order by x.at
    ) as moments
    from shown as s
  )
  select distinct m.at from existing as e cross join lateral unnest(case
    when cron_moments.is_interval then e.moments
    when e.moments = '{}' then array[v_late at time zone 'UTC']
    else e.moments[1:1] end) as m (at);
end $$;

-- Returns the times after `since`, up to and including `until`: the first ones in order, or
-- (backwards) the last ones in reverse. Months and days that do not match are skipped. Gives up
-- after nine years without a time, since 29 February may be eight years away.
create or replace function howdah_private.cron_times(
  cron text, timezone text, since timestamptz, until timestamptz, count int,
  backwards boolean default false
) returns setof timestamptz
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_cron record;
  v_begin date := cron_times.since at time zone cron_times.timezone;
  v_end date := cron_times.until at time zone cron_times.timezone;
  v_day date := case when cron_times.backwards then v_end else v_begin end;
  v_seen date := v_day;
  v_month date;
  v_fits_day boolean;
  v_fits_weekday boolean;
  v_at timestamptz;
  v_last timestamptz;
  v_left int := cron_times.count;
begin
  v_cron := howdah_private.parse_cron(cron_times.cron);
  while v_left > 0 and v_day between v_begin and v_end and abs(v_day - v_seen) < 3300 loop
    if extract(month from v_day)::int <> all (v_cron.months) then
      v_month := v_day - extract(day from v_day)::int + 1;
      v_day := case when cron_times.backwards then v_month - 1
        else v_month + interval '1 month' end;
      continue;
    end if;
    v_fits_day := extract(day from v_day)::int = any (v_cron.days);
    v_fits_weekday := extract(dow from v_day)::int = any (v_cron.weekdays);
    if v_fits_day and v_fits_weekday or v_cron.is_either and (v_fits_day or v_fits_weekday) then
      for v_at in
        select m.at
        from howdah_private.cron_moments(
          v_day, v_cron.hours, v_cron.minutes, v_cron.is_interval, cron_times.timezone) as m (at)
        where m.at > cron_times.since and m.at <= cron_times.until
          and (v_last is null or (m.at > v_last) <> cron_times.backwards)
        order by case when cron_times.backwards then m.at end desc, m.at
        limit v_left
      loop
        return next v_at;
        v_last := v_at;
        v_seen := v_day;
        v_left := v_left - 1;
      end loop;
    end if;
    v_day := v_day + case when cron_times.backwards then -1 else 1 end;
  end loop;
end $$;
