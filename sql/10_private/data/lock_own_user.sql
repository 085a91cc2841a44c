-- Locks the row of the current user, before a function writes the name of the user into data of
-- others. An erasure of the user then waits until this transaction ends, and finds the name. A call
-- that comes during the erasure waits for it, and then writes the new name. Runs for other users,
-- which only the owner of the database inserts, are written without this lock.
create or replace function howdah_private.lock_caller() returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform from howdah.users as u where u.id = howdah.current_user_id() for key share;
end $$;
