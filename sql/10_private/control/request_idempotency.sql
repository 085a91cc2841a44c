-- Idempotency of API requests. The second request with a key waits for the first one and then
-- returns its answer. If the first request rolled back, the second one does the work.

-- Returns the holder of a request's key: a user, an API key, or a tenant as a whole. Holders are
-- ids, since names are personal data. Only the API may reserve keys: another login could store an
-- answer for a request that a user is about to send.
create or replace function howdah_private.key_holder() returns text
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if not howdah_private.has_trusted_login() then
    raise exception using errcode = 'HWDEN',
      message = format('login %s may not reserve a request key: only the API may', session_user),
      detail = jsonb_build_object('login', session_user)::text,
      hint = 'Send the request to the API with the header Idempotency-Key.';
  end if;
  return coalesce(
    howdah.current_user_id()::text, nullif(current_setting('howdah.api_key_id', true), ''), 'tenant'
  );
end $$;

-- Reserves a key for a request. Returns null for the first request with the key, and the stored
-- answer for a later one. Raises HWCNF if the key was used for a different request.
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
    raise exception using errcode = 'HWINV',
      message = 'Idempotency-Key must have 1 to 255 characters',
      detail = '{"field": "Idempotency-Key"}', hint = 'Use a unique value, such as a uuid.';
  end if;
  delete from howdah_private.request_keys as k
  where k.tenant_id = v_tenant_id and k.caller = v_caller and k.key = take_request_key.key
    and k.created_at < now() - interval '1 day';
  delete from howdah_private.request_keys as k
  using (
    select o.caller, o.key from howdah_private.request_keys as o
    where o.tenant_id = v_tenant_id and o.created_at < now() - interval '1 day'
    limit 100 for update skip locked -- another request that deletes a key holds it to its end
  ) as expired
  where k.tenant_id = v_tenant_id and k.caller = expired.caller and k.key = expired.key;
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
      message = format('Idempotency-Key %L has already been used for another request',
        take_request_key.key),
      detail = '{"field": "Idempotency-Key"}', hint = 'Use a new key for each request.';
  end if;
  return v_known.answer;
end $$;

-- Stores the answer to a request, for later requests with the same key.
create or replace function howdah_private.store_request_answer(key text, answer jsonb) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  update howdah_private.request_keys as k set answer = store_request_answer.answer
  where k.tenant_id = howdah.current_tenant() and k.caller = howdah_private.key_holder()
    and k.key = store_request_answer.key
$$;
