import type { Task } from 'graphile-worker';
import { PrioritySemaphore } from '../../src/runtime/scheduling/priority-semaphore.ts';
import type { McpPool } from '../../src/tools/mcp/pool.ts';
import type { McpServer } from '../../src/tools/mcp/server.ts';
import { discoverToolsPayload } from '../payloads.ts';

/** So many servers are asked at once. */
const AT_ONCE = 4;

/**
 * An MCP server is new or changed: it is asked what it offers. Not within the job, since a server that does not answer would
 * keep wake-ups waiting; should this process end before, the job that `begin` left in the queue asks again.
 */
export function discoverToolsTask(
  mcp: Pick<McpPool, 'discover'>,
  begin: (tenantId: string, id: string, attempt: number) => Promise<McpServer | undefined>,
): Task {
  const slots = new PrioritySemaphore(AT_ONCE);
  const discover = async (server: McpServer): Promise<void> => {
    await slots.acquire(0);
    await mcp.discover(server).finally(() => slots.release());
  };
  return async (payload) => {
    const { id, tenant_id, attempt } = discoverToolsPayload.parse(payload);
    const server = await begin(tenant_id, id, attempt);
    if (server) {
      void discover(server);
    }
  };
}
