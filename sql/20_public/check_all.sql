-- Every promise for every run there is. Reads the whole log: for a quiet hour, a restore, a test.
create or replace function howdah.check_all()
  returns table (rule text, tenant_id uuid, execution_id uuid, detail text)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$ select * from howdah_private.find_violations('-infinity') $$;
comment on function howdah.check_all() is
  E'@behavior -*\nBroken promises of all runs ever; empty, always. Owners only.';
