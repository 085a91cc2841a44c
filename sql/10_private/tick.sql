-- What workers do about each second; one of them at a time. Each chore is a transaction of its own where a worker calls
-- it, since both lock runs: together they would hold the ones of the first while they wait for those of the second.
create or replace function howdah_private.tick(chore text default null) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if coalesce(tick.chore, 'schedules') = 'schedules' and pg_try_advisory_xact_lock(1214871364, -1) then
    perform howdah_private.fire_schedules();
  end if;
  if coalesce(tick.chore, 'questions') = 'questions' and pg_try_advisory_xact_lock(1214871364, -2) then
    perform howdah_private.expire_questions();
  end if;
end $$;
