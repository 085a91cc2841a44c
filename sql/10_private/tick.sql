-- What workers do about each second; one of them at a time.
create or replace function howdah_private.tick() returns void
  language plpgsql volatile security definer
  set search_path = ''
as $$
begin
  if pg_try_advisory_xact_lock(1214871364, -1) then
    perform howdah_private.fire_schedules();
    perform howdah_private.expire_questions();
  end if;
end $$;
