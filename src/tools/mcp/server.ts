import type { ModelRef } from '../../contracts/agents/model.ts';
import type { Json, JsonObject, JsonSchema } from '../../json/json.ts';

/** The columns of howdah.mcp_servers that are needed to connect to a server. */
export type McpServer = {
  id: string;
  tenant_id: string;
  name: string;
  type: 'stdio' | 'http';
  /** The configuration, as `howdah.mcp_server_schema(type)` describes it. */
  configuration: JsonObject;
  /** A version that changes with the type, the configuration and the permissions of the server. */
  revision: string;
  /** False if workers may connect to its address although the address is private. */
  is_guarded: boolean;
  /** The model for its sampling requests. Null rejects such requests. */
  sampling_model: ModelRef | null;
  /** True if the server may ask people. */
  allows_elicitation: boolean;
  /** The account whose token requests carry. Absent without `configuration.integration`. */
  account_id?: string;
};

/**
 * Returns the key of what belongs to a server and an account: connections, lanes and delays. A
 * connection never serves two accounts, because a server ties its session to the token.
 */
export function keyOfAccount({ id, account_id }: McpServer): string {
  return account_id === undefined ? id : `${id}/${account_id}`;
}

/** Returns the name of the integration whose tokens the server wants. */
export function integrationOf({ configuration: { integration } }: McpServer): string | undefined {
  return typeof integration === 'string' ? integration : undefined;
}

/** A tool as its server describes it. */
export type FoundTool = {
  name: string;
  description: string;
  /** The parameters without patterns, which would run in this process. */
  parameters: JsonSchema;
  annotations: JsonObject;
  /** The SHA-256 of the whole description, in hex. */
  digest: string;
  /** The reason why the tool cannot be offered. */
  fault: string | null;
  /** Fault of a tool that can be offered nevertheless. */
  remark: string | null;
  /** True if the description contains invisible characters. */
  hides_something: boolean;
};

/** A prompt as its server describes it, as a template. */
export type FoundPrompt = {
  name: string;
  description: string;
  template: string;
  /** The JSON Schemas of the arguments by name. */
  variables: JsonObject;
  digest: string;
  /** The reason why there is no template. */
  fault: string | null;
};

/** The listing of a server. `prompts` is undefined if they could not be listed. */
export type Listing = {
  server_info: JsonObject;
  tools: FoundTool[];
  prompts: FoundPrompt[] | undefined;
};

/**
 * Returns the names and texts in a field of a configuration. The database has checked the field.
 */
export function textsIn(configuration: JsonObject, field: string): Record<string, string> {
  const value: Json | undefined = configuration[field];
  return (value ?? {}) as Record<string, string>;
}
