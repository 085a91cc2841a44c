-- The row as it stands now, not as the statement that asks began to see it: a volatile function has a snapshot of
-- its own.
create or replace function howdah_private.execution_now(id uuid) returns setof howdah.executions
  language sql volatile strict security definer
  set search_path = pg_catalog, pg_temp
as $$ select e.* from howdah.executions as e where e.id = execution_now.id $$;
