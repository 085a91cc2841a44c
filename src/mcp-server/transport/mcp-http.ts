import { createMcpHandler, isLegacyRequest } from '@modelcontextprotocol/server';
import { isJsonObject, type Json } from '../../json/json.ts';
import type { Caller } from '../caller.ts';
import { protectArguments } from '../calls/protected-arguments.ts';
import { createMcpServer } from '../mcp-server.ts';
import { serveLegacy } from './legacy-http.ts';
import { serveListening } from './serve-listening.ts';

/** An authenticated request, whose body is already read. */
export type McpRequest = {
  request: Request;
  body: Json | undefined;
  caller: Caller;
  /** The action on a run when its client has disconnected, if the request states one. */
  onDisconnect: 'continue' | 'cancel' | undefined;
};

export type McpHttp = {
  handle(request: McpRequest): Promise<Response>;
  /** Ends open requests. The runs continue. */
  close(): Promise<void>;
};

/**
 * Creates MCP over streamable HTTP, without a session in memory. Each request contains all that it
 * needs, or finds it in the database, so that any process can answer it. Revision 2026-07-28 is
 * designed that way. `serveLegacy` serves older revisions.
 */
export function createMcpHttp(onError: (error: unknown) => void): McpHttp {
  const closing = new AbortController();
  const shared = { isClosing: () => closing.signal.aborted };
  const callers = new WeakMap<Request, McpRequest>();
  const modern = createMcpHandler(
    ({ requestInfo }) => {
      const mcpRequest = requestInfo && callers.get(requestInfo);
      if (!mcpRequest) throw new Error('the request was not authenticated');
      // In this revision, a client cancels a call by closing the stream.
      const { caller, onDisconnect = 'cancel' } = mcpRequest;
      return createMcpServer({ ...shared, caller, onDisconnect });
    },
    { legacy: 'reject' },
  );
  return {
    async handle(mcpRequest) {
      const { request, caller, onDisconnect } = mcpRequest;
      const body = mcpRequest.body === undefined ? undefined : protectArguments(mcpRequest.body);
      if (await isLegacyRequest(request, body)) {
        return serveLegacy({ request, body, onError, ...shared, caller, onDisconnect });
      }
      if (isJsonObject(body) && body.method === 'subscriptions/listen') {
        return serveListening({ request, body, caller, closing: closing.signal, onError });
      }
      callers.set(request, mcpRequest);
      return modern.fetch(request, { parsedBody: body });
    },
    async close() {
      closing.abort();
      await modern.close();
    },
  };
}
