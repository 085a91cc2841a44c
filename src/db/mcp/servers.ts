import type { Json, JsonObject } from '../../json/json.ts';
import { storableJson } from '../../json/storable-json.ts';
import type { Pool } from '../connection/pool.ts';

/**
 * Gives agents access to a tool as its server describes it now, or only if the description has this
 * digest. Throws `HWNTF`, and `HWCNF` when the digest differs.
 */
export async function acceptMcpTool(
  client: Pick<Pool, 'query'>,
  { server, tool, digest }: { server: string; tool: string; digest?: string | undefined },
): Promise<{ id: string; name: string; status: string; digest: string }> {
  const { rows } = await client.query(
    'select m.id, m.name, m.status, m.digest from howdah.accept_mcp_tool($1, $2, $3) as m',
    [server, tool, digest ?? null],
  );
  return rows[0];
}

/**
 * Creates the calls that read and record MCP servers in the database. The caller provides the type
 * of a server.
 */
export function mcpRowsOn<Server extends { id: string; revision: string }>(pool: Pool) {
  const call = async <T>(text: string, ...values: unknown[]): Promise<T> =>
    (await pool.query<{ result: T }>(`select howdah_private.${text} as result`, values)).rows[0]
      ?.result as T;
  return {
    find: async (tenantId: string, id: string): Promise<Server | undefined> =>
      (await call<Server | null>('mcp_server($1, $2)', tenantId, id)) ?? undefined,
    record: async (
      { id, revision }: Server,
      {
        server_info,
        tools,
        prompts,
      }: {
        server_info: JsonObject;
        tools: readonly object[];
        prompts: readonly object[] | undefined;
      },
    ): Promise<Json[]> => {
      const open = await call<Json[]>(
        'record_mcp_tools($1, $2, $3, $4)',
        id,
        revision,
        JSON.stringify(server_info),
        JSON.stringify(tools),
      );
      if (!prompts) return open;
      const text = JSON.stringify(prompts);
      return [
        ...open,
        ...(await call<Json[]>('record_mcp_prompts($1, $2, $3)', id, revision, text)),
      ];
    },
    fail: ({ id, revision }: Server, reason: string): Promise<void> =>
      call('record_mcp_failure($1, $2, $3)', id, revision, reason),
    /** Stores a file that came with a result. Returns the id of its row. */
    keep: (
      executionId: string,
      file: { name: string; type: string; bytes: Buffer; origin: JsonObject },
    ): Promise<string> =>
      call(
        'store_mcp_file($1, $2, $3, $4, $5)',
        executionId,
        file.name,
        file.type,
        file.bytes,
        storableJson(file.origin),
      ),
    /** Begins the discovery of the server of a job. The next attempt is already in the queue. */
    begin: async (tenantId: string, id: string, attempt: number): Promise<Server | undefined> =>
      (await call<Server | null>('begin_discovery($1, $2, $3)', tenantId, id, attempt)) ??
      undefined,
  };
}
