-- The whole row for functions that give it back: the application may not read the columns of ownership itself.
create or replace function howdah_private.execution_row(id uuid) returns howdah.executions
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select e.* from howdah.executions as e
  where e.id = execution_row.id and howdah_private.may_act_for(e.tenant_id) and howdah_private.sees_agent(e.agent_id)
$$;
