import type { Json } from '../../json/json.ts';
import type { McpFile } from './results/files.ts';
import type { Listing, McpServer } from './server.ts';

/** What is kept of servers. */
export type McpRows = {
  /** Undefined when it is not active, not there, or another tenant's. */
  find(tenantId: string, id: string): Promise<McpServer | undefined>;
  /** Gives what is not accepted. */
  record(server: McpServer, listing: Listing): Promise<Json[]>;
  fail(server: McpServer, reason: string): Promise<void>;
  /** Gives the id of the file's row. Throws what the database refuses. */
  keep(executionId: string, file: McpFile): Promise<string>;
};
