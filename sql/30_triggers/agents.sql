-- An agent is stale from the edit of a part until its version is written: at commit by the deferred trigger,
-- or before by the first insert of an execution. So one transaction of edits makes one version.
create or replace function howdah_private.tg_agents__mark_stale() returns trigger
  language plpgsql volatile
  set search_path = ''
as $$
begin
  new.version_is_stale := true;
  return new;
end $$;

create or replace function howdah_private.tg_agents__write_version() returns trigger
  language plpgsql volatile security definer
  set search_path = ''
as $$
begin
  perform howdah_private.refresh_agent_version(new.id);
  return null;
end $$;

create or replace trigger _100_stamp before update on howdah.agents
  for each row when (old.version_is_stale = new.version_is_stale)
  execute function howdah_private.tg__stamp();
create or replace trigger _200_mark_stale
  before update of name, instruction, system_prompt, use_history, output_schema, max_steps, max_tokens,
    max_cost, max_seconds on howdah.agents
  for each row when (old.* is distinct from new.*)
  execute function howdah_private.tg_agents__mark_stale();

drop trigger if exists _900_write_version on howdah.agents;
create constraint trigger _900_write_version after insert or update on howdah.agents
  deferrable initially deferred
  for each row when (new.version_is_stale)
  execute function howdah_private.tg_agents__write_version();

create or replace function howdah_private.tg_agent_parts__mark_stale() returns trigger
  language plpgsql volatile security definer
  set search_path = ''
as $$
begin
  perform howdah_private.mark_agents_stale(array[old.agent_id, new.agent_id]);
  return null;
end $$;

create or replace trigger _500_mark_stale after insert or update or delete on howdah.agent_models
  for each row execute function howdah_private.tg_agent_parts__mark_stale();
create or replace trigger _500_mark_stale after insert or update or delete on howdah.agent_tools
  for each row execute function howdah_private.tg_agent_parts__mark_stale();

create or replace trigger _100_refuse_change before update or delete on howdah.agent_versions
  for each row execute function howdah_private.tg__refuse_change();
create or replace trigger _100_refuse_truncate before truncate on howdah.agent_versions
  for each statement execute function howdah_private.tg__refuse_change();
