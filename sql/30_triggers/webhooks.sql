-- Queues deliveries of events to webhooks, and checks webhooks.

-- Queues a new question for the webhooks. The run inserts its question first. A later commit sets
-- the run to waiting, when its other calls have finished or wait too. The event therefore reports
-- waiting already.
create or replace function howdah_private.tg_questions__deliver() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.enqueue_webhooks(e, 'question.opened', jsonb_build_object(
    'status', case when e.status in ('queued', 'running') then 'waiting' else e.status end,
    'waiting_for', case
      when e.status not in ('queued', 'running', 'waiting') then null
      when e.id = new.execution_id then 'question'
      else coalesce(e.waiting_for, 'child') end,
    'question', jsonb_build_object(
      'id', new.id, 'kind', new.kind, 'execution_id', new.execution_id, 'prompt', new.prompt,
      'options', new.options, 'schema', new.schema, 'tool_call', new.tool_call,
      'trust', new.trust, 'expires_at', new.expires_at)))
  from howdah.executions as r cross join lateral howdah_private.with_head(r) as e
  where r.id = new.root_execution_id and r.tenant_id = new.tenant_id
    and (e.callback_url is not null or exists (
      select from howdah.webhooks as w where w.tenant_id = new.tenant_id and w.is_active));
  return null;
end $$;
create or replace trigger _900_deliver after insert on howdah.questions
  for each row when (new.status = 'open')
  execute function howdah_private.tg_questions__deliver();

-- Checks the secrets of a webhook and locks them, so that they cannot be deleted before this
-- webhook is visible. Clears disabled_because of an active webhook. Tells who inserts a webhook by
-- SQL how to get its key, since no statement can contain a key.
create or replace function howdah_private.tg_webhooks__check() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.lock_secrets(
    new.tenant_id, array[new.secret_name, new.previous_secret_name]);
  perform howdah_private.check_secret_size(new.tenant_id, f.field, f.name, 28)
  from (values ('secret_name', new.secret_name),
    ('previous_secret_name', new.previous_secret_name)) as f (field, name);
  if new.is_active then
    new.disabled_because := null;
  end if;
  if tg_op = 'INSERT' and new.secret_name is null then
    raise notice 'deliveries of webhook % are signed with a generated key', new.id
      using hint = format('Get the key, which is shown once: howdah admin webhooks key %s', new.id);
  end if;
  return new;
end $$;
-- Refuses an address of the machine from a caller who may not name it. Workers check the addresses
-- of the host again when they deliver.
create or replace function howdah_private.tg_webhooks__guard() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'INSERT' or new.url <> old.url then
    perform howdah_private.check_machine('url', new.url);
  end if;
  return new;
end $$;
create or replace trigger _400_guard before insert or update of url on howdah.webhooks
  for each row execute function howdah_private.tg_webhooks__guard();
create or replace trigger _300_check before insert or update on howdah.webhooks
  for each row execute function howdah_private.tg_webhooks__check();
create or replace trigger _310_refuse_keys before insert or update of description on howdah.webhooks
  for each row execute function howdah_private.tg__refuse_keys_in_texts('description');
