-- Labels a version, or moves an existing label to it. Versions of another tenant are not found.
create or replace function howdah_private.label_version(what text, id uuid, version int, label text)
  returns howdah.version_labels
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_label howdah.version_labels;
begin
  perform howdah_private.version_of(label_version.what, label_version.id,
    coalesce(label_version.version, 0)::text);
  insert into howdah.version_labels (agent_id, workflow_id, prompt_id, version, label)
  values (
    case label_version.what when 'agent' then label_version.id end,
    case label_version.what when 'workflow' then label_version.id end,
    case label_version.what when 'prompt' then label_version.id end, label_version.version,
      label_version.label
  )
  on conflict (tenant_id, agent_id, workflow_id, prompt_id, label) do update
    set version = excluded.version
  returning * into v_label;
  return v_label;
end $$;

create or replace function howdah.label_agent_version(agent_id uuid, version int, label text)
  returns howdah.version_labels
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.label_version(
    'agent', label_agent_version.agent_id, label_agent_version.version, label_agent_version.label)
$$;
comment on function howdah.label_agent_version(uuid, int, text) is
  'Labels a version of an agent (production, candidate, …). A label that exists already moves to '
  'this version.';

create or replace function howdah.label_workflow_version(workflow_id uuid, version int, label text)
  returns howdah.version_labels
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.label_version(
    'workflow', label_workflow_version.workflow_id, label_workflow_version.version,
    label_workflow_version.label)
$$;
comment on function howdah.label_workflow_version(uuid, int, text) is
  'Labels a version of a workflow (production, candidate, …). A label that exists already moves '
  'to this version.';

create or replace function howdah.label_prompt_version(prompt_id uuid, version int, label text)
  returns howdah.version_labels
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.label_version(
    'prompt', label_prompt_version.prompt_id, label_prompt_version.version,
    label_prompt_version.label)
$$;
comment on function howdah.label_prompt_version(uuid, int, text) is
  'Labels a version of a prompt (production, candidate, …). A label that exists already moves to '
  'this version.';
