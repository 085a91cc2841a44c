-- Checks prompts at each write, and writes versions of a prompt and of its agents at commit. Skills
-- work in the same way (skills.sql). A prompt that is given to an agent is locked, like models and
-- tools (agents.sql).

-- Checks the template, the variables, and the values that existing agents give to the variables.
create or replace function howdah_private.tg_prompts__check() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_agent record;
begin
  perform howdah_private.check_plain_secrets('variables', new.variables);
  if jsonb_typeof(new.variables) = 'object' then
    perform howdah_private.raise_plain_secret('variables', 'variables.' || v.name || '.default')
    from jsonb_each(new.variables) as v (name, variable)
    where howdah_private.is_secret_name(v.name) and v.variable ? 'default';
    perform howdah_private.check_variables(new.variables);
    perform howdah_private.check_template(new.template, new.variables);
  end if;
  if tg_op = 'UPDATE' and new.variables <> old.variables then
    for v_agent in
      select a.name, a.prompt_values from howdah.agents as a
      where a.tenant_id = new.tenant_id and a.prompt_id = new.id and a.deleted_at is null
        and a.prompt_values <> '{}'
      order by a.name
    loop
      perform howdah_private.check_value_names(
        format('prompt_values of agent %s', v_agent.name), new.name, new.variables,
        v_agent.prompt_values);
    end loop;
  end if;
  return new;
end $$;

-- Checks that the user may edit all agents that have the prompt. Refuses to delete a prompt in use.
create or replace function howdah_private.tg_prompts__permit_users() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.check_dependent_agents(new.id, null);
  if new.deleted_at is not null and old.deleted_at is null then
    perform howdah_private.check_version_unused('prompt', new.name, new.id, null);
  end if;
  return new;
end $$;

create or replace function howdah_private.tg_prompts__write_version() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.write_prompt_version(new.id);
  return null;
end $$;

create or replace function howdah_private.tg_prompts__mark_stale() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.mark_agents_stale(array_agg(a.id)) from howdah.agents as a
  where a.tenant_id = new.tenant_id and a.prompt_id = new.id;
  return null;
end $$;

create or replace trigger _005_lock_caller before insert or update on howdah.prompts
  for each statement execute function howdah_private.tg__lock_caller();
create or replace trigger _030_permit_users before update on howdah.prompts
  for each row execute function howdah_private.tg_prompts__permit_users();
create or replace trigger _300_check
  before insert or update of template, description, variables on howdah.prompts
  for each row when (new.template is not null and new.variables is not null)
  execute function howdah_private.tg_prompts__check();
create or replace trigger _310_refuse_keys
  before insert or update of name, description, template on howdah.prompts
  for each row
  execute function howdah_private.tg__refuse_keys_in_texts('name', 'description', 'template');
create or replace trigger _500_mark_stale
  after update of name, template, variables on howdah.prompts
  for each row when (
    (old.name, old.template, old.variables)
    is distinct from (new.name, new.template, new.variables))
  execute function howdah_private.tg_prompts__mark_stale();
drop trigger if exists _900_write_version on howdah.prompts;
create constraint trigger _900_write_version after insert or update on howdah.prompts
  deferrable initially deferred
  for each row execute function howdah_private.tg_prompts__write_version();

create or replace trigger _100_refuse_change before update or delete on howdah.prompt_versions
  for each row execute function howdah_private.tg__refuse_change();
create or replace trigger _100_refuse_truncate before truncate on howdah.prompt_versions
  for each statement execute function howdah_private.tg__refuse_change();

-- Checks that the prompt of an agent exists and accepts the values that the agent gives. Locks a
-- prompt that is new to the agent, so that the transaction waits for an uncommitted edit. A prompt
-- that the agent already has is not locked: its edit waits for the row of the agent to mark it
-- stale, and the two transactions would deadlock.
create or replace function howdah_private.tg_agents__check_prompt() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_prompt howdah.prompts;
begin
  if tg_op = 'INSERT' or new.prompt_id is distinct from old.prompt_id then
    perform from howdah.prompts as p where p.id = new.prompt_id and p.tenant_id = new.tenant_id
    for share;
  end if;
  select p.* into v_prompt from howdah.prompts as p
  where p.id = new.prompt_id and p.tenant_id = new.tenant_id;
  if new.prompt_id is not null and (v_prompt.id is null or v_prompt.deleted_at is not null) then
    raise exception using errcode = case when v_prompt.id is null then 'HWNTF' else 'HWCNF' end,
      message = case
        when v_prompt.id is null then format('there is no prompt %s', new.prompt_id)
        else format('prompt %L is deleted', v_prompt.name) end,
      detail = jsonb_build_object('field', 'prompt_id', 'prompt_id', new.prompt_id)::text,
      hint = 'See howdah.prompts for the prompts that exist.';
  elsif new.prompt_id is null and new.prompt_values <> '{}' then
    raise exception using errcode = 'HWINV',
      message = 'prompt_values need a prompt, but prompt_id is null',
      detail = jsonb_build_object('field', 'prompt_values')::text,
      hint = 'Set prompt_id, or leave prompt_values empty.';
  elsif jsonb_typeof(new.prompt_values) = 'object' and new.prompt_id is not null then
    perform howdah_private.check_plain_secrets('prompt_values', new.prompt_values);
    perform howdah_private.check_value_names(
      'prompt_values', v_prompt.name, v_prompt.variables, new.prompt_values);
  end if;
  return new;
end $$;
create or replace trigger _300_check_prompt
  before insert or update of prompt_id, prompt_values on howdah.agents
  for each row when (new.prompt_id is not null or new.prompt_values <> '{}')
  execute function howdah_private.tg_agents__check_prompt();
