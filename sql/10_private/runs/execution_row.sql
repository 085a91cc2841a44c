-- Returns the row of a run with the counters of its head, for functions whose result is a run.
create or replace function howdah_private.execution_row(id uuid) returns howdah.executions
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id uuid := case when howdah_private.is_operator()
    then (select x.tenant_id from howdah.executions as x where x.id = execution_row.id)
    else howdah.current_tenant() end;
  v_execution howdah.executions;
begin
  select h.* into v_execution
  from howdah.executions as e cross join lateral howdah_private.with_head(e) as h
  where e.id = execution_row.id and e.tenant_id = v_tenant_id
    and howdah_private.sees_agent(coalesce(e.agent_id, e.workflow_id));
  return v_execution;
end $$;
