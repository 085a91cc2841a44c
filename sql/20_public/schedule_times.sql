-- What a cron expression means, asked before a schedule is made of it. In GraphQL a plain list: the argument `after` is a time
-- here, and the cursor of a connection there.
create or replace function howdah.schedule_times(
  cron text, timezone text default 'UTC', after timestamptz default now(), count int default 5
) returns setof timestamptz
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.refuse_timezone(schedule_times.timezone);
  if schedule_times.count is null or schedule_times.count not between 1 and 1000 then
    raise exception using errcode = 'HWINV',
      message = format('count is %s, from 1 to 1000 are allowed', coalesce(schedule_times.count::text, 'missing')),
      detail = jsonb_build_object('field', 'count', 'value', schedule_times.count)::text,
      hint = 'Ask for more with after => the last time you were given.';
  end if;
  if not isfinite(schedule_times.after) then
    raise exception using errcode = 'HWINV', message = 'after is no moment',
      detail = jsonb_build_object('field', 'after', 'value', schedule_times.after)::text,
      hint = 'Leave it out for the times from now on.';
  end if;
  return query select t.at
  from howdah_private.cron_times(schedule_times.cron, schedule_times.timezone,
    coalesce(schedule_times.after, now()), 'infinity', schedule_times.count) as t (at);
end $$;
comment on function howdah.schedule_times(text, text, timestamptz, int) is
  E'@behavior -connection +list\nThe next times of a cron expression in a time zone. None, when it names a day that never comes.';
