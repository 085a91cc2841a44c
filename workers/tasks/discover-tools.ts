import type { Task } from 'graphile-worker';
import { Semaphore } from '../../src/concurrency/semaphore.ts';
import type { McpClient } from '../../src/tools/mcp/mcp-client.ts';
import type { McpServer } from '../../src/tools/mcp/server.ts';
import { discoverToolsPayload } from '../payloads.ts';

/** Maximum number of servers queried at once. */
const AT_ONCE = 4;
/** The time after which a query that no permit was free for is tried again. */
const BUSY_MS = 2_000;

/**
 * Creates the task that queries a new or changed MCP server for its tools. The query runs outside
 * of the job, because a server that does not answer would delay wake-ups. If this process ends
 * before, the job that `begin` left in the queue tries again. A query that has to wait goes back to
 * the queue: it has not begun, so it counts no attempt, and another worker may take it.
 */
export function discoverToolsTask(
  mcp: Pick<McpClient, 'discover'>,
  begin: (tenantId: string, id: string, attempt: number) => Promise<McpServer | undefined>,
): Task {
  const semaphore = new Semaphore(AT_ONCE);
  return async (payload, { addJob }) => {
    const discovery = discoverToolsPayload.parse(payload);
    const { id, tenant_id, attempt } = discovery;
    const release = semaphore.tryAcquire();
    if (!release) {
      const runAt = new Date(Date.now() + BUSY_MS);
      await addJob('discover_tools', discovery, { jobKey: `mcp ${id}`, runAt, maxAttempts: 3 });
      return;
    }
    const server = await begin(tenant_id, id, attempt).catch((error: unknown) => {
      release();
      throw error;
    });
    if (!server) return release();
    // the job that `begin` left tries again after a failure
    mcp
      .discover(server)
      .catch(() => {})
      .finally(release);
  };
}
