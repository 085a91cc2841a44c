import type { Json, JsonObject } from '../../json/json.ts';
import { storableJson } from '../../json/storable-json.ts';
import { callPrivate, type Pool, type Queryable } from '../connection/pool.ts';

/**
 * Gives agents access to a tool as its server describes it now, or only if the description has this
 * digest. Throws `HWNTF`, and `HWCNF` when the digest differs.
 */
export async function acceptMcpTool(
  client: Queryable,
  { server, tool, digest }: { server: string; tool: string; digest?: string | undefined },
): Promise<{ id: string; name: string; status: string; digest: string }> {
  const { rows } = await client.query(
    'select m.id, m.name, m.status, m.digest from howdah.accept_mcp_tool($1, $2, $3) as m',
    [server, tool, digest ?? null],
  );
  return rows[0];
}

type McpServerKey = { id: string; revision: string };

/** The answers of a server to the question of what it offers. */
type Discovery = {
  server_info: JsonObject;
  tools: readonly object[];
  prompts: readonly object[] | undefined;
};

/**
 * Creates the calls that read and record MCP servers in the database. The caller provides the type
 * of a server.
 */
export function mcpRowsOn<Server extends McpServerKey>(pool: Pool) {
  return {
    find: async (tenantId: string, id: string): Promise<Server | undefined> =>
      (await callPrivate<Server | null>(pool, 'mcp_server', tenantId, id)) ?? undefined,
    record: (server: Server, found: Discovery): Promise<Json[]> =>
      recordDiscovery(pool, server, found),
    fail: ({ id, revision }: Server, reason: string): Promise<void> =>
      callPrivate(pool, 'record_mcp_failure', id, revision, reason),
    /** Stores a file that came with a result. Returns the id of its row. */
    keep: (
      executionId: string,
      file: { name: string; type: string; bytes: Buffer; origin: JsonObject },
    ): Promise<string> =>
      callPrivate(
        pool,
        'store_mcp_file',
        executionId,
        file.name,
        file.type,
        file.bytes,
        storableJson(file.origin),
      ),
    /** Begins the discovery of the server of a job. The next attempt is already in the queue. */
    begin: async (tenantId: string, id: string, attempt: number): Promise<Server | undefined> =>
      (await callPrivate<Server | null>(pool, 'begin_discovery', tenantId, id, attempt)) ??
      undefined,
  };
}

/** Records what a server offers. Returns the tools and prompts that are not accepted. */
async function recordDiscovery(
  pool: Pool,
  { id, revision }: McpServerKey,
  { server_info, tools, prompts }: Discovery,
): Promise<Json[]> {
  const values = [JSON.stringify(server_info), JSON.stringify(tools)];
  const open = await callPrivate<Json[]>(pool, 'record_mcp_tools', id, revision, ...values);
  if (!prompts) return open;
  const text = JSON.stringify(prompts);
  return [...open, ...(await callPrivate<Json[]>(pool, 'record_mcp_prompts', id, revision, text))];
}
