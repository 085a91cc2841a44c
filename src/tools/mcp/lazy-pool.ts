import type { McpPool, McpPoolOptions } from './pool.ts';

/**
 * Creates the pool with its first call. The client of the protocol takes 0.1 s of CPU and 34 MB, and
 * most workers call no MCP server.
 */
export function createLazyMcpPool(options: McpPoolOptions): McpPool {
  let opening: Promise<McpPool> | undefined;
  const open = (): Promise<McpPool> => {
    opening ??= import('./pool.ts').then(({ createMcpPool }) => createMcpPool(options));
    return opening;
  };
  return {
    call: async (...call) => (await open()).call(...call),
    discover: async (server) => (await open()).discover(server),
    close: async () => (await opening)?.close(),
  };
}
