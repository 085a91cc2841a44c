import type { Json, JsonObject } from '../contracts/json.ts';
import type { Pool } from './pool.ts';

/** What the database tells of an MCP server, and what is told it; the types are those of who asks. */
export function mcpRowsOn<Server extends { id: string; revision: string }>(pool: Pool) {
  const call = async <T>(text: string, ...values: unknown[]): Promise<T> =>
    (await pool.query<{ result: T }>(`select howdah_private.${text} as result`, values)).rows[0]
      ?.result as T;
  return {
    find: async (tenantId: string, id: string): Promise<Server | undefined> =>
      (await call<Server | null>('mcp_server($1, $2)', tenantId, id)) ?? undefined,
    record: (
      { id, revision }: Server,
      { server_info, tools }: { server_info: JsonObject; tools: readonly object[] },
    ): Promise<Json[]> =>
      call(
        'record_mcp_tools($1, $2, $3, $4)',
        id,
        revision,
        JSON.stringify(server_info),
        JSON.stringify(tools),
      ),
    fail: ({ id, revision }: Server, reason: string): Promise<void> =>
      call('record_mcp_failure($1, $2, $3)', id, revision, reason),
    /** The server a job is about; the next attempt stands in the queue. */
    begin: async (tenantId: string, id: string, attempt: number): Promise<Server | undefined> =>
      (await call<Server | null>('begin_discovery($1, $2, $3)', tenantId, id, attempt)) ??
      undefined,
  };
}
