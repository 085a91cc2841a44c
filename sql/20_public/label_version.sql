-- Gives a version a name, or moves the name to it. Versions of others are not found.
create or replace function howdah.label_agent_version(agent_id uuid, version int, label text) returns howdah.version_labels
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_tenant_id uuid := howdah.current_tenant();
  v_label howdah.version_labels;
begin
  if not exists (
    select from howdah.agent_versions as v
    where v.agent_id = label_agent_version.agent_id and v.version = label_agent_version.version
      and v.tenant_id = v_tenant_id
  ) then
    raise exception using errcode = 'HWNTF',
      message = format('agent %s has no version %s', label_agent_version.agent_id, label_agent_version.version),
      detail = jsonb_build_object('agent_id', label_agent_version.agent_id, 'version', label_agent_version.version)::text,
      hint = 'Those there are stand in howdah.agent_versions.';
  end if;
  insert into howdah.version_labels (agent_id, version, label)
  values (label_agent_version.agent_id, label_agent_version.version, label_agent_version.label)
  on conflict (tenant_id, agent_id, workflow_id, label) do update set version = excluded.version
  returning * into v_label;
  return v_label;
end $$;
comment on function howdah.label_agent_version(uuid, int, text) is
  'Names a version of an agent (production, candidate, …); the name moves when it was given before.';

create or replace function howdah.label_workflow_version(workflow_id uuid, version int, label text) returns howdah.version_labels
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_tenant_id uuid := howdah.current_tenant();
  v_label howdah.version_labels;
begin
  if not exists (
    select from howdah.workflow_versions as v
    where v.workflow_id = label_workflow_version.workflow_id and v.version = label_workflow_version.version
      and v.tenant_id = v_tenant_id
  ) then
    raise exception using errcode = 'HWNTF',
      message = format('workflow %s has no version %s', label_workflow_version.workflow_id, label_workflow_version.version),
      detail = jsonb_build_object('workflow_id', label_workflow_version.workflow_id, 'version', label_workflow_version.version)::text,
      hint = 'Those there are stand in howdah.workflow_versions.';
  end if;
  insert into howdah.version_labels (workflow_id, version, label)
  values (label_workflow_version.workflow_id, label_workflow_version.version, label_workflow_version.label)
  on conflict (tenant_id, agent_id, workflow_id, label) do update set version = excluded.version
  returning * into v_label;
  return v_label;
end $$;
comment on function howdah.label_workflow_version(uuid, int, text) is
  'Names a version of a workflow (production, candidate, …); the name moves when it was given before.';
