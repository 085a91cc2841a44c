-- Returns whether the caller sees a run, for the policies of rows that follow their run. It runs
-- for each row, so the policy passes the hidden agents of the caller, which it finds once. It is
-- not parallel safe: the planner would sort all steps of a small tenant in parallel, instead of
-- reading a page of them in the order of an index.
create or replace function howdah_private.sees_run(id uuid, hidden uuid[]) returns boolean
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  return exists (
    select from howdah.executions as e
    where e.id = sees_run.id and e.tenant_id = howdah.current_tenant()
      and coalesce(e.agent_id, e.workflow_id) <> all (sees_run.hidden));
end $$;
