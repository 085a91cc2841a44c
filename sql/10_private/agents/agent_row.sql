-- Returns the whole row, for functions that return an agent. The application itself may not read
-- every column.
create or replace function howdah_private.agent_row(id uuid) returns howdah.agents
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id uuid := case when howdah_private.is_operator()
    then (select x.tenant_id from howdah.agents as x where x.id = agent_row.id)
    else howdah.current_tenant() end;
  v_agent howdah.agents;
begin
  select a.* into v_agent from howdah.agents as a
  where a.id = agent_row.id and a.tenant_id = v_tenant_id and howdah_private.sees_agent(a.id);
  return v_agent;
end $$;

-- Returns the whole row of a workflow.
create or replace function howdah_private.workflow_row(id uuid) returns howdah.workflows
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id uuid := case when howdah_private.is_operator()
    then (select x.tenant_id from howdah.workflows as x where x.id = workflow_row.id)
    else howdah.current_tenant() end;
  v_workflow howdah.workflows;
begin
  select w.* into v_workflow from howdah.workflows as w
  where w.id = workflow_row.id and w.tenant_id = v_tenant_id and howdah_private.sees_agent(w.id);
  return v_workflow;
end $$;
