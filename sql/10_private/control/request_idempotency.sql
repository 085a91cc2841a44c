-- Requests that are sent again. Whoever comes second with a key waits for who came first, and then gets his answer, or does
-- the work himself when that one rolled back.

-- Returns the holder of a request's key: a user, an API key, or a tenant as a whole. Holders are
-- ids, since names are personal data. Only the API takes keys: another login could leave an answer
-- for a request that somebody else is about to send.
create or replace function howdah_private.key_holder() returns text
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if not howdah_private.has_trusted_login() then
    raise exception using errcode = 'HWDEN',
      message = format('the login %s may not reserve a request key: only the API may', session_user),
      detail = jsonb_build_object('login', session_user)::text,
      hint = 'Send the request to the API with the header Idempotency-Key.';
  end if;
  return coalesce(howdah.current_user_id()::text, nullif(current_setting('howdah.api_key_id', true), ''), 'tenant');
end $$;

-- Null for who comes first. Throws HWCNF when the key was sent with something else.
create or replace function howdah_private.take_request_key(key text, digest text) returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id uuid := howdah.current_tenant();
  v_caller text := howdah_private.key_holder();
  v_known howdah_private.request_keys;
begin
  if length(take_request_key.key) not between 1 and 255 then
    raise exception using errcode = 'HWINV', message = 'an Idempotency-Key has 1 to 255 characters',
      detail = '{"field": "Idempotency-Key"}', hint = 'A uuid is a good one.';
  end if;
  delete from howdah_private.request_keys as k
  where k.tenant_id = v_tenant_id and k.created_at < now() - interval '1 day';
  insert into howdah_private.request_keys as k (tenant_id, caller, key, digest)
  values (v_tenant_id, v_caller, take_request_key.key, take_request_key.digest)
  on conflict do nothing
  returning k.* into v_known;
  if found then
    return null;
  end if;
  select k.* into v_known from howdah_private.request_keys as k
  where k.tenant_id = v_tenant_id and k.caller = v_caller and k.key = take_request_key.key;
  if v_known.digest is distinct from take_request_key.digest then
    raise exception using errcode = 'HWCNF',
      message = format('the Idempotency-Key %L was sent with another request', take_request_key.key),
      detail = '{"field": "Idempotency-Key"}', hint = 'Take a new key for a new request.';
  end if;
  return v_known.answer;
end $$;

-- What the request came to.
create or replace function howdah_private.store_request_answer(key text, answer jsonb) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  update howdah_private.request_keys as k set answer = store_request_answer.answer
  where k.tenant_id = howdah.current_tenant() and k.caller = howdah_private.key_holder() and k.key = store_request_answer.key
$$;
