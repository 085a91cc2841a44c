-- Implements skills: an agent sees their names and purposes and loads the text of a skill when
-- needed.
create or replace function howdah_private.skill_definition(s howdah.skills) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object('name', s.name, 'description', s.description, 'content', s.content)
$$;

-- Returns the skills part of an agent definition: an empty object for an agent without skills. The
-- texts are stored in the versions of the skills.
create or replace function howdah_private.pinned_skills(agent_id uuid) returns jsonb
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce((
    select jsonb_build_object('skills', to_jsonb(array_agg(jsonb_build_object(
      'id', s.id, 'version_id', v.id, 'version', v.version, 'name', s.name,
      'description', s.description)
      order by g.position, s.name)))
    from howdah.agent_skills as g
    join howdah.skills as s on s.id = g.skill_id
    cross join lateral (
      select w.id, w.version from howdah.skill_versions as w
      where w.tenant_id = s.tenant_id and w.skill_id = s.id order by w.version desc limit 1
    ) as v
    where g.agent_id = pinned_skills.agent_id and s.is_active
    having count(*) > 0
  ), '{}')
$$;

-- Implements the tool `load_skill`: returns the text of the version that the run pinned, even if
-- the skill has changed since.
create or replace function howdah_private.call_load_skill(execution_id uuid, arguments jsonb)
  returns jsonb
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_skills jsonb;
  v_name text := btrim(call_load_skill.arguments ->> 'name');
  v_names text[];
  v_content jsonb;
begin
  select v.definition -> 'skills' into v_skills
  from howdah.executions as e join howdah.agent_versions as v on v.id = e.agent_version_id
  where e.id = call_load_skill.execution_id;
  select w.definition -> 'content' into v_content
  from jsonb_array_elements(coalesce(v_skills, '[]')) as s (skill)
  join howdah.skill_versions as w on w.id = (s.skill ->> 'version_id')::uuid
  where s.skill ->> 'name' = v_name;
  if v_content is null then
    v_names := array(select s.skill ->> 'name'
      from jsonb_array_elements(coalesce(v_skills, '[]')) as s (skill));
    raise exception using errcode = 'HWNTF',
      message = format('there is no skill named %s%s', to_jsonb(left(v_name, 100)),
        coalesce(': did you mean ' || howdah_private.nearest_word(v_name, v_names) || '?', '')),
      hint = 'The skills: ' || coalesce(nullif(array_to_string(v_names, ', '), ''), 'none') || '.';
  end if;
  return v_content;
end $$;
