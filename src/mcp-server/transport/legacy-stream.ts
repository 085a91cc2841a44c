import {
  type Server,
  WebStandardStreamableHTTPServerTransport,
} from '@modelcontextprotocol/server';
import type { Caller } from '../caller.ts';
import { createMcpServer } from '../mcp-server.ts';
import { LIST_NAMES, type WatchedChange, watchChanges } from './changes.ts';
import type { SessionSubscriptions } from './session-subscriptions.ts';

export type StreamRequest = {
  request: Request;
  caller: Caller;
  isClosing(): boolean;
  onError(error: unknown): void;
};

/**
 * Serves the stream that notifies a client of an older revision. It reports changes of lists, and
 * of the runs of its session.
 */
export async function serveStream(
  { request, caller, isClosing, onError }: StreamRequest,
  session: SessionSubscriptions,
): Promise<Response> {
  const transport = new WebStandardStreamableHTTPServerTransport({});
  const server = createMcpServer({ caller, onDisconnect: 'continue', isClosing });
  server.onerror = onError;
  await server.connect(transport);
  const response = await transport.handleRequest(request);
  const leave = () => void server.close().catch(onError);
  if (!response.ok) {
    leave();
    return response;
  }
  request.signal.addEventListener('abort', leave, { once: true });
  const watch = await watchChanges({
    caller,
    subscriptions: async () => ({ lists: EVERY_LIST, runs: await session.subscriptions() }),
    report: (change) => notifyClient(server, change),
    signal: request.signal,
  });
  void watch.over.catch(() => {}).finally(leave); // a caller without access gets no more
  return response;
}

const EVERY_LIST = new Set(LIST_NAMES);

/**
 * Notifies a client that has one connection for everything. A client that has disconnected gets
 * nothing.
 */
export async function notifyClient(server: Server, change: WatchedChange): Promise<void> {
  await server.notification(notificationOf(change)).catch(() => {});
}

function notificationOf(change: WatchedChange) {
  return 'uri' in change
    ? { method: 'notifications/resources/updated' as const, params: { uri: change.uri } }
    : { method: `notifications/${change.list}/list_changed` as const };
}
