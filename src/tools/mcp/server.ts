import type { ModelRef } from '../../contracts/agents/model.ts';
import type { Json, JsonObject, JsonSchema } from '../../json/json.ts';

/** A row of howdah.mcp_servers, as far as it takes to reach the server. */
export type McpServer = {
  id: string;
  tenant_id: string;
  name: string;
  type: 'stdio' | 'http';
  /** As `howdah.mcp_server_schema(type)` says. */
  configuration: JsonObject;
  /** Changes with type and configuration, and with what it may ask for. */
  revision: string;
  /** What answers its requests for sampling; null: they are refused. */
  sampling_model: ModelRef | null;
  /** It may ask people. */
  allows_elicitation: boolean;
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

/** What a server says of one of its prompts, as a template. */
export type FoundPrompt = {
  name: string;
  description: string;
  template: string;
  /** JSON Schemas of its arguments by name. */
  variables: JsonObject;
  digest: string;
  /** Why no template can be made of it. */
  fault: string | null;
};

/** Undefined `prompts` could not be asked for now. */
export type Listing = {
  server_info: JsonObject;
  tools: FoundTool[];
  prompts: FoundPrompt[] | undefined;
};

/** Names and texts of a configuration's field, which the database has checked. */
export function textsIn(configuration: JsonObject, field: string): Record<string, string> {
  const value: Json | undefined = configuration[field];
  return (value ?? {}) as Record<string, string>;
}
