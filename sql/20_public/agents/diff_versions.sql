-- Compares two versions, with one row for each change. The column operation holds JSON Patch
-- operations (RFC 6902), the column text a readable diff: select jsonb_agg(operation),
-- string_agg(text, e'\n') from howdah.diff_agent_versions(…).
create or replace function howdah.diff_agent_versions(agent_id uuid, from_version text,
  to_version text default null)
  returns table (place text, op text, path text, old jsonb, new jsonb, operation jsonb, text text)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select c.* from howdah_private.version_changes('agent', diff_agent_versions.agent_id,
    diff_agent_versions.from_version, diff_agent_versions.to_version) as c
$$;
comment on function howdah.diff_agent_versions(uuid, text, text) is
  'Returns the changes between two versions of an agent, given by number or label. Without '
  'to_version, compares with the latest version. The operations, in their order, are a JSON Patch '
  '(RFC 6902) from one definition to the other; text is for people.';

create or replace function howdah.diff_workflow_versions(workflow_id uuid, from_version text,
  to_version text default null)
  returns table (place text, op text, path text, old jsonb, new jsonb, operation jsonb, text text)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select c.* from howdah_private.version_changes('workflow', diff_workflow_versions.workflow_id,
    diff_workflow_versions.from_version, diff_workflow_versions.to_version) as c
$$;
comment on function howdah.diff_workflow_versions(uuid, text, text) is
  'Returns the changes between two versions of a workflow, given by number or label. Without '
  'to_version, compares with the latest version.';

create or replace function howdah.diff_prompt_versions(prompt_id uuid, from_version text,
  to_version text default null)
  returns table (place text, op text, path text, old jsonb, new jsonb, operation jsonb, text text)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select c.* from howdah_private.version_changes('prompt', diff_prompt_versions.prompt_id,
    diff_prompt_versions.from_version, diff_prompt_versions.to_version) as c
$$;
comment on function howdah.diff_prompt_versions(uuid, text, text) is
  'Returns the changes between two versions of a prompt, given by number or label. Without '
  'to_version, compares with the latest version.';

create or replace function howdah.diff_skill_versions(skill_id uuid, from_version text,
  to_version text default null)
  returns table (place text, op text, path text, old jsonb, new jsonb, operation jsonb, text text)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select c.* from howdah_private.version_changes('skill', diff_skill_versions.skill_id,
    diff_skill_versions.from_version, diff_skill_versions.to_version) as c
$$;
comment on function howdah.diff_skill_versions(uuid, text, text) is
  'Returns the changes between two versions of a skill, given by number. Without to_version, '
  'compares with the latest version.';
