-- Runs the periodic chores; workers call this about once per second. The row lock of a chore lets
-- one worker at a time run it. A worker runs each chore in a transaction of its own, since chores
-- lock runs. In one transaction, the locks of the first chore would be held while the second one
-- waits.
create or replace function howdah_private.run_timers(chore text default null) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform from howdah_private.chores as c
  where c.name = 'schedules' and coalesce(run_timers.chore, c.name) = c.name
  for no key update skip locked;
  if found then
    perform howdah_private.fire_schedules();
  end if;
  perform from howdah_private.chores as c
  where c.name = 'questions' and coalesce(run_timers.chore, c.name) = c.name
  for no key update skip locked;
  if found then
    perform howdah_private.expire_questions();
  end if;
  perform from howdah_private.chores as c
  where c.name = 'alerts' and coalesce(run_timers.chore, c.name) = c.name
  for no key update skip locked;
  if found then
    perform howdah_private.enqueue_alerts();
  end if;
end $$;
