-- Documents of OAuth at rest: the client that was registered for an integration, the tokens of an
-- account, and the PKCE verifier of an authorization under way. They come and go encrypted by the
-- data key of their tenant, as secrets do (10_private/access/secrets.sql). No secret of a person
-- can have one of their names, which contain a space.

-- Returns a document with the data key that opens it, in the form of a sealed secret.
create or replace function howdah_private.sealed_oauth_document(
  d howdah_private.sealed_documents, k howdah_private.data_keys
) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object('id', d.id, 'tenant_id', d.tenant_id,
    'name', case when d.flow_id is not null then 'oauth flow'
      when d.account_id is not null then 'oauth tokens' else 'oauth client' end,
    'version', d.version, 'nonce', encode(d.nonce, 'base64'),
    'ciphertext', encode(d.ciphertext, 'base64'), 'key', howdah_private.key_document(k))
$$;

-- Returns the document of an integration, account or flow. Null if there is none.
create or replace function howdah_private.oauth_document(id uuid) returns jsonb
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.sealed_oauth_document(d, k)
  from howdah_private.sealed_documents as d
  join howdah_private.data_keys as k on k.id = d.data_key_id
  where d.id = oauth_document.id
$$;

-- Returns the version and the data key for sealing the next document of a row, and the version that
-- it replaces. A null key means that the tenant has no data key yet. A version is never given
-- twice, so that a slow process takes no new document for the deleted one that it read before.
create or replace function howdah_private.document_slot(tenant_id uuid, id uuid) returns jsonb
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'version', nextval('howdah_private.document_versions'),
    'replaces', (
      select d.version from howdah_private.sealed_documents as d
      where d.tenant_id = document_slot.tenant_id and d.id = document_slot.id),
    'key', (
      select howdah_private.key_document(k) from howdah_private.data_keys as k
      where k.tenant_id = document_slot.tenant_id and k.is_current))
$$;

-- Stores a sealed document. Returns false when it was sealed for an outdated version or with an
-- outdated key; the caller then seals it again. Locks the data key, so that the key is not replaced
-- while a document uses it.
create or replace function howdah_private.put_document(kind text, document jsonb) returns boolean
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id uuid := (put_document.document ->> 'tenant_id')::uuid;
  v_key uuid := (put_document.document #>> '{key,id}')::uuid;
  v_id uuid := (put_document.document ->> 'id')::uuid;
  v_replaces bigint := (put_document.document ->> 'replaces')::bigint;
begin
  perform from howdah_private.data_keys as k
  where k.tenant_id = v_tenant_id and k.id = v_key and k.is_current for share;
  if not found then
    return false;
  end if;
  insert into howdah_private.sealed_documents as d (
    integration_id, account_id, flow_id, tenant_id, data_key_id, version, nonce, ciphertext
  )
  select
    case put_document.kind when 'client' then v_id end,
    case put_document.kind when 'tokens' then v_id end,
    case put_document.kind when 'flow' then v_id end,
    v_tenant_id, v_key, (put_document.document ->> 'version')::bigint,
    decode(put_document.document ->> 'nonce', 'base64'),
    decode(put_document.document ->> 'ciphertext', 'base64')
  where v_replaces is null
    or exists (select from howdah_private.sealed_documents as o where o.id = v_id)
  on conflict (id) do update
  set data_key_id = excluded.data_key_id, version = excluded.version, nonce = excluded.nonce,
    ciphertext = excluded.ciphertext, lock_ends_at = null
  where d.tenant_id = excluded.tenant_id and d.version = v_replaces;
  return found;
end $$;

-- Stores the client that was registered for an integration.
create or replace function howdah_private.store_oauth_client(document jsonb) returns boolean
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.put_document('client', store_oauth_client.document)
$$;

-- Deletes the client that was registered for an integration, since its server no longer knows it.
-- Another process may have registered a newer one meanwhile, which stays.
create or replace function howdah_private.forget_oauth_client(integration_id uuid, version bigint)
  returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  delete from howdah_private.sealed_documents as d
  where d.id = forget_oauth_client.integration_id
    and d.integration_id = forget_oauth_client.integration_id
    and d.version = forget_oauth_client.version
$$;
