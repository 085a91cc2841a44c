-- Whoever edits the model that follows the environment makes it his own; the sync itself runs as the engine.
create or replace function howdah_private.tg_models__adopt() returns trigger
  language plpgsql volatile
  set search_path = ''
as $$
begin
  new.from_environment := false;
  return new;
end $$;

-- Agents that name the model, and for "default" those that name none.
create or replace function howdah_private.tg_models__mark_stale() returns trigger
  language plpgsql volatile security definer
  set search_path = ''
as $$
begin
  perform howdah_private.mark_agents_stale(array_agg(a.id))
  from howdah.agents as a
  where a.tenant_id = coalesce(new.tenant_id, old.tenant_id)
    and (
      exists (select from howdah.agent_models as am where am.agent_id = a.id and am.model_id = new.id)
      or ('default' in (old.name, new.name) and not exists (
        select from howdah.agent_models as am where am.agent_id = a.id and am.purpose = 'llm'))
    );
  return null;
end $$;

create or replace trigger _100_stamp before update on howdah.models
  for each row execute function howdah_private.tg__stamp();
create or replace trigger _200_adopt
  before update of provider, model, base_url, name on howdah.models
  for each row when (old.from_environment and current_user <> 'howdah_engine')
  execute function howdah_private.tg_models__adopt();
create or replace trigger _500_mark_stale
  after update of name, provider, model, base_url, context_tokens on howdah.models
  for each row when (old.* is distinct from new.*)
  execute function howdah_private.tg_models__mark_stale();
create or replace trigger _510_mark_stale
  after insert on howdah.models
  for each row when (new.name = 'default')
  execute function howdah_private.tg_models__mark_stale();
create or replace trigger _520_mark_stale
  after delete on howdah.models
  for each row when (old.name = 'default')
  execute function howdah_private.tg_models__mark_stale();
