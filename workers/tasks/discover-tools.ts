import type { Task } from 'graphile-worker';
import { Semaphore } from '../../src/concurrency/semaphore.ts';
import type { McpPool } from '../../src/tools/mcp/pool.ts';
import type { McpServer } from '../../src/tools/mcp/server.ts';
import { discoverToolsPayload } from '../payloads.ts';

/** Maximum number of servers queried at once. */
const AT_ONCE = 4;

/**
 * Creates the task that queries a new or changed MCP server for its tools. The query runs outside
 * of the job, because a server that does not answer would delay wake-ups. If this process ends
 * before, the job that `begin` left in the queue tries again.
 */
export function discoverToolsTask(
  mcp: Pick<McpPool, 'discover'>,
  begin: (tenantId: string, id: string, attempt: number) => Promise<McpServer | undefined>,
): Task {
  const semaphore = new Semaphore(AT_ONCE);
  return async (payload) => {
    const { id, tenant_id, attempt } = discoverToolsPayload.parse(payload);
    const server = await begin(tenant_id, id, attempt);
    if (server) {
      // the job that `begin` left tries again after a failure
      semaphore.run({}, () => mcp.discover(server)).catch(() => {});
    }
  };
}
