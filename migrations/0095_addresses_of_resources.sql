-- Up Migration
-- A file with an address is a resource of our MCP server. The content of a row never changes: of rows with one address the newest counts.
alter table howdah.resources
  add column uri text,
  add constraint uri_is_an_address_of_its_own check (
    length(uri) <= 2000 and uri ~ '^[a-z][a-z0-9+.-]*:[^[:space:][:cntrl:]]+$' and uri !~ '^howdah:'
  );
create index resources_uri_idx on howdah.resources (tenant_id, uri, id) where uri is not null;
comment on column howdah.resources.uri is
  'The address MCP clients read it by, such as docs://handbook; of rows that share one the newest counts. With {name} in it, and {{name}} in a text, a template.';

-- Down Migration
alter table howdah.resources drop column uri;
