-- What may stand in an MCP server's configuration, by type, as JSON Schema of draft 2020-12.
create or replace function howdah.mcp_server_schema(type howdah.mcp_server_type) returns jsonb
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    '$schema', 'https://json-schema.org/draft/2020-12/schema',
    'title', format('configuration of an MCP server of type %s', mcp_server_schema.type),
    'type', 'object', 'additionalProperties', false
  ) || jsonb_set(case mcp_server_schema.type
    when 'stdio' then '{
      "required": ["command"],
      "properties": {
        "command": {"type": "string", "minLength": 1, "description": "The program, found in PATH or by its absolute path; no shell reads it."},
        "args": {"type": "array", "items": {"type": "string"}},
        "env": {"type": "object", "propertyNames": {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$"}, "additionalProperties": {"type": "string"},
          "description": "Variables besides PATH, HOME and the language; the worker''s own are not handed on."},
        "cwd": {"type": "string", "pattern": "^/", "description": "The folder it begins in; the folder of temporary files without one."},
        "secrets": {"type": "object", "propertyNames": {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$"},
          "additionalProperties": {"type": "string", "minLength": 1}, "description": "Names of secrets by variable: {\"GITHUB_TOKEN\": \"github\"}."}
      }
    }'::jsonb
    else '{
      "required": ["url"],
      "properties": {
        "url": {"type": "string", "pattern": "^https?://[^ ]+$", "description": "Speaks streamable HTTP."},
        "headers": {"type": "object", "propertyNames": {"pattern": "^[A-Za-z0-9-]+$"}, "additionalProperties": {"type": "string"},
          "description": "Go along with each request."},
        "secret_name": {"type": "string", "minLength": 1, "description": "The secret that is sent as Authorization: Bearer."},
        "secrets": {"type": "object", "propertyNames": {"pattern": "^[A-Za-z0-9-]+$"},
          "additionalProperties": {"type": "string", "minLength": 1}, "description": "Names of secrets by header: {\"X-API-Key\": \"search\"}."}
      }
    }'
  end, '{properties,roots}', '{
    "type": "array", "maxItems": 50, "description": "Folders it is told of when it asks where it may work (roots); none without.",
    "items": {"type": "object", "required": ["uri"], "additionalProperties": false, "properties": {
      "uri": {"type": "string", "pattern": "^file:///"}, "name": {"type": "string"}}}
  }')
$$;
comment on function howdah.mcp_server_schema(howdah.mcp_server_type) is
  'The JSON Schema of mcp_servers.configuration for this type.';
