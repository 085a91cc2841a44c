import type { Json } from '../../json/json.ts';
import type { McpFile } from './results/files.ts';
import type { Listing, McpServer } from './server.ts';

/** The stored data of MCP servers. */
export type McpRows = {
  /** Returns a server. Undefined when the server is inactive, missing or of another tenant. */
  find(tenantId: string, id: string): Promise<McpServer | undefined>;
  /** Stores a listing and returns the tools that are not accepted. */
  record(server: McpServer, listing: Listing): Promise<Json[]>;
  fail(server: McpServer, reason: string): Promise<void>;
  /** Stores a file and returns the id of its row. Throws the errors of the database. */
  keep(executionId: string, file: McpFile): Promise<string>;
};
