-- Deletes a workflow softly: its versions and runs stay, and its name becomes free.
create or replace function howdah.delete_workflow(id uuid) returns howdah.workflows
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id uuid := case when howdah_private.is_operator()
    then (select x.tenant_id from howdah.workflows as x where x.id = delete_workflow.id)
    else howdah.current_tenant() end;
  v_workflow howdah.workflows;
begin
  perform howdah_private.permit('workflows', 'edit');
  perform howdah_private.check_agent_right(delete_workflow.id, 'edit', 'workflow');
  update howdah.workflows as w set deleted_at = now(), is_active = false
  where w.id = delete_workflow.id and w.tenant_id = v_tenant_id and w.deleted_at is null
  returning w.* into v_workflow;
  if not found then
    raise exception using errcode = 'HWNTF',
      message = format('there is no workflow %s', coalesce(delete_workflow.id::text, 'null')),
      detail = jsonb_build_object('workflow_id', delete_workflow.id)::text,
      hint = 'See howdah.workflows for the workflows that exist.';
  end if;
  perform howdah_private.check_member('workflow', v_workflow.name, v_tenant_id, v_workflow.id);
  return v_workflow;
end $$;
comment on function howdah.delete_workflow(uuid) is
  'Deletes a workflow softly, unless it is a member of another workflow. Live runs continue with '
  'their pinned version. The name becomes free.';
