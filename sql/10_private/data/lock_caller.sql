-- Locks the row of the current user, before the name of the user is written into a row that names
-- its author. An erasure of the user then waits until this transaction ends, and finds the name. A
-- caller that comes after the erasure waits for it, and is no longer an active user.
create or replace function howdah_private.lock_caller() returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform from howdah.users as u where u.id = howdah.current_user_id() for key share;
end $$;
