-- Returns the times of a cron expression, to check it before a schedule uses it. GraphQL exposes a
-- plain list, because a connection would use the argument `after` as its cursor.
create or replace function howdah.schedule_times(
  cron text, timezone text default 'UTC', after timestamptz default now(), count int default 5
) returns setof timestamptz
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  schedule_times.timezone := coalesce(schedule_times.timezone, 'UTC');
  schedule_times.count := coalesce(schedule_times.count, 5);
  perform howdah_private.check_timezone(schedule_times.timezone);
  if schedule_times.count not between 1 and 1000 then
    raise exception using errcode = 'HWINV',
      message = format('count is %s, but must be from 1 to 1000', schedule_times.count),
      detail = jsonb_build_object('field', 'count', 'value', schedule_times.count)::text,
      hint = 'For more times, call again with after => the last time returned.';
  end if;
  if schedule_times.after not between '0001-01-02' and '9999-12-30' then
    raise exception using errcode = 'HWINV',
      message = format('after is %s, which is not in the years 1 to 9999', schedule_times.after),
      detail = jsonb_build_object('field', 'after', 'value', schedule_times.after)::text,
      hint = 'Leave after out for the times from now on.';
  end if;
  return query select t.at
  from howdah_private.cron_times(schedule_times.cron, schedule_times.timezone,
    coalesce(schedule_times.after, now()), 'infinity', schedule_times.count) as t (at);
end $$;
comment on function howdah.schedule_times(text, text, timestamptz, int) is
  E'@behavior -connection +list\nReturns the next times of a cron expression in a time zone. '
  'Returns no rows if the expression names a day that never occurs.';
