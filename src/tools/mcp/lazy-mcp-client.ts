import { lazy } from '../../concurrency/lazy.ts';
import type { RunError } from '../../contracts/errors.ts';
import type { McpClient, McpClientOptions } from './mcp-client.ts';

type LoadClient = () => Promise<Pick<typeof import('./mcp-client.ts'), 'createMcpClient'>>;

/**
 * Creates the client with its first call. The client of the protocol takes 0.1 s of CPU and 34 MB,
 * and most workers call no MCP server. Tests set `load`.
 */
export function createLazyMcpClient(
  options: McpClientOptions,
  load: LoadClient = () => import('./mcp-client.ts'),
): McpClient {
  const client = lazy(async () => (await load()).createMcpClient(options));
  return {
    async call(tool, ...rest) {
      const opened = await client.get().catch((error) => loadError(tool.name, error));
      return 'code' in opened ? { ok: false, error: opened } : opened.call(tool, ...rest);
    },
    async discover(server) {
      const opened = await client.get().catch((error) => loadError(server.name, error));
      if (!('code' in opened)) return opened.discover(server);
      options.log.warn({ server: server.name, reason: opened.message }, 'no MCP server there');
      await options.rows.fail(server, opened.message).catch(() => {});
    },
    close: async () => (await client.ifLoaded())?.close(),
  };
}

/** Returns the error of a call for which the client could not be loaded, so nothing was sent. */
function loadError(server: string, error: unknown): RunError {
  const reason = error instanceof Error ? error.message : String(error);
  const message = `the MCP client for ${server} could not be loaded: ${reason}`;
  return { code: 'unreachable', message, retryable: true, cause: { server, sent: false } };
}
