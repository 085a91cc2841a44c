-- Gives a version a name, or moves the name to it. Versions of others are not found.
create or replace function howdah.label_agent_version(agent_id uuid, version int, label text) returns howdah.version_labels
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $$
  insert into howdah.version_labels (agent_id, version, label)
  values (label_agent_version.agent_id, label_agent_version.version, label_agent_version.label)
  on conflict (tenant_id, agent_id, workflow_id, label) do update set version = excluded.version
  returning *
$$;
comment on function howdah.label_agent_version(uuid, int, text) is
  'Names a version of an agent (production, candidate, …); the name moves when it was given before.';

create or replace function howdah.label_workflow_version(workflow_id uuid, version int, label text) returns howdah.version_labels
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $$
  insert into howdah.version_labels (workflow_id, version, label)
  values (label_workflow_version.workflow_id, label_workflow_version.version, label_workflow_version.label)
  on conflict (tenant_id, agent_id, workflow_id, label) do update set version = excluded.version
  returning *
$$;
comment on function howdah.label_workflow_version(uuid, int, text) is
  'Names a version of a workflow (production, candidate, …); the name moves when it was given before.';
