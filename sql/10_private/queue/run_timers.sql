-- What workers do about each second; one of them at a time, who holds the row of the chore. Each chore is a transaction of its own where a worker calls
-- it, since both lock runs: together they would hold the ones of the first while they wait for those of the second.
create or replace function howdah_private.run_timers(chore text default null) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform from howdah_private.chores as c
  where c.name = 'schedules' and coalesce(run_timers.chore, c.name) = c.name for no key update skip locked;
  if found then
    perform howdah_private.fire_schedules();
  end if;
  perform from howdah_private.chores as c
  where c.name = 'questions' and coalesce(run_timers.chore, c.name) = c.name for no key update skip locked;
  if found then
    perform howdah_private.expire_questions();
  end if;
  perform from howdah_private.chores as c
  where c.name = 'alerts' and coalesce(run_timers.chore, c.name) = c.name for no key update skip locked;
  if found then
    perform howdah_private.enqueue_alerts();
  end if;
end $$;
