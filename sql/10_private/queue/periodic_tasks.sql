-- Runs the periodic tasks; workers call this about once per second. The row lock of a task lets one
-- worker at a time run it. A worker runs each task in a transaction of its own, since tasks lock
-- runs. In one transaction, the locks of the first task would be held while the second one waits.
-- Returns true when schedules may be left, so that the worker calls again at once.
create or replace function howdah_private.run_timers(task text default null) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tried int := 0;
begin
  perform from howdah_private.background_tasks as t
  where t.name = 'schedules' and coalesce(run_timers.task, t.name) = t.name
  for no key update skip locked;
  if found then
    select f.tried into v_tried from howdah_private.fire_schedules() as f;
  end if;
  perform from howdah_private.background_tasks as t
  where t.name = 'questions' and coalesce(run_timers.task, t.name) = t.name
  for no key update skip locked;
  if found then
    perform howdah_private.expire_questions();
  end if;
  perform from howdah_private.background_tasks as t
  where t.name = 'alerts' and coalesce(run_timers.task, t.name) = t.name
  for no key update skip locked;
  if found then
    perform howdah_private.enqueue_alerts();
  end if;
  perform from howdah_private.background_tasks as t
  where t.name = 'gradings' and coalesce(run_timers.task, t.name) = t.name
  for no key update skip locked;
  if found then
    perform howdah_private.enqueue_gradings();
  end if;
  return v_tried > 0;
end $$;
