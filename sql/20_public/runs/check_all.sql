-- Checks every promise for every run. Reads the whole log, so it is meant for quiet hours, for the
-- time after a restore and for tests.
create or replace function howdah.check_all()
  returns table (rule text, tenant_id uuid, execution_id uuid, detail text)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$ select * from howdah_private.find_violations('-infinity') $$;
comment on function howdah.check_all() is
  E'@behavior -*\nReturns the violated invariants of all runs. The result is always empty unless '
  'Howdah has a bug. Only owners of the database may call this function.';
