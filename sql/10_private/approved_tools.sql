-- Tools whose calls need not be asked about in a run, since an approval sticks: for the run or one above it, for the
-- session its root belongs to, or for its agent. A worker asks before each round of calls that may need one, since
-- approvals are given and taken back while the run is at work.
create or replace function howdah_private.approved_tools(execution_id uuid) returns text[]
  language sql stable security definer
  set search_path = ''
as $$
  select coalesce(array_agg(distinct a.tool), '{}')
  from howdah.executions as e
  join howdah.executions as r on r.id = e.root_execution_id
  join howdah.approvals as a on a.tenant_id = e.tenant_id
    and (a.execution_id = any (e.ancestors || e.id::uuid) or a.agent_id = e.agent_id or a.session_id = r.session_id)
  where e.id = approved_tools.execution_id
$$;
