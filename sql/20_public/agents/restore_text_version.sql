-- Restores prompts and skills to a version, as restore_agent_version does for agents.
create or replace function howdah.restore_prompt_version(prompt_id uuid, version int)
  returns howdah.prompts
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_tenant_id uuid := howdah.current_tenant();
  v_definition jsonb;
  v_prompt howdah.prompts;
begin
  select v.definition into v_definition from howdah_private.version_of(
    'prompt', restore_prompt_version.prompt_id,
    coalesce(restore_prompt_version.version, 0)::text) as v;
  update howdah.prompts as p
  set description = v_definition ->> 'description',
    template = v_definition ->> 'template', variables = v_definition -> 'variables'
  where p.id = restore_prompt_version.prompt_id and p.tenant_id = v_tenant_id
  returning p.* into v_prompt;
  return v_prompt;
end $$;
comment on function howdah.restore_prompt_version(uuid, int) is
  'Restores a prompt from a version. The restored state is a new version of the prompt and of the '
  'agents that use it. The prompt keeps its current name.';

create or replace function howdah.restore_skill_version(skill_id uuid, version int)
  returns howdah.skills
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_tenant_id uuid := howdah.current_tenant();
  v_definition jsonb;
  v_skill howdah.skills;
begin
  select v.definition into v_definition from howdah_private.version_of(
    'skill', restore_skill_version.skill_id, coalesce(restore_skill_version.version, 0)::text) as v;
  update howdah.skills as s
  set description = v_definition ->> 'description', content = v_definition ->> 'content'
  where s.id = restore_skill_version.skill_id and s.tenant_id = v_tenant_id
  returning s.* into v_skill;
  return v_skill;
end $$;
comment on function howdah.restore_skill_version(uuid, int) is
  'Restores a skill from a version. The restored state is a new version of the skill and of the '
  'agents that use it. The skill keeps its current name.';
