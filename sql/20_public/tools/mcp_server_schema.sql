-- Returns the JSON Schema (draft 2020-12) of mcp_servers.configuration for a type of server.
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
        "command": {"type": "string", "minLength": 1,
          "description": "A name in PATH or an absolute path, started without a shell."},
        "args": {"type": "array", "items": {"type": "string"}},
        "env": {"type": "object", "propertyNames": {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$"},
          "additionalProperties": {"type": "string"},
          "description": "Variables besides PATH, HOME and the locale; no others are inherited."},
        "cwd": {"type": "string", "pattern": "^/",
          "description": "The working directory; by default the directory of temporary files."},
        "secrets": {"type": "object", "propertyNames": {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$"},
          "additionalProperties": {"type": "string", "minLength": 1},
          "description": "Secret names by variable: {\"GITHUB_TOKEN\": \"github\"}."}
      }
    }'::jsonb
    else '{
      "required": ["url"],
      "properties": {
        "url": {"type": "string", "pattern": "^https?://[^ ]+$",
          "description": "An endpoint for streamable HTTP."},
        "headers": {"type": "object", "propertyNames": {"pattern": "^[A-Za-z0-9-]+$"},
          "additionalProperties": {"type": "string"},
          "description": "Sent with each request."},
        "secret_name": {"type": "string", "minLength": 1,
          "description": "The secret to send as Authorization: Bearer."},
        "integration": {"type": "string", "minLength": 1,
          "description": "The integration whose OAuth token is sent as Authorization: Bearer."},
        "secrets": {"type": "object", "propertyNames": {"pattern": "^[A-Za-z0-9-]+$"},
          "additionalProperties": {"type": "string", "minLength": 1},
          "description": "Secret names by header: {\"X-API-Key\": \"search\"}."}
      }
    }'
  end, '{properties,roots}', '{
    "type": "array", "maxItems": 50,
    "description": "Directories to report when the server asks for its roots; by default none.",
    "items": {"type": "object", "required": ["uri"], "additionalProperties": false, "properties": {
      "uri": {"type": "string", "pattern": "^file:///"}, "name": {"type": "string"}}}
  }')
$$;
comment on function howdah.mcp_server_schema(howdah.mcp_server_type) is
  'Returns the JSON Schema of mcp_servers.configuration for this type.';
