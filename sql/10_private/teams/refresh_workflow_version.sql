-- Writes a new version of a workflow if its definition changed, as refresh_agent_version does for
-- agents.
create or replace function howdah_private.refresh_workflow_version(workflow_id uuid) returns uuid
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_workflow howdah.workflows;
  v_definition jsonb;
  v_digest text;
  v_version_id uuid;
begin
  select * into v_workflow from howdah.workflows as w
  where w.id = refresh_workflow_version.workflow_id
  for no key update;
  if not found then
    return null; -- created and deleted in one transaction
  end if;
  v_definition := howdah_private.workflow_definition(v_workflow.id);
  v_digest := encode(sha256(convert_to(v_definition::text, 'UTF8')), 'hex');
  select v.id into v_version_id from howdah.workflow_versions as v
  where v.id = v_workflow.current_version_id and v.digest = v_digest;
  if v_version_id is null then
    insert into howdah.workflow_versions (tenant_id, workflow_id, version, definition,
      digest, created_by)
    select v_workflow.tenant_id, v_workflow.id, coalesce(max(v.version), 0) + 1,
      v_definition, v_digest,
      howdah_private.actor()
    from howdah.workflow_versions as v where v.workflow_id = v_workflow.id
    returning id into v_version_id;
    perform howdah_private.warn_unknown_member(v_workflow.name, v_definition);
  end if;
  update howdah.workflows as w
  set current_version_id = v_version_id, version_is_stale = false
  where w.id = v_workflow.id
    and (w.version_is_stale or w.current_version_id is distinct from v_version_id);
  return v_version_id;
end $$;
