-- Tools whose calls need not be asked about in this run, since an approval sticks.
create or replace function howdah_private.approved_tools(e howdah.executions) returns text[]
  language sql stable security definer
  set search_path = ''
as $$
  select coalesce(array_agg(distinct a.tool), '{}') from howdah.approvals as a
  where a.tenant_id = e.tenant_id
    and (a.execution_id = e.id or a.agent_id = e.agent_id or a.session_id = e.session_id)
$$;
