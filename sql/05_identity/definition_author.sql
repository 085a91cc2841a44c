-- Returns the name of the caller for written_by of a definition that starts runs. A run without a
-- user writes for whoever started it: a program gains nothing by a tool of its run.
create or replace function howdah_private.definition_author(tenant_id uuid) returns text
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(
    (select r.created_by from howdah.executions as e
      join howdah.executions as r on r.id = e.root_execution_id and r.tenant_id = e.tenant_id
      where howdah_private.is_bound() and howdah.current_user_id() is null
        and e.id = howdah_private.starting_execution_id(definition_author.tenant_id)),
    howdah_private.actor())
$$;
