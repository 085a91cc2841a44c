-- Checks inbound hooks at each write, as far as the database can: the agent or workflow, the
-- secrets, and the names and sizes of the expressions. Expressions are parsed where they are
-- evaluated, in the API. `howdah admin inbound-hooks test` shows what they make of a body.

-- Refuses a field of mapping or reply that does not exist, and an expression that is no text.
create or replace function howdah_private.check_hook_fields(
  field text, document jsonb, known text[], example text
) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_entry record;
begin
  perform howdah_private.check_plain_secrets(check_hook_fields.field, check_hook_fields.document);
  for v_entry in select e.key, e.value from jsonb_each(check_hook_fields.document) as e loop
    if v_entry.key <> all (check_hook_fields.known) then
      raise exception using errcode = 'HWINV',
        message = format('%s.%s is not known', field, v_entry.key),
        detail = jsonb_build_object('field', field || '.' || v_entry.key)::text,
        hint = format('The fields of %s: %s.', field, array_to_string(known, ', '));
    elsif jsonb_typeof(v_entry.value) <> 'string' or v_entry.value #>> '{}' !~ '\S'
      or length(v_entry.value #>> '{}') > 4000 then
      raise exception using errcode = 'HWINV',
        message = format('%s.%s is not a text of 1 to 4000 characters', field, v_entry.key),
        detail = jsonb_build_object('field', field || '.' || v_entry.key)::text,
        hint = format('Example: %s', check_hook_fields.example);
    end if;
  end loop;
end $$;

-- Refuses a reply without an address or a body, and one that would send its secret unencrypted.
create or replace function howdah_private.check_hook_reply(reply jsonb) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_example constant text := '{"url": "https://slack.com/api/chat.postMessage", '
    '"secret_name": "slack_bot", "body": "{''channel'': body.event.channel}"}';
  v_missing text;
begin
  perform howdah_private.check_hook_fields('reply', check_hook_reply.reply,
    '{url,secret_name,body,field}', v_example);
  select f.name into v_missing from unnest('{url,body}'::text[]) as f (name)
  where not check_hook_reply.reply ? f.name limit 1;
  if v_missing is not null then
    raise exception using errcode = 'HWINV', message = format('reply.%s is missing', v_missing),
      detail = jsonb_build_object('field', 'reply.' || v_missing)::text,
      hint = 'Example: ' || v_example;
  elsif check_hook_reply.reply ->> 'url'
      !~* '^(https://[^/@?#\s]+|http://[^/@?#:\s]+:[0-9]+)([/?#]\S*)?$' then
    raise exception using errcode = 'HWINV',
      message = 'reply.url is not an https URL, nor an http URL with a port',
      detail = '{"field": "reply.url"}',
      hint = 'Write it as https://host/path, or for a server of your own as http://host:port/path, '
        'with no user, password or space in it.';
  end if;
end $$;

create or replace function howdah_private.tg_inbound_hooks__check() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.check_target(new.tenant_id, new.agent_id, new.workflow_id);
  perform howdah_private.check_hook_fields('mapping', new.mapping,
    '{agent,input,input_data,metadata,concurrency_key,delivery_id}',
    '{"input": "''New issue: '' + body.issue.title"}')
  where jsonb_typeof(new.mapping) = 'object';
  perform howdah_private.check_hook_reply(new.reply) where jsonb_typeof(new.reply) = 'object';
  return new;
end $$;

-- Checks the secrets of a hook and locks them, so that they cannot be deleted before this hook is
-- visible.
create or replace function howdah_private.tg_inbound_hooks__check_secrets() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.lock_secrets(new.tenant_id,
    array[new.secret_name, new.previous_secret_name, new.reply ->> 'secret_name']);
  perform howdah_private.check_secret_size(new.tenant_id, f.field, f.name,
    case new.verification when 'standard_webhooks' then 28 else 16 end)
  from (values ('secret_name', new.secret_name),
    ('previous_secret_name', new.previous_secret_name)) as f (field, name);
  return new;
end $$;

-- Refuses a reply to an address of the machine from a caller who may not name it. Workers check the
-- addresses of the host again when they send the reply.
create or replace function howdah_private.tg_inbound_hooks__guard() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'INSERT' or new.reply ->> 'url' is distinct from old.reply ->> 'url' then
    perform howdah_private.check_machine('reply.url', new.reply ->> 'url');
  end if;
  return new;
end $$;

-- Switches off the hooks of users who are deleted. Otherwise the hooks would have no user, and
-- their runs would get the rights of the tenant.
create or replace function howdah_private.tg_users__stop_hooks() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  update howdah.inbound_hooks as h set is_active = false
  where h.tenant_id = old.tenant_id and h.user_id = old.id and h.is_active;
  return old;
end $$;

create or replace trigger _500_stop_hooks before delete on howdah.users
  for each row execute function howdah_private.tg_users__stop_hooks();
create or replace trigger _205_set_author before insert on howdah.inbound_hooks
  for each row execute function howdah_private.tg__set_author();
create or replace trigger _210_set_author
  before update of verification, secret_name, previous_secret_name, secret_header, agent_id,
    workflow_id, condition, mapping, session_key, debounce_key, debounce_ms, reply
  on howdah.inbound_hooks
  for each row when (
    (new.verification, new.secret_name, new.previous_secret_name, new.secret_header,
      new.agent_id, new.workflow_id, new.condition, new.mapping, new.session_key,
      new.debounce_key, new.debounce_ms, new.reply)
    is distinct from
    (old.verification, old.secret_name, old.previous_secret_name, old.secret_header,
      old.agent_id, old.workflow_id, old.condition, old.mapping, old.session_key,
      old.debounce_key, old.debounce_ms, old.reply))
  execute function howdah_private.tg__set_author();
create or replace trigger _220_set_run
  before insert or update of verification, secret_name, previous_secret_name, secret_header,
    agent_id, workflow_id, condition, mapping, session_key, debounce_key, debounce_ms, reply
  on howdah.inbound_hooks
  for each row execute function howdah_private.tg__set_run();
create or replace trigger _300_check
  before insert or update of agent_id, workflow_id, mapping, reply on howdah.inbound_hooks
  for each row execute function howdah_private.tg_inbound_hooks__check();
create or replace trigger _310_check_secrets
  before insert or update of verification, secret_name, previous_secret_name, reply
  on howdah.inbound_hooks
  for each row execute function howdah_private.tg_inbound_hooks__check_secrets();
create or replace trigger _320_refuse_keys
  before insert or update of description, condition, session_key, debounce_key
  on howdah.inbound_hooks
  for each row execute function
    howdah_private.tg__refuse_keys_in_texts(
      'description', 'condition', 'session_key', 'debounce_key');
create or replace trigger _400_guard before insert or update of reply on howdah.inbound_hooks
  for each row execute function howdah_private.tg_inbound_hooks__guard();
