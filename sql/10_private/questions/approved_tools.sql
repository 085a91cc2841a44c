-- Returns the tools whose calls a run may make without asking, because an approval was remembered:
-- for the run or an ancestor, for the session of its root, or for its agent. Approvals are given
-- and revoked while the run works (call_rules.sql).
create or replace function howdah_private.approved_tools(execution_id uuid) returns text[]
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
as $$
declare
  v_run record;
  v_session_id uuid;
begin
  select e.id, e.tenant_id, e.agent_id, e.session_id, e.ancestors, e.parent_execution_id,
    e.root_execution_id
  into v_run from howdah.executions as e where e.id = approved_tools.execution_id;
  v_session_id := v_run.session_id;
  if v_run.parent_execution_id is not null then
    select e.session_id into v_session_id from howdah.executions as e
    where e.id = v_run.root_execution_id;
  end if;
  return array(
    select distinct a.tool from howdah.approvals as a
    where a.tenant_id = v_run.tenant_id and (
      a.execution_id = any (v_run.ancestors || v_run.id::uuid) or a.agent_id = v_run.agent_id
      or a.session_id = v_session_id)
  );
end $$;
