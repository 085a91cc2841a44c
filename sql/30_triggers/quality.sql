-- Checks data sets and graders, and names the author of items.

create or replace function howdah_private.tg_dataset_items__sign() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  new.metadata := coalesce(new.metadata, '{}');
  new.input := coalesce(new.input, '');
  new.created_by := howdah_private.actor();
  new.trust := 'user';
  if new.source_execution_id is not null then
    select coalesce(e.agent_version_id, e.workflow_version_id), greatest(e.input_trust, 'user'),
      coalesce(e.user_id, (select s.user_id from howdah.sessions as s where s.id = e.session_id))
    into new.source_version_id, new.trust, new.source_user_id
    from howdah.executions as e
    where e.id = new.source_execution_id and e.tenant_id = new.tenant_id
      and coalesce(e.agent_id, e.workflow_id) <> all (howdah_private.hidden_agents());
    if not found then
      raise exception using errcode = 'HWNTF',
        message = format('there is no execution %s', new.source_execution_id),
        detail = jsonb_build_object('field', 'source_execution_id')::text,
        hint = 'See howdah.executions for the runs that exist.';
    end if;
  end if;
  perform howdah_private.check_plain_secrets('metadata', new.metadata)
  where new.metadata <> '{}';
  return new;
end $$;
create or replace trigger _005_lock_caller before insert on howdah.dataset_items
  for each statement execute function howdah_private.tg__lock_caller();
create or replace trigger _100_sign before insert on howdah.dataset_items
  for each row execute function howdah_private.tg_dataset_items__sign();

create or replace function howdah_private.tg_graders__check() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  new.configuration := coalesce(new.configuration, '{}');
  new.weight := coalesce(new.weight, 1);
  new.pass_score := coalesce(new.pass_score, 1);
  if new.kind is not null and jsonb_typeof(new.configuration) = 'object' then
    perform howdah_private.check_grader(new);
  end if;
  return new;
end $$;
create or replace trigger _300_check
  before insert or update of kind, configuration, weight, pass_score on howdah.graders
  for each row execute function howdah_private.tg_graders__check();
