import { createMcpHandler, isLegacyRequest } from '@modelcontextprotocol/server';
import { isJsonObject, type Json } from '../../json/json.ts';
import type { Caller } from '../caller.ts';
import { createMcpServer } from '../server.ts';
import { serveLegacy } from './legacy-http.ts';
import { serveListening } from './subscriptions.ts';

/** A request whose bearer was let in, its body read. */
export type McpRequest = {
  request: Request;
  body: Json | undefined;
  caller: Caller;
  /** What becomes of a run when its client is gone, where it was said. */
  onDisconnect: 'continue' | 'cancel' | undefined;
};

export type McpHttp = {
  handle(request: McpRequest): Promise<Response>;
  /** Ends what is under way; the runs go on. */
  close(): Promise<void>;
};

/**
 * MCP over streamable HTTP, without a session in memory: each request brings all it takes, or finds it in the database, so that any
 * process answers it. Revision 2026-07-28 is made that way; older ones are served by `serveLegacy`.
 */
export function createMcpHttp(onError: (error: unknown) => void): McpHttp {
  const closing = new AbortController();
  const shared = { isClosing: () => closing.signal.aborted };
  const callers = new WeakMap<Request, McpRequest>();
  const modern = createMcpHandler(
    ({ requestInfo }) => {
      const asked = requestInfo && callers.get(requestInfo);
      if (!asked) throw new Error('a request came past the login');
      const { caller, onDisconnect = 'cancel' } = asked; // closing the stream is how this revision cancels
      return createMcpServer({ ...shared, caller, onDisconnect });
    },
    { legacy: 'reject' },
  );
  return {
    async handle(asked) {
      const { request, body, caller, onDisconnect } = asked;
      if (await isLegacyRequest(request, body)) {
        return serveLegacy({ request, body, onError, ...shared, caller, onDisconnect });
      }
      if (isJsonObject(body) && body.method === 'subscriptions/listen') {
        return serveListening({ request, body, caller, closing: closing.signal, onError });
      }
      callers.set(request, asked);
      return modern.fetch(request, { parsedBody: body });
    },
    async close() {
      closing.abort();
      await modern.close();
    },
  };
}
