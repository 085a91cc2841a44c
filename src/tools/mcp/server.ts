import type { Json, JsonObject, JsonSchema } from '../../contracts/json.ts';

/** A row of howdah.mcp_servers, as far as it takes to reach the server. */
export type McpServer = {
  id: string;
  tenant_id: string;
  name: string;
  type: 'stdio' | 'http';
  /** As `howdah.mcp_server_schema(type)` says. */
  configuration: JsonObject;
  /** Changes with type and configuration. */
  revision: string;
};

/** What a server says of one of its tools. */
export type FoundTool = {
  name: string;
  description: string;
  /** Without patterns, which would run here. */
  parameters: JsonSchema;
  annotations: JsonObject;
  /** SHA-256 of all that was said, in hex. */
  digest: string;
  /** Why it cannot be offered. */
  fault: string | null;
  /** There are characters in it that a reader does not see. */
  hides_something: boolean;
};

export type Listing = { server_info: JsonObject; tools: FoundTool[] };

/** Names and texts of a configuration's field, which the database has checked. */
export function textsIn(configuration: JsonObject, field: string): Record<string, string> {
  const value: Json | undefined = configuration[field];
  return (value ?? {}) as Record<string, string>;
}
