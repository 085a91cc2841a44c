-- What changed between two versions, a row for each change. The operations together are a JSON Patch (RFC 6902), the texts
-- something to read: select jsonb_agg(operation), string_agg(text, e'\n') from howdah.diff_agent_versions(…).
create or replace function howdah.diff_agent_versions(agent_id uuid, from_version text, to_version text default null)
  returns table (place text, op text, path text, old jsonb, new jsonb, operation jsonb, text text)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select c.* from howdah_private.version_changes('agent', diff_agent_versions.agent_id,
    diff_agent_versions.from_version, diff_agent_versions.to_version) as c
$$;
comment on function howdah.diff_agent_versions(uuid, text, text) is
  'What changed between two versions of an agent, by number or label; to the last one where to_version is left out.';

create or replace function howdah.diff_workflow_versions(workflow_id uuid, from_version text, to_version text default null)
  returns table (place text, op text, path text, old jsonb, new jsonb, operation jsonb, text text)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select c.* from howdah_private.version_changes('workflow', diff_workflow_versions.workflow_id,
    diff_workflow_versions.from_version, diff_workflow_versions.to_version) as c
$$;
comment on function howdah.diff_workflow_versions(uuid, text, text) is
  'What changed between two versions of a workflow, by number or label; to the last one where to_version is left out.';

create or replace function howdah.diff_prompt_versions(prompt_id uuid, from_version text, to_version text default null)
  returns table (place text, op text, path text, old jsonb, new jsonb, operation jsonb, text text)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select c.* from howdah_private.version_changes('prompt', diff_prompt_versions.prompt_id,
    diff_prompt_versions.from_version, diff_prompt_versions.to_version) as c
$$;
comment on function howdah.diff_prompt_versions(uuid, text, text) is
  'What changed between two versions of a prompt, by number or label; to the last one where to_version is left out.';

create or replace function howdah.diff_skill_versions(skill_id uuid, from_version text, to_version text default null)
  returns table (place text, op text, path text, old jsonb, new jsonb, operation jsonb, text text)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select c.* from howdah_private.version_changes('skill', diff_skill_versions.skill_id,
    diff_skill_versions.from_version, diff_skill_versions.to_version) as c
$$;
comment on function howdah.diff_skill_versions(uuid, text, text) is
  'What changed between two versions of a skill, by number; to the last one where to_version is left out.';
