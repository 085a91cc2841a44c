-- Tools whose calls need not be asked about in this run, since an approval sticks: for the run or one above it, for the
-- session its root belongs to, or for its agent.
create or replace function howdah_private.approved_tools(e howdah.executions) returns text[]
  language sql stable security definer
  set search_path = ''
as $$
  select coalesce(array_agg(distinct a.tool), '{}') from howdah.approvals as a
  where a.tenant_id = e.tenant_id and (
    a.execution_id = any (e.ancestors || e.id::uuid) or a.agent_id = e.agent_id
    or a.session_id = coalesce(e.session_id, (
      select r.session_id from howdah.executions as r where r.id = e.root_execution_id and e.depth > 0))
  )
$$;

-- The same for a run by its id: asked again by its worker before a call, since approvals come and go meanwhile.
create or replace function howdah_private.tools_approved_now(execution_id uuid) returns text[]
  language sql stable security definer
  set search_path = ''
as $$
  select howdah_private.approved_tools(e) from howdah.executions as e
  where e.id = tools_approved_now.execution_id
$$;
