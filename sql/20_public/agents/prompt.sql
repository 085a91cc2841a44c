-- Returns the id of a prompt by name, as howdah.agent(name) does for agents:
-- howdah.prompt('greeting').
create or replace function howdah.prompt(name text) returns uuid
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id uuid := howdah.current_tenant();
  v_id uuid;
  v_known text[];
begin
  select p.id into v_id from howdah.prompts as p
  where p.name = prompt.name and p.tenant_id = v_tenant_id and p.deleted_at is null;
  if v_id is null then
    v_known := array(
      select p.name from howdah.prompts as p
      where p.tenant_id = v_tenant_id and p.deleted_at is null order by p.name limit 50
    );
    raise exception using errcode = 'HWNTF',
      message = format('there is no prompt named %L', prompt.name),
      detail = jsonb_build_object('prompt', prompt.name)::text,
      hint = coalesce('Did you mean ' || howdah_private.nearest_word(prompt.name, v_known) || '?',
        'The prompts of this tenant: ' || howdah_private.list_names(v_known, 8) || '.',
        'This tenant has no prompts yet.');
  end if;
  return v_id;
end $$;
comment on function howdah.prompt(text) is
  E'@behavior -*\nReturns the id of the prompt with this name in the current tenant. Raises HWNTF '
  'if there is none.';

-- Returns the id of a skill by name, as howdah.agent(name) does for agents.
create or replace function howdah.skill(name text) returns uuid
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id uuid := howdah.current_tenant();
  v_id uuid;
  v_known text[];
begin
  select s.id into v_id from howdah.skills as s
  where s.name = skill.name and s.tenant_id = v_tenant_id and s.deleted_at is null;
  if v_id is null then
    v_known := array(
      select s.name from howdah.skills as s where s.tenant_id = v_tenant_id and s.deleted_at is null
      order by s.name limit 50
    );
    raise exception using errcode = 'HWNTF',
      message = format('there is no skill named %L', skill.name),
      detail = jsonb_build_object('skill', skill.name)::text,
      hint = coalesce('Did you mean ' || howdah_private.nearest_word(skill.name, v_known) || '?',
        'The skills of this tenant: ' || howdah_private.list_names(v_known, 8) || '.',
        'This tenant has no skills yet.');
  end if;
  return v_id;
end $$;
comment on function howdah.skill(text) is
  E'@behavior -*\nReturns the id of the skill with this name in the current tenant. Raises HWNTF '
  'if there is none.';

-- Renders a prompt as an agent would receive it, from the current row or from a version.
create or replace function howdah.render_prompt(name text, variables jsonb default '{}',
  version text default null) returns text
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_id uuid := howdah.prompt(render_prompt.name);
  v_prompt jsonb;
begin
  render_prompt.variables := coalesce(render_prompt.variables, '{}');
  if render_prompt.version is null then
    select howdah_private.prompt_definition(p) into v_prompt from howdah.prompts as p
    where p.id = v_id;
  else
    select v.definition into v_prompt
    from howdah_private.version_of('prompt', v_id, render_prompt.version) as v;
  end if;
  if jsonb_typeof(render_prompt.variables) <> 'object' then
    raise exception using errcode = 'HWINV', message = 'variables is not a JSON object',
      detail = '{"field": "variables"}', hint = 'Pass values by name, such as {"tone": "kind"}.';
  end if;
  perform howdah_private.check_value_names(
    'variables', v_prompt ->> 'name', v_prompt -> 'variables',
    jsonb_strip_nulls(render_prompt.variables));
  return howdah_private.rendered_prompt(v_prompt, render_prompt.variables);
end $$;
comment on function howdah.render_prompt(text, jsonb, text) is
  'Returns the text of a prompt with these values. version is a number or label; without it, the '
  'current text is used.';

create or replace function howdah.delete_prompt(id uuid) returns howdah.prompts
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_prompt howdah.prompts;
begin
  update howdah.prompts as p set deleted_at = now()
  where p.id = delete_prompt.id and p.deleted_at is null
  returning p.* into v_prompt;
  if v_prompt.id is null then
    raise exception using errcode = 'HWNTF',
      message = format('there is no prompt %s', coalesce(delete_prompt.id::text, 'null')),
      detail = jsonb_build_object('prompt_id', delete_prompt.id)::text,
      hint = 'See howdah.prompts for the prompts that exist.';
  end if;
  return v_prompt;
end $$;
comment on function howdah.delete_prompt(uuid) is
  'Deletes a prompt that no agent uses, softly: its versions stay, and its name becomes free.';

create or replace function howdah.delete_skill(id uuid) returns howdah.skills
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_skill howdah.skills;
begin
  update howdah.skills as s set deleted_at = now()
  where s.id = delete_skill.id and s.deleted_at is null
  returning s.* into v_skill;
  if v_skill.id is null then
    raise exception using errcode = 'HWNTF',
      message = format('there is no skill %s', coalesce(delete_skill.id::text, 'null')),
      detail = jsonb_build_object('skill_id', delete_skill.id)::text,
      hint = 'See howdah.skills for the skills that exist.';
  end if;
  return v_skill;
end $$;
comment on function howdah.delete_skill(uuid) is
  'Deletes a skill that no agent uses, softly: its versions stay, and its name becomes free.';
