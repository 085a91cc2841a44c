import { lazy } from '../../concurrency/lazy.ts';
import type { RunError } from '../../contracts/errors.ts';
import type { McpPool, McpPoolOptions } from './pool.ts';

type LoadPool = () => Promise<Pick<typeof import('./pool.ts'), 'createMcpPool'>>;

/**
 * Creates the pool with its first call. The client of the protocol takes 0.1 s of CPU and 34 MB,
 * and most workers call no MCP server. Tests set `load`.
 */
export function createLazyMcpPool(
  options: McpPoolOptions,
  load: LoadPool = () => import('./pool.ts'),
): McpPool {
  const pool = lazy(async () => (await load()).createMcpPool(options));
  return {
    async call(tool, ...rest) {
      const opened = await pool.get().catch((error) => loadError(tool.name, error));
      return 'code' in opened ? { ok: false, error: opened } : opened.call(tool, ...rest);
    },
    async discover(server) {
      const opened = await pool.get().catch((error) => loadError(server.name, error));
      if (!('code' in opened)) return opened.discover(server);
      options.log.warn({ server: server.name, reason: opened.message }, 'no MCP server there');
      await options.rows.fail(server, opened.message).catch(() => {});
    },
    close: async () => (await pool.ifLoaded())?.close(),
  };
}

/** Returns the error of a call for which the client could not be loaded, so nothing was sent. */
function loadError(server: string, error: unknown): RunError {
  const reason = error instanceof Error ? error.message : String(error);
  const message = `the MCP client for ${server} could not be loaded: ${reason}`;
  return { code: 'unreachable', message, retryable: true, cause: { server, sent: false } };
}
