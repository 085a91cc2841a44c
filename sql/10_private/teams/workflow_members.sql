-- Sets the members of a workflow in order, in the notation of agent system files: names, or {agent
-- | workflow | question, role, configuration}. Runs with the privileges of the caller. Members that
-- do not change are not written.
create or replace function howdah_private.set_workflow_members(workflow_id uuid, members jsonb)
  returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_entry jsonb := jsonb_build_object('members', set_workflow_members.members);
  v_agents text[] := array(
    select a.name from howdah.agents as a
    where a.tenant_id = howdah.current_tenant() and a.deleted_at is null order by a.name);
  v_workflows text[] := array(
    select w.name from howdah.workflows as w
    where w.tenant_id = howdah.current_tenant() and w.deleted_at is null order by w.name);
begin
  perform howdah_private.check_part_exists('members',
    array(select m.name from howdah_private.entry_members(v_entry) as m
      where m.what = k.what and m.name is not null), k.known)
  from (values ('agent', v_agents), ('workflow', v_workflows),
    ('member', v_agents || v_workflows)) as k (what, known);
  perform howdah_private.apply_members(w.name, v_entry, false) from howdah.workflows as w
  where w.id = set_workflow_members.workflow_id;
end $$;
