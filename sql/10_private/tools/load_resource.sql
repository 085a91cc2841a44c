-- Which content is text that a person or a model can read as it is.
create or replace function howdah_private.is_text_type(type text) returns boolean
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  select is_text_type.type ~ '^text/|^application/(json|xml|yaml|x-yaml|toml|sql|javascript|x-ndjson|csv)(;|$)|[+](json|xml|yaml)(;|$)'
$$;

-- A resource as the worker hands it to a model: its bytes, or where its file is.
create or replace function howdah_private.load_resource(tenant uuid, id uuid)
  returns table (name text, type text, is_text boolean, bytes bytea, storage_path text, size bigint, sha256 text)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select r.name, r.type, howdah_private.is_text_type(r.type), r.bytes, r.storage_path, r.size, r.sha256
  from howdah.resources as r
  where r.id = load_resource.id and r.tenant_id = load_resource.tenant
$$;
