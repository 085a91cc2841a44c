-- Writes the versions of prompts and skills, which have no parts: when the transaction of the edit
-- commits, or earlier, when a version of an agent that contains them is written. A session that
-- sees a digest other than that of the last version made the edit itself and holds the row lock
-- already, so it waits for no other session.
create or replace function howdah_private.write_prompt_version(prompt_id uuid) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  insert into howdah.prompt_versions (tenant_id, prompt_id, version, definition, digest, created_by)
  select p.tenant_id, p.id, coalesce(l.version, 0) + 1, d.definition, d.digest,
    howdah_private.actor()
  from howdah.prompts as p
  cross join lateral (
    select x.definition, encode(sha256(convert_to(x.definition::text, 'UTF8')), 'hex') as digest
    from (select howdah_private.prompt_definition(p) as definition) as x
  ) as d
  left join lateral (
    select v.version, v.digest from howdah.prompt_versions as v
    where v.tenant_id = p.tenant_id and v.prompt_id = p.id order by v.version desc limit 1
  ) as l on true
  where p.id = write_prompt_version.prompt_id and l.digest is distinct from d.digest;
end $$;

create or replace function howdah_private.write_skill_version(skill_id uuid) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  insert into howdah.skill_versions (tenant_id, skill_id, version, definition, digest, created_by)
  select s.tenant_id, s.id, coalesce(l.version, 0) + 1, d.definition, d.digest,
    howdah_private.actor()
  from howdah.skills as s
  cross join lateral (
    select x.definition, encode(sha256(convert_to(x.definition::text, 'UTF8')), 'hex') as digest
    from (select howdah_private.skill_definition(s) as definition) as x
  ) as d
  left join lateral (
    select v.version, v.digest from howdah.skill_versions as v
    where v.tenant_id = s.tenant_id and v.skill_id = s.id order by v.version desc limit 1
  ) as l on true
  where s.id = write_skill_version.skill_id and l.digest is distinct from d.digest;
end $$;

-- Writes the versions of the prompt and the skills of an agent, before the version of the agent
-- that refers to them.
create or replace function howdah_private.write_text_versions_of(agent_id uuid) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.write_prompt_version(a.prompt_id) from howdah.agents as a
  where a.id = write_text_versions_of.agent_id and a.prompt_id is not null;
  perform howdah_private.write_skill_version(g.skill_id) from howdah.agent_skills as g
  where g.agent_id = write_text_versions_of.agent_id;
end $$;

-- Refuses an edit of a prompt or a skill unless the caller may edit every agent that uses it. An
-- agent that is hidden from the caller is not named.
create or replace function howdah_private.check_dependent_agents(prompt_id uuid, skill_id uuid)
  returns void
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id uuid := howdah.current_tenant();
  v_agent record;
begin
  if howdah_private.is_trusted() then
    return;
  end if;
  select a.name, howdah_private.agent_permission(a.id) as permission into v_agent
  from howdah.agents as a
  where a.tenant_id = v_tenant_id and a.deleted_at is null and (
      a.prompt_id = check_dependent_agents.prompt_id
      or exists (
        select from howdah.agent_skills as g
        where g.agent_id = a.id and g.skill_id = check_dependent_agents.skill_id
      )
    ) and howdah_private.agent_permission(a.id) is distinct from 'edit'
  order by howdah_private.agent_permission(a.id) desc nulls last, a.name limit 1;
  if found then
    raise exception using errcode = 'HWDEN',
      message = format('%s uses it, but %s may not edit that agent',
        case when v_agent.permission is null then 'an agent'
        else format('agent %L', v_agent.name) end, howdah_private.caller_label()),
      detail = jsonb_build_object('prompt_id', check_dependent_agents.prompt_id,
        'skill_id', check_dependent_agents.skill_id)::text,
      hint = 'Create a copy with the change, or ask a user who may edit the agent.';
  end if;
end $$;

-- Refuses to delete a prompt or a skill that an agent uses.
create or replace function howdah_private.check_version_unused(
  what text, name text, prompt_id uuid, skill_id uuid
) returns void
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id uuid := howdah.current_tenant();
  v_agents text;
begin
  select string_agg(u.name, ', ' order by u.name) into v_agents from (
    select a.name from howdah.agents as a
    where (a.tenant_id = v_tenant_id or howdah_private.is_operator()) and a.deleted_at is null and (
      a.prompt_id = check_version_unused.prompt_id
      or exists (select from howdah.agent_skills as g
        where g.agent_id = a.id and g.skill_id = check_version_unused.skill_id)
    )
    order by a.name limit 8
  ) as u;
  if v_agents is not null then
    raise exception using errcode = 'HWCNF',
      message = format('%s %L is in use: %s',
        check_version_unused.what, check_version_unused.name, v_agents),
      detail = jsonb_build_object('prompt_id', check_version_unused.prompt_id,
        'skill_id', check_version_unused.skill_id)::text,
      hint = 'Remove it from these agents first.';
  end if;
end $$;
