-- Checks skills at each write, and writes versions of a skill and of its agents at commit, like
-- prompts (prompts.sql).

-- Checks that the user may edit all agents that have the skill. Refuses to delete a skill in use.
create or replace function howdah_private.tg_skills__permit_users() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.check_dependent_agents(null, new.id);
  if new.deleted_at is not null and old.deleted_at is null then
    perform howdah_private.check_version_unused('skill', new.name, null, new.id);
  end if;
  return new;
end $$;

create or replace function howdah_private.tg_skills__write_version() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.write_skill_version(new.id);
  return null;
end $$;

create or replace function howdah_private.tg_skills__mark_stale() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.mark_agents_stale(array_agg(g.agent_id)) from howdah.agent_skills as g
  where g.tenant_id = new.tenant_id and g.skill_id = new.id;
  return null;
end $$;

create or replace trigger _030_permit_users before update on howdah.skills
  for each row execute function howdah_private.tg_skills__permit_users();
create or replace trigger _005_lock_caller before insert or update on howdah.skills
  for each statement execute function howdah_private.tg__lock_caller();
create or replace trigger _310_refuse_keys
  before insert or update of name, description, content on howdah.skills
  for each row
  execute function howdah_private.tg__refuse_keys_in_texts('name', 'description', 'content');
create or replace trigger _500_mark_stale
  after update of name, description, content, is_active on howdah.skills
  for each row when (
    (old.name, old.description, old.content, old.is_active)
    is distinct from (new.name, new.description, new.content, new.is_active)
  )
  execute function howdah_private.tg_skills__mark_stale();
drop trigger if exists _900_write_version on howdah.skills;
create constraint trigger _900_write_version after insert or update on howdah.skills
  deferrable initially deferred
  for each row execute function howdah_private.tg_skills__write_version();

create or replace trigger _100_refuse_change before update or delete on howdah.skill_versions
  for each row execute function howdah_private.tg__refuse_change();
create or replace trigger _100_refuse_truncate before truncate on howdah.skill_versions
  for each statement execute function howdah_private.tg__refuse_change();

-- Checks that a skill given to an agent exists, and locks it, so that the transaction waits for an
-- uncommitted edit (agents.sql).
create or replace function howdah_private.tg_agent_skills__check() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_skill howdah.skills;
begin
  select s.* into v_skill from howdah.skills as s
  where s.id = new.skill_id and s.tenant_id = new.tenant_id for share;
  if v_skill.id is null or v_skill.deleted_at is not null then
    raise exception using errcode = case when v_skill.id is null then 'HWNTF' else 'HWCNF' end,
      message = case when v_skill.id is null then format('there is no skill %s', new.skill_id)
        else format('skill %L is deleted', v_skill.name) end,
      detail = jsonb_build_object('field', 'skill_id', 'skill_id', new.skill_id)::text,
      hint = 'See howdah.skills for the skills that exist.';
  end if;
  return new;
end $$;
create or replace trigger _100_check before insert or update of skill_id on howdah.agent_skills
  for each row execute function howdah_private.tg_agent_skills__check();
create or replace trigger _500_mark_stale after insert or update or delete on howdah.agent_skills
  for each row execute function howdah_private.tg_agent_parts__mark_stale();
