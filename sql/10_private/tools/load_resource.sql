-- Reports whether content of a MIME type is text that people and models can read as it is.
create or replace function howdah_private.is_text_type(type text) returns boolean
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  select is_text_type.type ~ ('^text/'
    '|^application/(json|xml|yaml|x-yaml|toml|sql|javascript|x-ndjson|csv)(;|$)'
    '|[+](json|xml|yaml)(;|$)')
$$;

-- Returns a resource for a model: its bytes or the path of its file.
create or replace function howdah_private.load_resource(tenant uuid, id uuid)
  returns table (
    name text, type text, is_text boolean, bytes bytea, storage_path text, size bigint, sha256 text
  )
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select r.name, r.type, howdah_private.is_text_type(r.type), r.bytes, r.storage_path,
    r.size, r.sha256
  from howdah.resources as r
  where r.id = load_resource.id and r.tenant_id = load_resource.tenant
$$;
